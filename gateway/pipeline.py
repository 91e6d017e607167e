"""THE walk of a request: match, resume, admit, dress, send, relay.

Stages 1 to 4 are `authorize`; forward-auth and `gateway explain` are the same code. The route that
is matched is the policy that is applied and the URL that is sent.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from math import ceil
from typing import Protocol

import msgspec

from gateway.errors import (
    AccessDenied,
    BearerRefused,
    Challenged,
    ContentTooLarge,
    FormRefused,
    LoginRequired,
    MethodRefused,
    NoRoute,
    RequestRejected,
    Resource,
    StepUpRequired,
    TooManyRequests,
)
from gateway.flows.bearer_session import is_bearers
from gateway.flows.credentials import fingerprint, presented
from gateway.flows.own_origin import acts_from_here, is_same_origin
from gateway.flows.rates import Rates
from gateway.flows.resume import Resume, Resumed
from gateway.model.bearer import Bearer
from gateway.model.event import Clock
from gateway.model.grant import Token
from gateway.model.inbound import Inbound, RawHeaders
from gateway.model.proof import UNPROVEN, Proof
from gateway.model.route import Access, Forwarding, Rate, Route
from gateway.model.session import Session
from gateway.passage import Passage
from gateway.routing.policy import Outcome, admit, covers_method
from gateway.routing.spellings import check_spellings
from gateway.routing.table import Table
from gateway.upstream.exchange import UpstreamAnswer
from gateway.upstream.headers import Dresser, Mould, Outbound
from gateway.upstream.wire import Connection

_NO_TOKEN = "token"  # noqa: S105 - the reason of a decision


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How a request was decided, and what is sent for one more of its target and fields.

    *inbound* is the request but for its id, *token* the fingerprint of what its caller presented, where
    the route takes tokens and one came.
    """

    inbound: Inbound
    route: Route
    session: Session | None
    token: bytes | None
    decision: str
    reason: str
    mould: Mould
    pool: "UpstreamPool"

    def covers(self, inbound: Inbound) -> bool:
        """Say whether *inbound* differs in its id alone: notes belong to one method, fields and peer."""
        return inbound.notes is self.inbound.notes and inbound.target == self.inbound.target


class Body(Protocol):
    """The request's body, read at most once."""

    def at_hand(self, *, most: int | None) -> bytes | None:
        """Return the body where all of it has come, else None; raise ContentTooLarge above *most* bytes."""
        ...

    def chunks(self, *, most: int | None) -> AsyncIterator[bytes]:
        """Yield the body; raise ContentTooLarge at the first byte above *most*."""
        ...


class Reply(Protocol):
    """The way back to the client."""

    async def relay(self, answer: UpstreamAnswer, passage: Passage) -> None:
        """Write the upstream's answer as it comes, our cookies added."""
        ...


class UpstreamPool(Protocol):
    def send(
        self, outbound: Outbound, body: AsyncIterator[bytes] | bytes | None, *, again: bool = False
    ) -> AbstractAsyncContextManager[UpstreamAnswer]: ...
    def idle(self, outbound: Outbound) -> Connection | None: ...


class Tokens(Protocol):
    """Tokens of the callers' issuers."""

    def at_hand(self, session: Session, forwarding: Forwarding) -> Token | None: ...

    async def token(self, session: Session, forwarding: Forwarding) -> Token | None:
        """Return the token to forward, None where the route goes on without any.

        Raises LoginRequired, AccessDenied, IssuerUnavailable, StoreUnavailable.
        """


class NoTokens:
    """There are none: no route forwards any."""

    def at_hand(self, _session: Session, _forwarding: Forwarding) -> Token | None:
        return None

    async def token(self, _session: Session, _forwarding: Forwarding) -> Token | None:
        raise LoginRequired("no tokens of issuers are kept")


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


