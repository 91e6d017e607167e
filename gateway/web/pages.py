"""Pages: templates compiled at start, and the policy under which a browser shows them."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from gateway.model.answer import Answer
from gateway.model.inbound import RawHeaders
from gateway.web.compiled import environment
from gateway.web.replies import Replies, set_cookies

_STYLES = ("style.css", "console.css")
_TEMPLATES = (
    "signin.html",
    "signout.html",
    "account.html",
    "password.html",
    "tokens.html",
    "error.html",
    "cancelled.html",
    "console_users.html",
    "console_user.html",
    "console_sessions.html",
    "console_audit.html",
    "console_routes.html",
    "console_providers.html",
)
_NOTHING = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-out</title></html>'
_LATER = "8d1c5ab2-said-later"
_FORM_REFERRER: RawHeaders = ((b"Referrer-Policy", b"same-origin"),)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A page of which one text is still to come."""

    before: str
    after: str

    def saying(self, text: str) -> str:
        """Return the page with *text* in its place."""
        return f"{self.before}{escape(text)}{self.after}"


class Pages:
    """Renders our pages. *prefix* is where their links lead, *issuers* are the providers' issuers."""

    def __init__(self, *, replies: Replies, prefix: str, issuers: Sequence[str]) -> None:
        self._replies = replies
        templates = environment(prefix=prefix)
        self._templates = {name: templates.get_template(name) for name in _TEMPLATES}
        styles = " ".join(f"'sha256-{_digest(templates.get_template(each).render())}'" for each in _STYLES)
        self._closed = _policy(styles, "'none'")
        self._forms = _policy(styles, "'self'")
        # Browsers hold every redirect that follows a form to form-action (CSP 3, 4.2.6), so also those
        # by which an issuer hands on to another one, whose address nobody here knows: all of https.
        self._framing = {issuer: _framing_policy(issuer) for issuer in issuers}
        self._departures = _policy(styles, " ".join(["'self'", "https:", *_plain_origins(issuers)]))

    def prepared(self, name: str, facts: Mapping[str, object], *, but: str) -> Prepared:
        """Return a page without forms in which everything is said *but* the fact of that name."""
        before, _, after = self._templates[name].render({**facts, but: _LATER}).partition(_LATER)
        return Prepared(before, after)

    def message(self, html: str, *, status: int, headers: RawHeaders) -> Answer:
        """Return *html*, a page without forms."""
        return self._replies.page(html, policy=self._closed, status=status, headers=headers)

    def framed(self, *, issuer: str, cookies: Sequence[bytes]) -> Answer:
        """Return the empty page that only *issuer*, one of the configured ones, may show in a frame."""
        policy = self._framing[issuer]
        return self._replies.framed(_NOTHING, policy=policy, headers=set_cookies(cookies))

    def form(
        self,
        name: str,
        facts: Mapping[str, object],
        *,
        cookies: Sequence[bytes],
        departs: bool = False,
        status: int = 200,
        headers: RawHeaders = (),
    ) -> Answer:
        """Return a page with forms; *departs* where one of them leads on to another origin."""
        html = self._templates[name].render(facts)
        policy = self._departures if departs else self._forms
        headers = (*_FORM_REFERRER, *headers, *set_cookies(cookies))
        return self._replies.page(html, policy=policy, status=status, headers=headers)


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def _policy(styles: str, form_action: str) -> bytes:
    return (
        f"default-src 'none'; style-src {styles}; form-action {form_action}; "
        "frame-ancestors 'none'; base-uri 'none'"
    ).encode()


def _framing_policy(issuer: str) -> bytes:
    parts = urlsplit(issuer)
    origin = f"{parts.scheme}://{parts.netloc}"
    return f"default-src 'none'; form-action 'none'; frame-ancestors {origin}; base-uri 'none'".encode()


def _plain_origins(urls: Sequence[str]) -> list[str]:
    """Return the origins that `https:` does not cover: issuers on loopback."""
    parts = [urlsplit(url) for url in urls]
    return list(dict.fromkeys(f"http://{part.netloc}" for part in parts if part.scheme == "http"))
