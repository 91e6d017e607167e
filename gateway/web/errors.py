"""Errors become answers here and nowhere else: JSON for programs, a page for people.

Both carry the code and the request id, never the text of the error, which is for the log.
"""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from gateway.errors import (
    BearerRefused,
    Challenged,
    CredentialsRefused,
    GatewayError,
    LoginCancelled,
    LoginRequired,
    MethodRefused,
    SignOutIncomplete,
    StepUpRequired,
    TooManyAttempts,
    TooManyRequests,
    Unavailable,
)
from gateway.flows.targets import ReturnTargets
from gateway.model.answer import Answer
from gateway.model.inbound import Inbound, RawHeaders
from gateway.web.pages import Pages, Prepared
from gateway.web.purpose import ROUTE
from gateway.web.replies import FORGET, Replies, set_cookies
from gateway.web.resources import bearer_challenge
from gateway.web.words import CANCELLED, Way, Words, words_for

RETRY_AFTER = b"5"
# A scheme that no browser knows, so none opens a dialog (RFC 9110 11.6.1 wants a challenge).
_CHALLENGE = b'Vestibule realm="sign-in"'
_DESCRIPTION = "Prove once more who you are, as recently and as strongly as this asks"
# What a person mends on the sign-in page, and a navigation is led to.
_LEADING = (LoginRequired, StepUpRequired)


class ErrorPages:
    """Turns any error into the one answer to its request."""

    def __init__(
        self, *, pages: Pages, replies: Replies, targets: ReturnTargets, public_url: str, prefix: str
    ) -> None:
        self._pages = pages
        self._replies = replies
        self._targets = targets
        self._public_url = public_url.rstrip("/")
        self._signin = f"{prefix}/signin"
        self._made: dict[str, Prepared] = {}
        self._ways = {
            Way.HOME: "/",
            Way.LOGIN: self._signin,
            Way.ACCOUNT: f"{prefix}/account",
            Way.CONSOLE: f"{prefix}/admin/",
            Way.NONE: "",
        }

    def answer(
        self,
        error: GatewayError,
        *,
        inbound: Inbound | None,
        request_id: str,
        extra_cookies: tuple[bytes, ...] = (),
        person: bool = False,
    ) -> Answer:
        """Return the answer for *error*; without *inbound*, which was never understood, *person* says whether
        somebody reads it."""
        cookies = set_cookies(extra_cookies)
        if isinstance(error, _LEADING) and inbound is not None and inbound.navigation:
            return self._replies.redirect(self._way_in(inbound, error.route), status=302, headers=cookies)
        headers = (*_borne(error, inbound), *explaining(error), *cookies)
        if not (person if inbound is None else _reads_pages(error, inbound)):
            return self._document(error, request_id, headers)
        html = self._page_of(error, inbound).saying(request_id)
        return self._pages.message(html, status=error.status, headers=headers)

    def explain(self, code: str, *, request_id: str) -> Answer:
        """Return the page about *code*, for somebody who was sent there."""
        html = self._page("error.html", words_for(code), code="").saying(request_id)
        return self._pages.message(html, status=200, headers=())

    def _page_of(self, error: GatewayError, inbound: Inbound | None) -> Prepared:
        """Return the page about *error*, made once for all like it: they come when there is least time."""
        if isinstance(error, StepUpRequired) and inbound is not None:
            href = self._way_in(inbound, error.route)
            return self._page("error.html", words_for(error.code), code=error.code, href=href)
        page = self._made.get(error.code)
        if page is None:
            name = "cancelled.html" if isinstance(error, LoginCancelled) else "error.html"
            words = CANCELLED if isinstance(error, LoginCancelled) else words_for(error.code)
            page = self._made[error.code] = self._page(name, words, code=error.code)
        return page

    def _document(self, error: GatewayError, request_id: str, headers: RawHeaders) -> Answer:
        told: dict[str, object] = {"error": error.code, "request_id": request_id}
        if isinstance(error, _LEADING):
            told["login_url"] = self._public_url + self._signin + _asking(route=error.route)
        if isinstance(error, StepUpRequired):
            told |= _demand(error)
        return self._replies.document(told, status=error.status, headers=headers)

    def _way_in(self, inbound: Inbound, route: str) -> str:
        """Return the sign-in page, on the host where logins live, with the way back if it is safe."""
        way = self.way_in(inbound, route)
        return way.removeprefix(self._public_url) if inbound.host == self._targets.host else way

    def way_in(self, inbound: Inbound, route: str) -> str:
        """Return the absolute address of the sign-in page, with the way back to *inbound* if it is safe."""
        asked = _asking(return_to=self._targets.original(inbound) or "", route=route)
        return self._public_url + self._signin + asked

    def _page(self, name: str, words: Words, *, code: str, href: str | None = None) -> Prepared:
        new_tab = code in (LoginRequired.code, StepUpRequired.code)
        href = self._ways[words.way] if href is None else href
        facts = {"words": words, "href": href, "new_tab": new_tab, "code": code}
        return self._pages.prepared(name, facts, but="request_id")


