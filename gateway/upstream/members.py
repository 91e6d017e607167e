"""An upstream of several members as one: each request goes to one that is well, or on to the next.

The law of repeating (RFC 9110 9.2.2): what was surely not sent goes to another member; what may have
been received is repeated only where it is safe, has no body, and nothing of an answer has come, once,
and never more than a fifth of all requests, so that an app in trouble is not asked twice as much.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from types import TracebackType

from gateway.errors import GatewayError, UpstreamBroken, UpstreamBusy, UpstreamTimeout, UpstreamUnreachable
from gateway.model.upstream import Limits, Upstream
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.balance import policy_for
from gateway.upstream.exchange import Content, Exchange, UpstreamAnswer, nowhere
from gateway.upstream.health import Checks, Heard, Vitals
from gateway.upstream.outbound import Outbound
from gateway.upstream.pool import Pool
from gateway.upstream.wire import Connection

_BUDGET = 0.2
_SAVED = 10.0


class Member:
    """One member: its connections, and how it does."""

    def __init__(self, pool: Pool, vitals: Vitals) -> None:
        self.pool = pool
        self.vitals = vitals
        self.name = vitals.name

    @property
    def busy(self) -> int:
        return self.pool.busy

    @property
    def share(self) -> float:
        return self.vitals.share

    def send(
        self,
        outbound: Outbound,
        body: Content | None = None,
        *,
        again: bool = False,
        elsewhere: Callable[[], bool] = nowhere,
    ) -> Exchange:
        return self.pool.send(outbound, body, again=again, elsewhere=elsewhere)


class Members:
    """Sends requests to the members of *upstream*; *heard* hears which of them come and go.

    Made within a running event loop, which it asks about their health from then on.
    """

    def __init__(
        self, upstream: Upstream, *, heads: AnswerHeads, monotonic: Callable[[], float], heard: Heard
    ) -> None:
        self._choose = policy_for(upstream.balance)
        self._repeats = _SAVED
        self._turn_kept: Member | None = None
        self._members: list[Member] = []
        for place in upstream.members:
            vitals = Vitals(
                place.url,
                slow_start=upstream.slow_start,
                monotonic=monotonic,
                heard=heard,
                may_leave=self._may_leave,
            )
            pool = Pool(upstream, place, heads=heads, witness=vitals)
            self._members.append(Member(pool, vitals))
        self._asked: list[Member] = []
        self._checks: Checks | None = None
        if upstream.health is not None:
            self._asked = self._apart(upstream, heads)
            self._checks = Checks(self._asked, upstream.health, host=upstream.authority)

    def _apart(self, upstream: Upstream, heads: AnswerHeads) -> list[Member]:
        """Return the members with a connection of its own to each: one that has no place left for requests is
        full and not ill, and what it answers when it is asked says nothing of how they fare."""
        alone = replace(upstream, limits=Limits(connections=1, queue=0))
        places = zip(self._members, upstream.members, strict=True)
        return [Member(Pool(alone, place, heads=heads), member.vitals) for member, place in places]

    def _may_leave(self) -> bool:
        out = sum(member.vitals.out for member in self._members)
        return 2 * (out + 1) <= len(self._members)

    async def close(self) -> None:
        """Close every connection to every member, at once, and return when they are gone."""
        if self._checks is not None:
            await self._checks.close()
        for member in (*self._asked, *self._members):
            await member.pool.close()

    # What the walk of a request asks for.

    def idle(self, outbound: Outbound) -> Connection | None:
        """Take an idle connection to the member that *outbound* belongs to, if there is one."""
        member = self.next(outbound, ())
        connection = member.pool.idle(outbound) if member is not None else None
        if connection is not None:  # else the request comes again
            self._earn()
        # Whose turn it was keeps it: else one that nobody is connected to would never get one.
        self._turn_kept = member if connection is None and not outbound.affinity else None
        return connection

    def send(
        self, outbound: Outbound, body: Content | None = None, *, again: bool = False
    ) -> AbstractAsyncContextManager[UpstreamAnswer]:
        """Return the context in which *outbound* is sent and its answer read; as `Pool.send`."""
        if not again:
            self._earn()
        return _Attempts(self, outbound, body, again=again)

    # What the attempts ask for.

    def next(self, outbound: Outbound, tried: tuple[Member, ...]) -> Member | None:
        """Return a member that was not *tried* for *outbound* yet, None where none is left."""
        kept, self._turn_kept = self._turn_kept, None
        members = self._eligible(tried)
        if kept in members and not outbound.affinity:
            return kept
        return self._choose(members, outbound.affinity) if members else None

    def left(self, tried: tuple[Member, ...]) -> bool:
        """Say whether there is a member that was not *tried*."""
        return bool(self._eligible(tried))

    def spend_repeat(self) -> bool:
        """Say whether one more request may be repeated, and count it."""
        if self._repeats < 1:
            return False
        self._repeats -= 1
        return True

    def _earn(self) -> None:
        self._repeats = min(_SAVED, self._repeats + _BUDGET)

    def _eligible(self, tried: tuple[Member, ...]) -> list[Member]:
        well = [member for member in self._members if member.vitals.well and member not in tried]
        return [member for member in well if not member.vitals.out] or well


class _Attempts:
    """One request, at one member after another until one takes it."""

    def __init__(self, members: Members, outbound: Outbound, body: Content | None, *, again: bool) -> None:
        self._members = members
        self._outbound = outbound
        self._body = body
        self._again = again
        self._exchange: Exchange

    async def __aenter__(self) -> UpstreamAnswer:
        tried: tuple[Member, ...] = ()
        failure: GatewayError | None = None
        while member := self._members.next(self._outbound, tried):
            tried = (*tried, member)
            self._exchange = member.send(
                self._outbound,
                self._body,
                again=self._again,
                elsewhere=partial(self._members.left, tried),
            )
            try:
                return await self._exchange.__aenter__()
            except (UpstreamUnreachable, UpstreamTimeout, UpstreamBusy) as error:
                if not self._may_go_on(error):
                    raise
                failure = error.with_traceback(None)
        raise failure or UpstreamUnreachable("no member is well")

    def _may_go_on(self, error: Exception) -> bool:
        if not self._exchange.sent:
            return True
        if not isinstance(error, UpstreamBroken) or not self._exchange.may_repeat_elsewhere():
            return False
        self._again = True
        self._outbound = self._outbound.repeated()
        # That a connection idled for too long proves nothing, so it costs nothing of the budget.
        return self._exchange.found_dead() or self._members.spend_repeat()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)
