"""Who may pass: match, resume, admit. Proxying, forward-auth and `gateway explain` are this same code.

The route that is matched is the policy that is applied. Who calls, and what was decided, is written into
the passage.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.errors import (
    AccessDenied,
    BearerRefused,
    Challenged,
    FormRefused,
    LoginRequired,
    MethodRefused,
    Resource,
    StepUpRequired,
)
from gateway.flows.bearer_session import is_bearers
from gateway.flows.credentials import fingerprint, presented
from gateway.flows.own_origin import acts_from_here, is_same_origin
from gateway.flows.resume import Resume, Resumed
from gateway.model.bearer import Bearer
from gateway.model.event import Clock
from gateway.model.inbound import Inbound
from gateway.model.proof import UNPROVEN, Proof
from gateway.model.route import Access, Route
from gateway.model.session import Session
from gateway.passage import Passage
from gateway.routing.policy import Outcome, admit, covers_method
from gateway.routing.spellings import check_spellings
from gateway.routing.table import Table


class Bearers(Protocol):
    """Who calls with a token instead of a session."""

    def at_hand(self, bearer: Bearer, token: bytes, *, asks_for_roles: bool) -> Session | None: ...

    async def caller(self, bearer: Bearer, token: str, *, asks_for_roles: bool) -> Session:
        """Return who calls. Raises BearerRefused, AccessDenied, IssuerUnavailable, StoreUnavailable."""

    def refused(self, refusal: BearerRefused) -> None:
        """Hear of credentials that were refused before anybody was asked about them."""


class NoBearers:
    """There are none: no route takes any."""

    def at_hand(self, _bearer: Bearer, _token: bytes, *, asks_for_roles: bool) -> Session | None:
        return None

    async def caller(self, _bearer: Bearer, _token: str, *, asks_for_roles: bool) -> Session:
        raise BearerRefused("unknown", "no tokens are taken")

    def refused(self, _refusal: BearerRefused) -> None:
        """Nobody hears."""


Renewed = Callable[[Session], None]
"""Hears of sessions that a request found on a new lease, or read anew."""


def _unheard(_session: Session) -> None:
    """Nobody goes by sessions beside the requests."""


class Admission:
    """Decides about each request; *renewed* hears of sessions that somebody had to be asked for."""

    def __init__(
        self,
        *,
        table: Table,
        resume: Resume,
        clock: Clock,
        renewed: Renewed = _unheard,
        bearers: Bearers = NoBearers(),  # noqa: B008 - it has no state
    ) -> None:
        self._table = table
        self._resume = resume
        self._clock = clock
        self._renewed = renewed
        self._bearers = bearers

    async def authorize(self, passage: Passage, inbound: Inbound) -> Route:
        """Return the route that governs the request, once its caller may pass.

        Writes what it learns into *passage*. Raises NoRoute, MethodRefused, RequestRejected,
        FormRefused, LoginRequired, StepUpRequired, BearerRefused, AccessDenied, IssuerUnavailable,
        StoreUnavailable.
        """
        route = passage.route = self.match(inbound)
        try:
            return await self._authorize(passage, inbound, route)
        except Challenged as challenge:
            if route.bearer is not None:
                challenge.resource = Resource(path=route.path, scopes=route.bearer.scopes)
            raise

    async def _authorize(self, passage: Passage, inbound: Inbound, route: Route) -> Route:
        if route.methods is not None and not covers_method(route.methods, inbound.method):
            passage.decision, passage.reason = Outcome.DENY.value, "methods"
            raise MethodRefused(inbound.method, allow=sorted(route.methods))
        if inbound.websocket and route.websocket and not is_same_origin(inbound):
            passage.decision, passage.reason = Outcome.DENY.value, "origin"
            raise AccessDenied("a WebSocket from another origin")
        if not _session_counts(route, inbound):
            return self._decide(passage, inbound, route)
        if route.bearer is not None and await self._borne(passage, inbound, route, route.bearer):
            return self._decide(passage, inbound, route)
        resumed = self._resume.at_once(inbound, asks_for_roles=route.asks_for_roles)
        if resumed is None:
            resumed = await self._resume.resume(inbound, asks_for_roles=route.asks_for_roles)
            if resumed.session is not None:
                self._renewed(resumed.session)
        _note(passage, resumed)
        return self._decide(passage, inbound, route)

    async def _borne(self, passage: Passage, inbound: Inbound, route: Route, bearer: Bearer) -> bool:
        """Say whether a token decides who calls, and note who does: then no cookie is looked at."""
        try:
            token = self._presented(inbound)
            if token is None:
                return False
            passage.session = await self._bearers.caller(bearer, token, asks_for_roles=route.asks_for_roles)
        except BearerRefused as refusal:
            passage.decision, passage.reason = Outcome.DENY.value, f"bearer.{refusal.reason}"
            raise
        except AccessDenied:
            passage.decision, passage.reason = Outcome.DENY.value, "bearer.stranger"
            raise
        return True

    def _presented(self, inbound: Inbound) -> str | None:
        try:
            return presented(inbound)
        except BearerRefused as refusal:
            self._bearers.refused(refusal)
            raise

    def at_once(self, passage: Passage, inbound: Inbound) -> Route | None:
        """Return what `authorize` would, None where somebody has to be asked, or the request to be counted.

        Decides by the same calls, tells nobody, and can be repeated. Raises what they raise.
        """
        route = passage.route = self.match(inbound)
        if route.rate is not None:
            return None  # it could be counted in vain
        if _session_counts(route, inbound) and not self._known_at_once(passage, inbound, route):
            return None
        return self._decide(passage, inbound, route)

    def _known_at_once(self, passage: Passage, inbound: Inbound, route: Route) -> bool:
        """Say whether it is known who calls, and note who does, or that nobody does."""
        credential = self.credential(route, inbound)
        if route.bearer is not None and credential is not None:
            roles = route.asks_for_roles
            passage.session = self._bearers.at_hand(route.bearer, credential, asks_for_roles=roles)
            return passage.session is not None
        resumed = self._resume.warm(inbound, asks_for_roles=route.asks_for_roles)
        if resumed is None:
            return False
        _note(passage, resumed)
        return True

    def credential(self, route: Route, inbound: Inbound) -> bytes | None:
        """Return the fingerprint of the token that tells *route* who calls; None where a session does."""
        token = presented(inbound) if route.bearer is not None else None
        return None if token is None else fingerprint(token)

    def still(
        self, route: Route, inbound: Inbound, session: Session | None, credential: bytes | None
    ) -> bool:
        """Say whether `at_once` would find the very same *session*, of whoever presents *credential*."""
        if route.access is Access.PUBLIC:
            return True
        if credential is None or route.bearer is None:
            return self._resume.still(inbound, session)
        roles = route.asks_for_roles
        return self._bearers.at_hand(route.bearer, credential, asks_for_roles=roles) is session

    def match(self, inbound: Inbound) -> Route:
        """Return the route of a canonical request; refuse spellings that it does not allow."""
        route = self._table.match(inbound.host, inbound.path)
        if inbound.spellings:
            check_spellings(self._table, inbound, route)
        return route

    def _decide(self, passage: Passage, inbound: Inbound, route: Route) -> Route:
        if route.own_origin and not _by_token(passage) and not acts_from_here(inbound):
            passage.decision, passage.reason = Outcome.DENY.value, "csrf"
            raise FormRefused("a request of another site that may change something")
        identity = passage.session.identity if passage.session else None
        verdict = admit(
            route,
            identity,
            method=inbound.method,
            client_ip=inbound.client_ip,
            proof=self._proof(route, passage.session),
        )
        passage.decision, passage.reason = verdict.outcome.value, passage.reason or verdict.reason
        if verdict.outcome is Outcome.PASS:
            return route
        if verdict.outcome is Outcome.LOGIN:
            raise LoginRequired(verdict.reason, route=route.name if route.demand else "")
        if verdict.outcome is Outcome.STEP_UP and route.demand is not None:
            demand = route.demand
            raise StepUpRequired(
                verdict.reason, route=route.name, max_age=demand.max_age, acr_values=demand.acr_values
            )
        raise AccessDenied(verdict.reason)

    def _proof(self, route: Route, session: Session | None) -> Proof:
        """Return how the caller proved who they are, where the route asks: the clock is read nowhere else."""
        if route.demand is None or session is None:
            return UNPROVEN
        return session.proof(now=self._clock())


def told_of(route: Route, passage: Passage) -> Session | None:
    """Return the session that the app is told of."""
    return None if route.access is Access.PUBLIC else passage.session


def _by_token(passage: Passage) -> bool:
    """Say whether a token tells who calls: no browser sends one by itself."""
    return passage.session is not None and is_bearers(passage.session)


def _session_counts(route: Route, inbound: Inbound) -> bool:
    """Public routes know nobody, and a CORS preflight carries no credentials (Fetch 3.2.2)."""
    if route.access is Access.PUBLIC:
        return False
    return not (inbound.method == "OPTIONS" and inbound.values(b"access-control-request-method"))


def _note(passage: Passage, resumed: Resumed) -> None:
    passage.session = resumed.session
    passage.leave = resumed.leave
    passage.reason = resumed.rejected