class Pipeline:
    """Carries admitted requests to their upstream; *renewed* hears of sessions that it had to ask for."""

    def __init__(
        self,
        *,
        table: Table,
        resume: Resume,
        dresser: Dresser,
        pools: Mapping[str, UpstreamPool],
        clock: Clock,
        monotonic: Callable[[], float],
        renewed: Renewed = _unheard,
        tokens: Tokens = NoTokens(),  # noqa: B008 - it has no state
        bearers: Bearers = NoBearers(),  # noqa: B008 - it has no state
        rates: Rates | None = None,
    ) -> None:
        self._table = table
        self._resume = resume
        self._dresser = dresser
        self._pools = pools
        self._clock = clock
        self._monotonic = monotonic
        self._renewed = renewed
        self._tokens = tokens
        self._bearers = bearers
        self._rates = rates or Rates(monotonic=monotonic)

    async def proxy(self, passage: Passage, body: Body, reply: Reply, *, again: bool = False) -> None:
        """Authorize, forward, and relay the answer as it comes; *again*: after one vain attempt."""
        inbound = passage.inbound
        if inbound is None:
            raise RequestRejected("nothing was received")
        route = await self.authorize(passage, inbound)
        pool = self._pool(route)
        _check_length(route, inbound)
        if route.rate is not None and not again:
            await self._count(route, route.rate, passage, inbound)
        session = _told_of(route, passage)
        token = await self._token(passage, session, route.forwarding)
        outbound = self._dresser.dress(inbound, route, session, token)
        content = _content(body, most=route.max_body) if inbound.has_body else None
        began = self._monotonic()
        async with pool.send(outbound, content, again=again) as answer:
            passage.upstream_seconds = self._monotonic() - began
            await reply.relay(answer, passage)

    async def vouch(self, passage: Passage, inbound: Inbound) -> RawHeaders:
        """Authorize a request that somebody else sends; return the fields that its app is to be told.

        Raises what `authorize` raises, TooManyRequests and IdentityUnrepresentable.
        """
        route = await self.authorize(passage, inbound)
        if route.rate is not None:
            await self._count(route, route.rate, passage, inbound)
        session = _told_of(route, passage)
        token = await self._token(passage, session, route.forwarding)
        return self._dresser.tell(inbound, route, session, token)

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

    def at_once(self, passage: Passage, inbound: Inbound) -> tuple[Outbound, UpstreamPool] | None:
        """Return what is sent and where, if the caller may pass and nobody has to be asked; else None.

        Decides by the same calls as `authorize`, tells nobody, and can be repeated. Raises what they
        raise.
        """
        route = passage.route = self.match(inbound)
        if route.rate is not None:
            return None  # it could be counted in vain
        if _session_counts(route, inbound) and not self._known_at_once(passage, inbound, route):
            return None
        self._decide(passage, inbound, route)
        pool = self._pool(route)
        _check_length(route, inbound)
        session = _told_of(route, passage)
        token = None
        if route.forwarding is not None and session is not None and not is_bearers(session):
            token = self._tokens.at_hand(session, route.forwarding)
            if token is None:
                return None
        return self._dresser.dress(inbound, route, session, token), pool

    def course(self, passage: Passage) -> Course | None:
        """Return what a request that `at_once` let pass has in common with others, None where nothing lasts.

        What a route asks of time, or of a count, is asked of each request.
        """
        inbound, route, session = passage.inbound, passage.route, passage.session
        if inbound is None or route is None or route.demand or route.rate:
            return None
        token = None if route.bearer is None else presented(inbound)
        mould = self._dresser.mould(inbound, route, _told_of(route, passage))
        if mould is None:
            return None
        return Course(
            inbound=inbound,
            route=route,
            session=session,
            token=None if token is None else fingerprint(token),
            decision=passage.decision,
            reason=passage.reason,
            mould=mould,
            pool=self._pool(route),
        )

    def again(self, course: Course, passage: Passage) -> Outbound | None:
        """Return what is sent for one more request of *course*; None where its caller has to be known anew.

        Whether the session or the token holds is asked each time, as `at_once` asks.
        """
        route = course.route
        if route.access is not Access.PUBLIC and not (
            self._resume.still(course.inbound, course.session)
            if course.token is None
            else self._still_borne(course, course.token)
        ):
            return None
        outbound = self._dresser.cast(course.mould, passage.request_id)
        if outbound is not None:
            passage.route, passage.session = route, course.session
            passage.decision, passage.reason = course.decision, course.reason
        return outbound

    def _still_borne(self, course: Course, token: bytes) -> bool:
        """Say whether it is known, without asking anybody, that *token* is the same caller's."""
        bearer, roles = course.route.bearer, course.route.asks_for_roles
        if bearer is None:
            return False
        return self._bearers.at_hand(bearer, token, asks_for_roles=roles) is course.session

    def _pool(self, route: Route) -> UpstreamPool:
        if route.upstream is None:
            raise NoRoute("a proxy in front sends the requests of this route, and this one came to us")
        return self._pools[route.upstream.name]

    def _known_at_once(self, passage: Passage, inbound: Inbound, route: Route) -> bool:
        """Say whether it is known who calls, and note who does, or that nobody does."""
        token = presented(inbound) if route.bearer is not None else None
        if route.bearer is not None and token is not None:
            mark, roles = fingerprint(token), route.asks_for_roles
            session = self._bearers.at_hand(route.bearer, mark, asks_for_roles=roles)
            passage.session = session
            return session is not None
        resumed = self._resume.warm(inbound, asks_for_roles=route.asks_for_roles)
        if resumed is None:
            return False
        _note(passage, resumed)
        return True

    async def _count(self, route: Route, rate: Rate, passage: Passage, inbound: Inbound) -> None:
        """Count one more request of this caller's. Raises TooManyRequests."""
        verdict = await self._rates.take(rate, (route.name, *_counted(rate, passage.session, inbound)))
        if not verdict.passes:
            passage.decision, passage.reason = Outcome.DENY.value, "rate_limit"
            raise TooManyRequests(
                f"more than {rate.requests} in {rate.per:g} s",
                retry_after=ceil(verdict.retry_after),
                policy=f"q={rate.requests};w={ceil(rate.per)}",
            )
        passage.quota = rate, verdict

    async def _token(
        self, passage: Passage, session: Session | None, forwarding: Forwarding | None
    ) -> Token | None:
        """Return the token of the caller's issuer where one is forwarded; without it they may not pass."""
        if session is None or forwarding is None or is_bearers(session):
            return None
        try:
            return await self._tokens.token(session, forwarding)
        except LoginRequired:
            passage.decision, passage.reason = Outcome.LOGIN.value, _NO_TOKEN
            raise
        except AccessDenied:
            passage.decision, passage.reason = Outcome.DENY.value, _NO_TOKEN
            raise

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


