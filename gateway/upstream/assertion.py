"""The signed identity: a JWT (RFC 7519) that an upstream can verify, valid for a minute.

One is used again only for the same session, audience, claims and key, and only in the first half of
its life. Its `jti` therefore names the assertion, not the request.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.errors import IdentityUnrepresentable
from gateway.model.event import Clock
from gateway.model.session import Session

LIFE = 60
_REUSED_FOR = 30
_KEPT = 10_000
# What a verifier of ours still reads.
ASSERTION_LIMIT = 16 * 1024


class SigningKey(Protocol):
    """One key: `sign` returns the raw signature of RFC 7518 3.4."""

    @property
    def kid(self) -> str: ...
    @property
    def alg(self) -> str: ...
    def sign(self, data: bytes) -> bytes: ...


class Signing(Protocol):
    """Where the key that signs now is found."""

    @property
    def current(self) -> SigningKey: ...


class _Claims(msgspec.Struct, kw_only=True, omit_defaults=True):
    iss: str
    aud: str
    sub: str
    sid: str
    iat: int
    exp: int
    jti: str
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    idp: str
    auth_time: int
    email: str | None = None
    name: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An assertion about one session, by which key and when it was made."""

    session: Session
    key: SigningKey
    signed_at: float
    assertion: bytes


class Assertions:
    """Signs who is calling, for one audience at a time, and remembers what it signed lately."""

    def __init__(
        self,
        signing: Signing,
        *,
        issuer: str,
        clock: Clock,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._signing = signing
        self._issuer = issuer
        self._clock = clock
        self._random = random
        self._encoder = msgspec.json.Encoder()
        self._held: dict[tuple[str, str], Held] = {}

    def about(self, session: Session, audience: str) -> Held:
        """Return a compact JWS about *session* for *audience*, with at least half its life left.

        Raises IdentityUnrepresentable where a claim is not Unicode or all exceed 16 KiB.
        """
        place = (session.token_id, audience)
        held = self._held.get(place)
        if held is not None and self.lasts(held) and (held.session is session or held.session == session):
            return held
        now, key = self._clock(), self._signing.current
        assertion = self._sign(session, audience, key, int(now))
        held = Held(session=session, key=key, signed_at=now, assertion=assertion)
        self._hold(place, held)
        return held

    def lasts(self, held: Held) -> bool:
        """Say whether *held* still has half its life left, and the key that signs is still its own."""
        return 0 <= self._clock() - held.signed_at <= _REUSED_FOR and held.key is self._signing.current

    def _hold(self, place: tuple[str, str], held: Held) -> None:
        self._held.pop(place, None)
        if len(self._held) >= _KEPT:
            del self._held[next(iter(self._held))]
        self._held[place] = held

    def _sign(self, session: Session, audience: str, key: SigningKey, now: int) -> bytes:
        header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        claims = self._encode(self._claims(session, audience, now))
        signed = _base64url(self._encoder.encode(header)) + b"." + _base64url(claims)
        assertion = signed + b"." + _base64url(key.sign(signed))
        if len(assertion) > ASSERTION_LIMIT:
            raise IdentityUnrepresentable(f"the assertion takes {len(assertion)} of {ASSERTION_LIMIT} bytes")
        return assertion

    def _claims(self, session: Session, audience: str, now: int) -> _Claims:
        identity = session.identity
        return _Claims(
            iss=self._issuer,
            aud=audience,
            sub=identity.user_id,
            sid=hashlib.sha256(session.id.encode()).hexdigest()[:32],
            iat=now,
            exp=now + LIFE,
            jti=_base64url(self._random(16)).decode(),
            roles=identity.roles,
            groups=identity.groups,
            idp=session.provider,
            auth_time=session.last_proof_at,
            email=identity.email,
            name=identity.name,
            acr=session.acr,
            amr=session.amr,
        )

    def _encode(self, claims: _Claims) -> bytes:
        try:
            return self._encoder.encode(claims)
        except UnicodeEncodeError as error:
            raise IdentityUnrepresentable("a claim holds a lone surrogate") from error


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")
