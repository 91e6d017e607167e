"""Sign-out: GET asks, POST ends this session, all of them, or all others (rules B105, B106, B112, B115)."""

from enum import StrEnum

from gateway.errors import RequestRejected, SignOutIncomplete, TargetRefused
from gateway.flows.departures import Departures
from gateway.flows.logout import Logout
from gateway.flows.resume import Resume
from gateway.flows.targets import ReturnTargets
from gateway.model.answer import Answer
from gateway.web.csrf import Csrf
from gateway.web.destination import destination
from gateway.web.pages import Pages
from gateway.web.person import display_name
from gateway.web.query import Fields
from gateway.web.replies import FORGET, Replies
from gateway.web.visit import Visit

# The issuer's to receive, and ours alone to say (rule R12).
_OURS = ("post_logout_redirect_uri", "id_token_hint")


class Scope(StrEnum):
    """Which sessions a sign-out ends."""

    THIS = "this"
    ALL = "all"
    OTHERS = "others"


class SignOut:
    """The page and the endpoint of a logout."""

    def __init__(
        self,
        *,
        logout: Logout,
        departures: Departures,
        resume: Resume,
        targets: ReturnTargets,
        csrf: Csrf,
        pages: Pages,
        replies: Replies,
        prefix: str,
    ) -> None:
        self._logout = logout
        self._departures = departures
        self._resume = resume
        self._targets = targets
        self._csrf = csrf
        self._pages = pages
        self._replies = replies
        self._prefix = prefix

    async def ask(self, visit: Visit) -> Answer:
        """GET /signout: the question where somebody is signed in, else the news that nobody is.

        A browser that comes back from its issuer's logout goes on to where it wanted. Asks no
        store, so that an outage keeps nobody from signing out.
        """
        _refuse_foreign(visit.query)
        state = visit.query.one("state")
        arrived = self._departures.arrive(state, visit.inbound.headers) if state else None
        if arrived is not None:
            return self._replies.redirect(arrived.location, cookies=arrived.cookies)
        return self._page(visit)

    async def leave(self, visit: Visit) -> Answer:
        """POST /signout: sessions end, then `return_to` or the issuer. Raises SignOutIncomplete."""
        self._csrf.check_origin(visit.inbound)
        fields = await visit.fields()
        self._csrf.check(visit.inbound, fields.one("csrfToken"))
        _refuse_foreign(fields)
        scope, federated = _scope(fields), _is_federated(fields)
        if scope is Scope.OTHERS:
            return await self._leave_others(visit, fields)
        onward = self._onward(visit, fields, otherwise="signout")
        left = await self._logout.leave(visit.inbound, everywhere=scope is Scope.ALL, federated=federated)
        if not left.complete:
            visit.passage.leave = left.cookies
            raise SignOutIncomplete("the end of the session is not recorded")
        cookies = left.cookies
        if federated and left.session is not None:
            departure = await self._departures.leave(
                left.session, hint=left.hint, return_to=self._kept(visit, fields)
            )
            if departure is not None:
                onward, cookies = departure.location, cookies + departure.cookies
        return self._sent(visit, fields, onward, cookies)

    async def _leave_others(self, visit: Visit, fields: Fields) -> Answer:
        onward = self._onward(visit, fields, otherwise="account")
        cookies = await self._logout.leave_others(visit.inbound)
        return self._sent(visit, fields, onward, cookies)

    def _page(self, visit: Visit) -> Answer:
        host = visit.inbound.host
        return_to = destination(visit.query, self._targets, host=host)
        resumed = self._resume.at_once(visit.inbound, asks_for_roles=False)
        token = self._csrf.issue(visit.inbound.headers)
        session = resumed.session if resumed else None
        onward = self._targets.seen_from(host, return_to) if return_to else None
        issuer = self._departures.offered(session) if session else ""
        facts = {
            "signed_in": resumed is None or session is not None,
            "name": display_name(session.identity) if session else "",
            "issuer": issuer,
            "return_to": onward,
            "csrf": token.text,
        }
        # Browsers hold the redirect after a form to the page's policy too.
        departs = bool(issuer) or (onward is not None and not onward.startswith("/"))
        return self._pages.form("signout.html", facts, cookies=token.cookies, departs=departs)

    def _sent(self, visit: Visit, fields: Fields, onward: str, cookies: tuple[bytes, ...]) -> Answer:
        if visit.wants_url(fields):
            return self._replies.next_url(self._absolute(visit, onward), cookies=cookies, headers=FORGET)
        return self._replies.redirect(onward, cookies=cookies, headers=FORGET)

    def _onward(self, visit: Visit, fields: Fields, *, otherwise: str) -> str:
        host = visit.inbound.host
        return_to = destination(fields, self._targets, host=host)
        return self._targets.seen_from(host, return_to) if return_to else f"{self._prefix}/{otherwise}"

    def _kept(self, visit: Visit, fields: Fields) -> str | None:
        """Return where to go after the issuer; the landing is at home, where no other host's cookie comes."""
        host = visit.inbound.host
        return destination(fields, self._targets, host=host) if self._targets.is_home(host) else None

    def _absolute(self, visit: Visit, location: str) -> str:
        origin = self._targets.origin(visit.inbound.host)
        return origin + location if location.startswith("/") else location


def _scope(fields: Fields) -> Scope:
    """Return what is to end: a wish that is not understood must not look fulfilled."""
    wish = fields.one("scope") or Scope.THIS
    if wish not in set(Scope):
        raise RequestRejected("no such scope")
    return Scope(wish)


def _is_federated(fields: Fields) -> bool:
    wish = fields.one("federated") or "0"
    if wish not in ("0", "1") or (wish == "1" and _scope(fields) is Scope.OTHERS):
        raise RequestRejected("federated is 1 or 0, and not for other sessions")
    return wish == "1"


def _refuse_foreign(fields: Fields) -> None:
    if any(name in _OURS for name, _ in fields.pairs):
        raise TargetRefused("what goes to the issuer is not the client's to say")
