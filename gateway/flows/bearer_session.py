"""The session that stands for a bearer: as long as the token, and never anybody's login."""

from dataclasses import replace
from typing import Protocol

from gateway.model.bearer import SESSION_PREFIX, Trusted
from gateway.model.identity import Identity, VerifiedLogin
from gateway.model.session import Session, Standing


class Proved(Protocol):
    """What a token proved. Times are Unix seconds; it counts until `good_until`, which is before its end
    where its issuer has to be asked again. `of_client` says that it is nobody's but its client's."""

    @property
    def login(self) -> VerifiedLogin: ...
    @property
    def trusted(self) -> Trusted: ...
    @property
    def expires_at(self) -> int: ...
    @property
    def good_until(self) -> int: ...
    @property
    def of_client(self) -> bool: ...
    @property
    def issued_at(self) -> int | None: ...


def is_bearers(session: Session) -> bool:
    """Say whether *session* stands for a token, and was never anybody's login."""
    return session.id.startswith(SESSION_PREFIX)


def session_for(proved: Proved, user_id: str, digest: bytes, now: int) -> Session:
    """Return what stands for the caller: as long as the token, and the same for the same token.

    Its provider is the issuer's address, which is the id of none: so apps can tell a token from a login.
    """
    login = proved.login
    begun = now if proved.issued_at is None else proved.issued_at
    return Session(
        id=SESSION_PREFIX + digest.hex(),
        token_id=digest.hex(),
        identity=Identity(
            user_id=user_id,
            email=login.email,
            email_verified=login.email_verified,
            name=login.name,
            image=login.image,
            groups=login.groups,
            claims=login.claims,
        ),
        issued_at=now,
        lease_until=proved.good_until,
        authenticated_at=begun,
        ends_at=proved.expires_at,
        epoch=0,
        provider=login.issuer,
        issuer=login.issuer,
        subject=login.subject,
        issuer_sid=login.issuer_sid,
        acr=login.acr,
        amr=login.amr,
        persistent=False,
        proved_at=login.authenticated_at,
    )


def as_user(session: Session, standing: Standing) -> Session:
    """Return *session* with what the database says of its user; *session* itself where that is known."""
    identity = replace(
        session.identity,
        email=standing.email,
        email_verified=standing.email_verified,
        name=standing.name,
        image=standing.image,
        roles=standing.roles,
    )
    return session if identity == session.identity else replace(session, identity=identity)
