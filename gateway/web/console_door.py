"""Who gets into the console: administrators, by their session alone, and by nothing that a script sends.

Laws: the role is the database's, asked at each request as for a route that asks for roles, so that whoever
lost it is refused at the next one; a token is looked at nowhere here. Only a browser that shows the page to
a person gets one, on the host of `public_url` alone; and the forms take tokens that are on these pages and
nowhere else. So a script of an app on our own origin can neither read the console nor press its buttons:
it cannot navigate by `fetch` (Fetch Metadata 2.3), frame the page, or hold on to a window that shows it
(COOP).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.errors import AccessDenied, FormRefused, LoginRequired
from gateway.flows.administration import RECENT
from gateway.flows.resume import Resume
from gateway.model.answer import Answer
from gateway.model.event import Clock
from gateway.model.inbound import Inbound
from gateway.model.role import ADMIN
from gateway.model.route import Route, Rules
from gateway.model.session import Session
from gateway.routing.policy import Outcome, admit
from gateway.web.again import SignInAgain
from gateway.web.csrf import Csrf, CsrfToken
from gateway.web.home import Home
from gateway.web.query import Fields
from gateway.web.visit import Visit

_MODES: tuple[list[bytes], ...] = ([], [b"navigate"])
_DESTINATIONS: tuple[list[bytes], ...] = ([], [b"document"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What an administrator came with: `stale` says that they have to sign in again to change anything;
    `fields` are those of a form."""

    session: Session
    stale: bool
    fields: Fields


Shown = Callable[[Visit, Pass], Awaitable[Answer]]


class ConsoleDoor:
    """Admits administrators. *csrf* makes tokens that no other page has."""

    def __init__(
        self, *, resume: Resume, csrf: Csrf, home: Home, again: SignInAgain, clock: Clock, prefix: str
    ) -> None:
        self._resume = resume
        self._csrf = csrf
        self._home = home
        self._again = again
        self._clock = clock
        self._route = Route(
            name="console",
            host=None,
            path=f"{prefix}/admin",
            upstream=None,
            allow=Rules(roles=frozenset({ADMIN})),
            asks_for_roles=True,
        )

    def page(self, show: Shown) -> Callable[[Visit], Awaitable[Answer]]:
        """Return *show* for administrators: a page, which changes nothing.

        It raises LoginRequired, AccessDenied, StoreUnavailable for everybody else.
        """

        async def served(visit: Visit) -> Answer:
            resumed = await self._resume.resume(visit.inbound, asks_for_roles=True)
            visit.passage.leave = resumed.leave
            visit.passage.reason = resumed.rejected
            session = self._admitted(visit, resumed.session)
            return await show(visit, Pass(session=session, stale=self._is_stale(session), fields=Fields()))

        return self._home.only(served)

    def form(
        self, act: Shown, *, back: Callable[[Visit, Fields], str]
    ) -> Callable[[Visit], Awaitable[Answer]]:
        """Return *act* for forms that administrators send from these pages, having signed in recently.

        Others of them are led to sign in, and then to the path that *back* says. It raises what *back* does,
        FormRefused, LoginRequired, AccessDenied, StoreUnavailable and IssuerUnavailable.
        """

        async def received(visit: Visit) -> Answer:
            if not self._home.is_here(visit):
                raise FormRefused("the console is at home only")
            self._csrf.check_origin(visit.inbound)
            fields = await visit.fields()
            self._csrf.check(visit.inbound, fields.one("csrfToken"))
            session = self._admitted(visit, await self._resume.live(visit.inbound))
            if self._is_stale(session):
                return await self._again.lead(visit, session, back=back(visit, fields))
            return await act(visit, Pass(session=session, stale=False, fields=fields))

        return received

    def token(self, visit: Visit) -> CsrfToken:
        """Return a token for the forms of the page that answers *visit*."""
        return self._csrf.issue(visit.inbound.headers)

    def _admitted(self, visit: Visit, session: Session | None) -> Session:
        """Return the session of an administrator, admitted by the rules of every route."""
        inbound, passage = visit.inbound, visit.passage
        passage.session = session
        identity = session.identity if session else None
        verdict = admit(self._route, identity, method=inbound.method, client_ip=inbound.client_ip)
        passage.decision, passage.reason = verdict.outcome.value, passage.reason or verdict.reason
        if session is None or verdict.outcome is Outcome.LOGIN:
            raise LoginRequired(verdict.reason)
        if verdict.outcome is not Outcome.PASS:
            raise AccessDenied(verdict.reason)
        if not _shown_to_a_person(inbound):
            passage.decision, passage.reason = Outcome.DENY.value, "navigation"
            raise AccessDenied("a script asks for the console")
        return session

    def _is_stale(self, session: Session) -> bool:
        return self._clock() - session.last_proof_at > RECENT


def _shown_to_a_person(inbound: Inbound) -> bool:
    """Say whether the answer becomes a page of its own, as far as the browser says what it does with it."""
    mode, destination = inbound.values(b"sec-fetch-mode"), inbound.values(b"sec-fetch-dest")
    return mode in _MODES and destination in _DESTINATIONS
