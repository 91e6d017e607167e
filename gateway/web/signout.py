"""Sign-out: GET asks, POST ends this session (rules B105, B106)."""

from gateway.errors import RequestRejected, SignOutIncomplete
from gateway.flows.logout import Logout
from gateway.flows.resume import Resume
from gateway.flows.targets import ReturnTargets
from gateway.model.answer import Answer
from gateway.model.inbound import RawHeaders
from gateway.web.csrf import Csrf
from gateway.web.destination import destination
from gateway.web.pages import Pages
from gateway.web.person import display_name
from gateway.web.query import Fields
from gateway.web.replies import Replies
from gateway.web.visit import Visit

# What the back button could still show is dropped (rule S21).
_FORGET: RawHeaders = ((b"Clear-Site-Data", b'"cache"'),)


class SignOut:
    """The page and the endpoint of a logout."""

    def __init__(
        self,
        *,
        logout: Logout,
        resume: Resume,
        targets: ReturnTargets,
        csrf: Csrf,
        pages: Pages,
        replies: Replies,
        prefix: str,
    ) -> None:
        self._logout = logout
        self._resume = resume
        self._targets = targets
        self._csrf = csrf
        self._pages = pages
        self._replies = replies
        self._prefix = prefix

    async def ask(self, visit: Visit) -> Answer:
        """GET /signout: the question where somebody is signed in, else the news that nobody is.

        Asks no store, so that an outage keeps nobody from signing out.
        """
        host = visit.inbound.host
        return_to = destination(visit.query, self._targets, host=host)
        resumed = self._resume.at_once(visit.inbound, asks_for_roles=False)
        token = self._csrf.issue(visit.inbound.headers)
        session = resumed.session if resumed else None
        onward = self._targets.seen_from(host, return_to) if return_to else None
        facts = {
            "signed_in": resumed is None or session is not None,
            "name": display_name(session.identity) if session else "",
            "return_to": onward,
            "csrf": token.text,
        }
        # Browsers hold the redirect after a form to the page's policy too.
        departs = onward is not None and not onward.startswith("/")
        return self._pages.form("signout.html", facts, cookies=token.cookies, departs=departs)

    async def leave(self, visit: Visit) -> Answer:
        """POST /signout: this session ends, then `return_to`. Raises SignOutIncomplete."""
        self._csrf.check_origin(visit.inbound)
        fields = await visit.fields()
        self._csrf.check(visit.inbound, fields.one("csrfToken"))
        _refuse_wider(fields)
        onward = self._onward(visit, fields)
        left = await self._logout.leave(visit.inbound)
        if not left.complete:
            visit.passage.leave = left.cookies
            raise SignOutIncomplete("the end of the session is not recorded")
        if visit.wants_url(fields):
            return self._replies.next_url(
                self._absolute(visit, onward), cookies=left.cookies, headers=_FORGET
            )
        return self._replies.redirect(onward, cookies=left.cookies, headers=_FORGET)

    def _onward(self, visit: Visit, fields: Fields) -> str:
        host = visit.inbound.host
        return_to = destination(fields, self._targets, host=host)
        return self._targets.seen_from(host, return_to) if return_to else f"{self._prefix}/signout"

    def _absolute(self, visit: Visit, location: str) -> str:
        origin = self._targets.origin(visit.inbound.host)
        return origin + location if location.startswith("/") else location


def _refuse_wider(fields: Fields) -> None:
    """Refuse to end more than this session: a wish that is not fulfilled must not look so."""
    if fields.one("scope") not in (None, "this") or fields.one("federated") not in (None, "", "0"):
        raise RequestRejected("only this session can be ended")