def _borne(error: GatewayError, inbound: Inbound | None) -> RawHeaders:
    """Return the challenge to a bearer, where the route takes any (RFC 6750 3, RFC 9728 5.1)."""
    if inbound is None or not isinstance(error, Challenged) or error.resource is None:
        return ()
    told: dict[str, object] = {}
    if isinstance(error, BearerRefused):
        told = {"error": error.code}
    if isinstance(error, StepUpRequired):
        told = {"error": error.code, **_demand(error)}
    return ((b"WWW-Authenticate", bearer_challenge(error.resource, inbound, told)),)


def explaining(error: GatewayError) -> RawHeaders:
    """Return the headers that belong to the status of *error*, on whatever page it is told."""
    if isinstance(error, LoginRequired | CredentialsRefused):
        return ((b"WWW-Authenticate", _CHALLENGE),)
    if isinstance(error, StepUpRequired):
        return ((b"WWW-Authenticate", _step_up_challenge(error)),)
    if isinstance(error, TooManyRequests):
        return _rate_limited(error)
    if isinstance(error, TooManyAttempts):
        return ((b"Retry-After", str(error.retry_after).encode()),)
    if isinstance(error, Unavailable):
        wait = (b"Retry-After", RETRY_AFTER)
        return (wait, *FORGET) if isinstance(error, SignOutIncomplete) else (wait,)
    if isinstance(error, MethodRefused) and error.allow:
        return ((b"Allow", _listed(error.allow)),)
    return ()


def _rate_limited(error: TooManyRequests) -> RawHeaders:
    """Return when to come back (RFC 9110 10.2.3; draft-ietf-httpapi-ratelimit-headers)."""
    return (
        (b"Retry-After", b"%d" % error.retry_after),
        (b"RateLimit-Policy", b'"route";%b' % error.policy.encode("ascii")),
        (b"RateLimit", b'"route";r=0;t=%d' % error.retry_after),
    )


def _asking(*, return_to: str = "", route: str = "") -> str:
    """Return the query that asks the sign-in page for this, empty where there is nothing to ask."""
    asked = {"return_to": return_to, ROUTE: route}
    query = urlencode({name: value for name, value in asked.items() if value}, quote_via=quote, safe="/")
    return f"?{query}" if query else ""


def _step_up_challenge(error: StepUpRequired) -> bytes:
    """Return the challenge of RFC 9470 3; no value can hold a quotation mark."""
    told = {"error": error.code, "error_description": _DESCRIPTION, **_demand(error)}
    parameters = "".join(f', {name}="{value}"' for name, value in told.items())
    return _CHALLENGE + parameters.encode("ascii")


def _demand(error: StepUpRequired) -> dict[str, object]:
    """Return what the route demands, in the parameters of RFC 9470 3."""
    told: dict[str, object] = {}
    if error.max_age is not None:
        told["max_age"] = error.max_age
    if error.acr_values:
        told["acr_values"] = " ".join(error.acr_values)
    return told


def _listed(words: Sequence[str]) -> bytes:
    return ", ".join(words).encode()


def _reads_pages(error: GatewayError, inbound: Inbound) -> bool:
    """Say whether a person will see the answer: a navigation, a form's too, or asked for HTML."""
    modes = inbound.values(b"sec-fetch-mode")
    if isinstance(error, _LEADING):
        # Only a form that was sent can be here; a script that accepts HTML is still a script.
        return modes == [b"navigate"] if modes else inbound.wants_html
    return inbound.wants_html or modes == [b"navigate"]
