"""Forms come from our own pages: a token bound to a cookie, and an origin that is ours.

The token is a tag over the random value of the CSRF cookie, so it can be made only here and holds
only in the browser it was made for; it is masked anew in every answer, so that compression by
somebody else's proxy never narrows it down (rule S23).
"""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import FormRefused
from gateway.model.cookies import CookieNames
from gateway.model.inbound import Inbound, RawHeaders
from gateway.sessions.cookies import set_line, values

_SEED = re.compile(r"[A-Za-z0-9_-]{43}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{86}")
_TAG = 32
_FROM_US: tuple[list[bytes], ...] = ([b"same-origin"], [b"none"], [])


class Tags(Protocol):
    def tag(self, *parts: bytes) -> bytes: ...

    def holds(self, tag: bytes, *parts: bytes) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfToken:
    """A token for one answer, and the Set-Cookie values that it needs."""

    text: str
    cookies: tuple[bytes, ...] = ()


class Csrf:
    """Gives out tokens and checks them. *scheme* is that of `public_url`."""

    def __init__(
        self,
        *,
        mac: Tags,
        names: CookieNames,
        scheme: str,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._mac = mac
        self._names = names
        self._scheme = scheme
        self._random = random_bytes

    def issue(self, headers: RawHeaders) -> CsrfToken:
        """Return a fresh token for the browser's cookie, which is set where it has none."""
        seed = self._seed(headers)
        if seed is not None:
            return CsrfToken(text=self._masked(seed))
        seed = _text(self._random(_TAG))
        line = set_line(self._names.csrf, seed, max_age=None, secure=self._names.secure, same_site="Lax")
        return CsrfToken(text=self._masked(seed), cookies=(line,))

    def check_origin(self, inbound: Inbound) -> None:
        """Refuse a form that a browser says comes from elsewhere. Raises FormRefused."""
        origins = inbound.values(b"origin")
        ours = f"{self._scheme}://{inbound.host}".encode()
        if origins not in ([], [ours]) or inbound.values(b"sec-fetch-site") not in _FROM_US:
            raise FormRefused("form from another origin")

    def check(self, inbound: Inbound, token: str | None) -> None:
        """Raise FormRefused unless *token* was made here for the browser that sent *inbound*."""
        self.check_origin(inbound)
        seed = self._seed(inbound.headers)
        if seed is None or token is None or not _TOKEN.fullmatch(token):
            raise FormRefused("no CSRF cookie or token")
        raw = urlsafe_b64decode(token + "==")
        tag = _xor(raw[:_TAG], raw[_TAG:])
        if not self._mac.holds(tag, seed.encode()):
            raise FormRefused("CSRF token of another browser or gateway")

    def _seed(self, headers: RawHeaders) -> str | None:
        # Two cookies of the name: one was planted, and nothing says which.
        found = values(headers, self._names.csrf)
        return found[0] if len(found) == 1 and _SEED.fullmatch(found[0]) else None

    def _masked(self, seed: str) -> str:
        mask = self._random(_TAG)
        return _text(mask + _xor(mask, self._mac.tag(seed.encode())))


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
