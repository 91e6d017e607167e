"""The claims of a stateless session: what is sealed in the cookie, and nothing beside it.

The law of this file: one session and one number of pieces have one encoding. A payload that is not
byte for byte what we would write (duplicate or unknown members, white space, another order) is not
ours, so a change of the fields is a change of `VERSION`.
"""

from typing import Annotated

import msgspec

from gateway.errors import LoginFailed, SessionRejected
from gateway.model.identity import Identity
from gateway.model.session import Session

VERSION = 1

_Time = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_Extra = tuple[tuple[str, tuple[str, ...]], ...]


class _Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    iss: str
    sub: str
    sid: str | None = None


class _Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    ver: int
    aud: str
    parts: int
    sub: str
    sid: str
    jti: str
    iat: _Time
    exp: _Time
    auth_time: _Time
    sexp: _Time
    sep: int
    idp: _Provider
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    picture: str | None = None
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    claims: _Extra = ()
    acr: str | None = None
    amr: tuple[str, ...] = ()
    persistent: bool = True
    proved: _Time | None = None


_decoder = msgspec.json.Decoder(_Claims)
_encoder = msgspec.json.Encoder()


def encode(session: Session, *, audience: str, pieces: int) -> bytes:
    """Return the payload that says *session*, for *audience*, in a cookie of *pieces* pieces.

    Its length does not depend on *pieces* (one digit). Raises LoginFailed for text that is not
    Unicode (lone surrogates).
    """
    identity = session.identity
    claims = _Claims(
        ver=VERSION,
        aud=audience,
        parts=pieces,
        sub=identity.user_id,
        sid=session.id,
        jti=session.token_id,
        iat=session.issued_at,
        exp=session.lease_until,
        auth_time=session.authenticated_at,
        sexp=session.ends_at,
        sep=session.epoch,
        idp=_Provider(id=session.provider, iss=session.issuer, sub=session.subject, sid=session.issuer_sid),
        email=identity.email,
        email_verified=identity.email_verified,
        name=identity.name,
        picture=identity.image,
        roles=identity.roles,
        groups=identity.groups,
        claims=identity.claims,
        acr=session.acr,
        amr=session.amr,
        persistent=session.persistent,
        proved=session.proved_at,
    )
    try:
        return _encoder.encode(claims)
    except UnicodeEncodeError:
        raise LoginFailed("a claim is not Unicode text") from None


def decode(payload: bytes, *, audience: str, pieces: int) -> Session:
    """Return the session that *payload* says; raise SessionRejected("invalid") for any other."""
    try:
        claims = _decoder.decode(payload)
    except Exception:  # whatever the decoder raises means the same: bad UTF-8 is not even its own error
        raise SessionRejected("invalid") from None
    known = claims.ver == VERSION and claims.aud == audience and claims.parts == pieces
    if not known or _encoder.encode(claims) != payload:
        raise SessionRejected("invalid")
    return _session(claims)


def largest(session: Session) -> str:
    """Say, for the log, which claims take the most bytes: names and sizes, never values."""
    identity = session.identity
    sizes = {
        "roles": _size(identity.roles),
        "groups": _size(identity.groups),
        "name": _size((identity.name or "",)),
        "email": _size((identity.email or "",)),
        "picture": _size((identity.image or "",)),
        **{f"claims.{name}": _size(values) for name, values in identity.claims},
    }
    top = sorted(sizes.items(), key=lambda claim: -claim[1])[:3]
    return ", ".join(f"{name} {size} B" for name, size in top)


def _size(values: tuple[str, ...]) -> int:
    return len(_encoder.encode(values))


def _session(claims: _Claims) -> Session:
    return Session(
        id=claims.sid,
        token_id=claims.jti,
        identity=Identity(
            user_id=claims.sub,
            email=claims.email,
            email_verified=claims.email_verified,
            name=claims.name,
            image=claims.picture,
            roles=claims.roles,
            groups=claims.groups,
            claims=claims.claims,
        ),
        issued_at=claims.iat,
        lease_until=claims.exp,
        authenticated_at=claims.auth_time,
        ends_at=claims.sexp,
        epoch=claims.sep,
        provider=claims.idp.id,
        issuer=claims.idp.iss,
        subject=claims.idp.sub,
        issuer_sid=claims.idp.sid,
        acr=claims.acr,
        amr=claims.amr,
        persistent=claims.persistent,
        proved_at=claims.proved,
    )