def _content(body: Body, *, most: int | None) -> AsyncIterator[bytes] | bytes:
    """Return the whole body where it has come, to be sent with its head; else the body as it comes."""
    whole = body.at_hand(most=most)
    return body.chunks(most=most) if whole is None else whole


def _by_token(passage: Passage) -> bool:
    """Say whether a token tells who calls: no browser sends one by itself."""
    return passage.session is not None and is_bearers(passage.session)


def _told_of(route: Route, passage: Passage) -> Session | None:
    """Return the session that the app is told of."""
    return None if route.access is Access.PUBLIC else passage.session


def _session_counts(route: Route, inbound: Inbound) -> bool:
    """Public routes know nobody, and a CORS preflight carries no credentials (Fetch 3.2.2)."""
    if route.access is Access.PUBLIC:
        return False
    return not (inbound.method == "OPTIONS" and inbound.values(b"access-control-request-method"))


def _counted(rate: Rate, session: Session | None, inbound: Inbound) -> tuple[str, ...]:
    """Return whose requests *rate* counts together with this one."""
    if rate.by == "route":
        return ("route",)
    if rate.by == "user" and session is not None:
        return ("user", session.identity.user_id)
    return ("address", inbound.client_ip)


def _note(passage: Passage, resumed: Resumed) -> None:
    passage.session = resumed.session
    passage.leave = resumed.leave
    passage.reason = resumed.rejected


def _check_length(route: Route, inbound: Inbound) -> None:
    if route.max_body is not None and (inbound.length or 0) > route.max_body:
        raise ContentTooLarge(f"{inbound.length} bytes declared")
