"""Answers of our own, each with the headers that every one of them carries (RFC 9700 4.2, 4.16).

Laws: nothing of ours is kept by a cache, sniffed, framed or named in a Referer; no page runs a
script. A page with a form says `same-origin` where the others say `no-referrer`: under
`no-referrer` browsers send `Origin: null` with the form's own POST (Fetch 3.1), and a form whose
origin cannot be seen is refused.
"""

from collections.abc import Sequence

import msgspec

from gateway.errors import TargetRefused
from gateway.model.answer import Answer
from gateway.model.inbound import RawHeaders

PRIVATE = b"private, no-store"
FORGET: RawHeaders = ((b"Clear-Site-Data", b'"cache"'),)
"""Has a browser that signed out drop what its back button could still show (rule S21)."""

_YEAR = b"max-age=31536000"


class Replies:
    """Makes answers. *secure* says whether browsers reach us by https."""

    def __init__(self, *, secure: bool) -> None:
        hsts: RawHeaders = ((b"Strict-Transport-Security", _YEAR),) if secure else ()
        self._always: RawHeaders = ((b"X-Content-Type-Options", b"nosniff"), *hsts)
        self._quiet: RawHeaders = (
            (b"Cache-Control", PRIVATE),
            (b"Referrer-Policy", b"no-referrer"),
            *self._always,
        )

    def document(self, value: object, *, status: int = 200, headers: RawHeaders = ()) -> Answer:
        """Return *value* as JSON."""
        return Answer(
            status=status,
            headers=((b"Content-Type", b"application/json"), *self._quiet, *headers),
            body=msgspec.json.encode(value),
        )

    def told(self, fields: RawHeaders) -> Answer:
        """Return 200 and nothing but *fields*, for a proxy that goes by them."""
        return Answer(status=200, headers=(*self._quiet, *fields))

    def public_document(self, value: object, *, seconds: int) -> Answer:
        """Return *value* as JSON that anybody may keep for *seconds*."""
        kept = (b"Cache-Control", f"public, max-age={seconds}".encode())
        headers = ((b"Content-Type", b"application/json"), kept, *self._always)
        return Answer(status=200, headers=headers, body=msgspec.json.encode(value))

    def next_url(self, url: str, *, cookies: Sequence[bytes] = (), headers: RawHeaders = ()) -> Answer:
        """Tell a script where to go next, as Auth.js clients ask for it."""
        return self.document({"url": url}, headers=(*headers, *set_cookies(cookies)))

    def redirect(
        self,
        location: str,
        *,
        status: int = 303,
        cookies: Sequence[bytes] = (),
        headers: RawHeaders = (),
    ) -> Answer:
        """Send the browser to *location*, a checked target or an issuer's address."""
        if not location.isascii() or not location.isprintable() or " " in location:
            raise TargetRefused("a location that is no URL")
        there = (b"Location", location.encode("ascii"))
        return Answer(status=status, headers=(there, *self._quiet, *headers, *set_cookies(cookies)))

    def page(self, html: str, *, policy: bytes, status: int = 200, headers: RawHeaders = ()) -> Answer:
        """Return a page under the content security *policy*. *headers* replace those of their name."""
        given = {name for name, _ in headers}
        fixed: RawHeaders = (
            (b"Content-Type", b"text/html; charset=utf-8"),
            (b"Content-Security-Policy", policy),
            (b"X-Frame-Options", b"DENY"),
            (b"Cross-Origin-Opener-Policy", b"same-origin"),
            *self._quiet,
        )
        kept = tuple(pair for pair in fixed if pair[0] not in given)
        return Answer(status=status, headers=(*kept, *headers), body=html.encode())

    def framed(self, html: str, *, policy: bytes, headers: RawHeaders = ()) -> Answer:
        """Return a page that may be framed as *policy* says; X-Frame-Options could only forbid it."""
        fixed: RawHeaders = (
            (b"Content-Type", b"text/html; charset=utf-8"),
            (b"Content-Security-Policy", policy),
            *self._quiet,
        )
        return Answer(status=200, headers=(*fixed, *headers), body=html.encode())


def set_cookies(lines: Sequence[bytes]) -> RawHeaders:
    return tuple((b"Set-Cookie", line) for line in lines)
