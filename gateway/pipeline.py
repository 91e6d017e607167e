"""THE walk of a request: match, resume, admit, dress, send, relay.

The first three are `Admission.authorize`. The route that is matched is the policy that is applied and the
URL that is sent.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from math import ceil
from typing import Protocol

import msgspec

from gateway.admission import Admission, told_of
from gateway.errors import (
    AccessDenied,
    ContentTooLarge,
    LoginRequired,
    NoRoute,
    RequestRejected,
    TooManyRequests,
)
from gateway.flows.bearer_session import is_bearers
from gateway.flows.rates import Rates
from gateway.model.grant import Token
from gateway.model.inbound import Inbound, RawHeaders
from gateway.model.route import Forwarding, Rate, Route
from gateway.model.session import Session
from gateway.passage import Passage
from gateway.routing.policy import Outcome
from gateway.upstream.exchange import UpstreamAnswer
from gateway.upstream.headers import Dresser
from gateway.upstream.outbound import Mould, Outbound
from gateway.upstream.wire import Connection

_NO_TOKEN = "token"  # noqa: S105 - the reason of a decision


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How a request was decided, and what is sent for one more of its target and fields.

    *inbound* is the request but for its id, *credential* the fingerprint of the token that told who called.
    """

    inbound: Inbound
    route: Route
    session: Session | None
    credential: bytes | None
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


class Pipeline:
    """Carries admitted requests to their upstream."""

    def __init__(
        self,
        *,
        admission: Admission,
        dresser: Dresser,
        pools: Mapping[str, UpstreamPool],
        monotonic: Callable[[], float],
        tokens: Tokens = NoTokens(),  # noqa: B008 - it has no state
        rates: Rates | None = None,
    ) -> None:
        self._admission = admission
        self._dresser = dresser
        self._pools = pools
        self._monotonic = monotonic
        self._tokens = tokens
        self._rates = rates or Rates(monotonic=monotonic)

    async def proxy(self, passage: Passage, body: Body, reply: Reply, *, again: bool = False) -> None:
        """Authorize, forward, and relay the answer as it comes; *again*: after one vain attempt."""
        inbound = passage.inbound
        if inbound is None:
            raise RequestRejected("nothing was received")
        route = await self._admission.authorize(passage, inbound)
        pool = self._pool(route)
        _check_length(route, inbound)
        if route.rate is not None and not again:
            await self._count(route, route.rate, passage, inbound)
        session = told_of(route, passage)
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
        route = await self._admission.authorize(passage, inbound)
        if route.rate is not None:
            await self._count(route, route.rate, passage, inbound)
        session = told_of(route, passage)
        token = await self._token(passage, session, route.forwarding)
        return self._dresser.tell(inbound, route, session, token)

    def at_once(self, passage: Passage, inbound: Inbound) -> tuple[Outbound, UpstreamPool] | None:
        """Return what is sent and where, if the caller may pass and nobody has to be asked; else None.

        Decides as `proxy` does, tells nobody, and can be repeated. Raises what it raises.
        """
        route = self._admission.at_once(passage, inbound)
        if route is None:
            return None
        pool = self._pool(route)
        _check_length(route, inbound)
        session = told_of(route, passage)
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
        mould = self._dresser.mould(inbound, route, told_of(route, passage))
        if mould is None:
            return None
        return Course(
            inbound=inbound,
            route=route,
            session=session,
            credential=self._admission.credential(route, inbound),
            decision=passage.decision,
            reason=passage.reason,
            mould=mould,
            pool=self._pool(route),
        )

    def again(self, course: Course, passage: Passage) -> Outbound | None:
        """Return what is sent for one more request of *course*; None where its caller has to be known anew.

        Whether the session or the token holds is asked each time.
        """
        route = course.route
        if not self._admission.still(route, course.inbound, course.session, course.credential):
            return None
        outbound = self._dresser.cast(course.mould, passage.request_id)
        if outbound is not None:
            passage.route, passage.session = route, course.session
            passage.decision, passage.reason = course.decision, course.reason
        return outbound

    def _pool(self, route: Route) -> UpstreamPool:
        if route.upstream is None:
            raise NoRoute("a proxy in front sends the requests of this route, and this one came to us")
        return self._pools[route.upstream.name]

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


def _content(body: Body, *, most: int | None) -> AsyncIterator[bytes] | bytes:
    """Return the whole body where it has come, to be sent with its head; else the body as it comes."""
    whole = body.at_hand(most=most)
    return body.chunks(most=most) if whole is None else whole


def _counted(rate: Rate, session: Session | None, inbound: Inbound) -> tuple[str, ...]:
    """Return whose requests *rate* counts together with this one."""
    if rate.by == "route":
        return ("route",)
    if rate.by == "user" and session is not None:
        return ("user", session.identity.user_id)
    return ("address", inbound.client_ip)


def _check_length(route: Route, inbound: Inbound) -> None:
    if route.max_body is not None and (inbound.length or 0) > route.max_body:
        raise ContentTooLarge(f"{inbound.length} bytes declared")
