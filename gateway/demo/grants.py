"""What the demo's issuer has promised: codes and access tokens, each for a short while."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.demo.people import Person

CODE_LIFE = 60
ACCESS_LIFE = 600
MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Somebody agreed to sign in: what the authorization request bound the code to (RFC 6749 4.1.3)."""

    person: Person
    redirect_uri: str
    challenge: str
    nonce: str | None
    at: int


class Refused(Exception):
    """The grant does not hold: `invalid_grant` (RFC 6749 5.2)."""


class Grants:
    """Codes that work once and access tokens that work for ten minutes, in memory, bounded."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._codes: dict[str, Consent] = {}
        self._people: dict[str, tuple[Person, float]] = {}

    def agree(self, person: Person, *, redirect_uri: str, challenge: str, nonce: str | None) -> str:
        """Return a new code for *person*."""
        code = secrets.token_urlsafe(32)
        self._codes[code] = Consent(
            person=person, redirect_uri=redirect_uri, challenge=challenge, nonce=nonce, at=int(self._clock())
        )
        _shrink(self._codes)
        return code

    def redeem(self, code: str, *, redirect_uri: str, verifier: str) -> Consent:
        """Return what *code* stands for, once, to whoever holds the verifier (RFC 7636 4.6)."""
        consent = self._codes.pop(code, None)
        if consent is None or self._clock() >= consent.at + CODE_LIFE:
            raise Refused("the code is unknown, used or over")
        if consent.redirect_uri != redirect_uri:
            raise Refused("redirect_uri is another")
        if not hmac.compare_digest(s256(verifier), consent.challenge):
            raise Refused("code_verifier does not match")
        return consent

    def access(self, person: Person) -> str:
        """Return a new access token that tells of *person*."""
        token = secrets.token_urlsafe(32)
        self._people[token] = (person, self._clock() + ACCESS_LIFE)
        _shrink(self._people)
        return token

    def person(self, access_token: str) -> Person | None:
        """Return whom an access token tells of, while it lives."""
        person, until = self._people.get(access_token, (None, 0.0))
        return person if self._clock() < until else None


def s256(verifier: str) -> str:
    """Return the S256 challenge of *verifier* (RFC 7636 4.2)."""
    return base64url(hashlib.sha256(verifier.encode("utf-8", "replace")).digest())


def at_hash(access_token: str) -> str:
    """Return the left half of the token's SHA-256 (OpenID Connect Core 3.1.3.6)."""
    return base64url(hashlib.sha256(access_token.encode("ascii")).digest()[:16])


def base64url(digest: bytes) -> str:
    """Return *digest* in base64url without padding."""
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _shrink(held: dict[str, Any]) -> None:
    while len(held) > MOST:
        del held[next(iter(held))]
