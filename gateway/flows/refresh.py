"""Refresh: one call for one grant, whoever needs it, on however many nodes (RFC 9700 4.14.2).

Laws: who works on a grant holds its lock; that a refresh token is about to be presented is written
before; a token known to be spent is never presented. The work is detached from every request: a client
that hangs up half-finishes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Protocol

from gateway.errors import IssuerUnavailable
from gateway.flows.grants import Grant, Grants
from gateway.flows.presentation import Counts, Pace, moved
from gateway.model.event import Clock
from gateway.model.grant import GrantRecord, Lease
from gateway.model.session import Session

AT_ONCE = 8
"""Refreshes under way at one issuer."""

WAITING = 1_000
"""Refreshes that wait for their turn at one issuer; beyond, they fail at once."""

TURNS = 4
"""How often a refresh waits for its turn while others refresh the same grant for other resources."""


class Turn(Protocol):
    @property
    def lease(self) -> Lease: ...
    @property
    def record(self) -> GrantRecord | None: ...
    @property
    def noted(self) -> bool: ...
    @property
    def outcome(self) -> str | None: ...


class Turns(Protocol):
    """Where it is written whose turn it is. Raises StoreUnavailable."""

    async def begin(
        self, record: GrantRecord, *, spent: bytes, holder: str, dead: Lease | None = None
    ) -> Turn: ...


class Presentations(Protocol):
    async def present(
        self, grant: Grant, lease: Lease, session: Session, resource: str | None
    ) -> Grant | None:
        """Present the refresh token of *grant*, whose lock is held, and end that."""


_Wanted = tuple[bytes, str | None]


class Refreshes:
    """The refreshes under way in this process. *issuers* are the ids of providers."""

    def __init__(
        self,
        grants: Grants,
        presentations: Presentations,
        *,
        store: Turns,
        issuers: Iterable[str],
        clock: Clock,
        monotonic: Callable[[], float],
        counts: Counts,
        pace: Pace = Pace(),  # noqa: B008 - frozen
    ) -> None:
        self._grants = grants
        self._presentations = presentations
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._counts = counts
        self._pace = pace
        self._flights: dict[_Wanted, asyncio.Task[Grant | None]] = {}
        self._queues = {provider: asyncio.Semaphore(AT_ONCE) for provider in issuers}
        self._waiting = dict.fromkeys(self._queues, 0)

    def flight(
        self, grant: Grant, session: Session, *, resource: str | None = None
    ) -> "asyncio.Task[Grant | None]":
        """Return the work that gets a fresh access token for *resource*, begun now unless it is under way.

        Its result is the grant as it is then, None where it is gone. It raises TokenRefused,
        IssuerUnavailable and StoreUnavailable. Whoever waits for it must shield it.
        """
        wanted = (grant.record.key, resource)
        flight = self._flights.get(wanted)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._fly(grant, session, resource))
            self._flights[wanted] = flight
            flight.add_done_callback(lambda done: self._landed(wanted, done))
        return flight

    async def close(self) -> None:
        """Wait until everything under way is done and written."""
        while self._flights:
            await asyncio.wait(list(self._flights.values()))

    def _landed(self, wanted: _Wanted, flight: "asyncio.Task[Grant | None]") -> None:
        del self._flights[wanted]
        if not flight.cancelled():
            flight.exception()  # seen, also where nobody waits any more

    async def _fly(self, grant: Grant, session: Session, resource: str | None) -> Grant | None:
        async with self._place(grant.record.provider):
            for _ in range(TURNS):
                turn = await self._turn(grant)
                if turn.record is None:
                    return None
                if turn.outcome is not None and not moved(turn.record, grant.record):
                    self._counts.token_refresh(provider=turn.record.provider, outcome="known")
                    return self._grants.with_outcome(turn.record, self._grants.tag_of(grant), turn.outcome)
                found = self._grants.opened(turn.record)
                if found is None or found.tokens is None:
                    return found
                if turn.noted:
                    return await self._presentations.present(found, turn.lease, session, resource)
                if not found.tokens.is_due(resource, self._clock()):
                    return found
                self._check_pause(found.record)
                grant = found  # another had it refreshed for another resource
            raise IssuerUnavailable(f"{grant.record.provider}: others went first every time")

    def _check_pause(self, record: GrantRecord) -> None:
        if self._clock() < record.retry_at:
            raise IssuerUnavailable(f"{record.provider}: failed a moment ago, as another found out")

    @asynccontextmanager
    async def _place(self, provider: str) -> AsyncIterator[None]:
        """Wait for one of the places at an issuer, which bound what falls due in one moment."""
        queue = self._queues.get(provider)
        if queue is None or self._waiting[provider] >= WAITING:
            raise IssuerUnavailable(f"{provider}: no place for one more refresh")
        self._waiting[provider] += 1
        try:
            await queue.acquire()
        finally:
            self._waiting[provider] -= 1
        try:
            yield
        finally:
            queue.release()

    async def _turn(self, grant: Grant) -> Turn:
        """Wait until the grant's lock is ours, or what another did under it is written."""
        holder, tag = token_hex(16), self._grants.tag_of(grant)
        seen: Lease | None = None
        since = self._monotonic()
        while True:
            over = self._monotonic() - since >= self._pace.life
            turn = await self._store.begin(
                grant.record, spent=tag, holder=holder, dead=seen if over else None
            )
            if turn.lease.holder == holder or moved(turn.record, grant.record):
                return turn
            if seen is None or (seen.holder, seen.beat) != (turn.lease.holder, turn.lease.beat):
                seen, since = turn.lease, self._monotonic()
            await asyncio.sleep(self._pace.look)
