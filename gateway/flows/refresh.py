"""Refresh: one call for one grant, whoever needs it, on however many nodes (RFC 9700 4.14.2).

Laws: who works on a grant holds its lock; that a refresh token is about to be presented is written
before; a token known to be spent is never presented. The work is detached from every request: a client
that hangs up half-finishes nothing.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Protocol

from gateway.errors import IssuerUnavailable, StoreUnavailable
from gateway.flows.grants import Grant, Grants
from gateway.flows.places import Places
from gateway.flows.presentation import Counts, Pace, moved
from gateway.model.event import Clock
from gateway.model.grant import GrantRecord, Lease
from gateway.model.session import Session

CLOSING = 20.0
"""Seconds that a stop waits for refreshes: longer than a call to an issuer may take."""

ATTEMPTS = 3
"""How often a store is asked for a turn that is busy or away."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    work: "asyncio.Task[Grant | None]"
    begun: float


class Refreshes:
    """The refreshes under way in this process."""

    def __init__(
        self,
        grants: Grants,
        presentations: Presentations,
        *,
        store: Turns,
        places: Places,
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
        self._places = places
        self._flights: dict[_Wanted, _Flight] = {}

    async def refreshed(
        self, grant: Grant, session: Session, *, resource: str | None = None, patience: float
    ) -> Grant | None:
        """Return the grant with a fresh access token for *resource*, dead, or None where it is gone.

        The work goes on whoever stops waiting, and nobody waits for work that is older than *patience*
        seconds: that is IssuerUnavailable. Raises TokenRefused and StoreUnavailable as well.
        """
        flight = self._flight(grant, session, resource)
        left = max(0.0, flight.begun + patience - self._monotonic())
        done, _ = await asyncio.wait([flight.work], timeout=left)  # cancels nothing
        if not done:
            raise IssuerUnavailable(f"{grant.record.provider}: a refresh takes long")
        return flight.work.result()

    def _flight(self, grant: Grant, session: Session, resource: str | None) -> "_Flight":
        """Return the work that is under way for all who want this, begun now where none is."""
        wanted = (grant.record.key, resource)
        flight = self._flights.get(wanted)
        if flight is None:
            work = asyncio.get_running_loop().create_task(self._fly(grant, session, resource))
            flight = self._flights[wanted] = _Flight(work=work, begun=self._monotonic())
            work.add_done_callback(lambda done: self._landed(wanted, done))
        return flight

    async def close(self, *, within: float = CLOSING) -> None:
        """Wait until everything under way is done and written, but for at most *within* seconds."""
        until = self._monotonic() + within
        while self._flights and self._monotonic() < until:
            works = [flight.work for flight in self._flights.values()]
            await asyncio.wait(works, timeout=max(0.0, until - self._monotonic()))
        for flight in list(self._flights.values()):
            flight.work.cancel()

    def _landed(self, wanted: _Wanted, work: "asyncio.Task[Grant | None]") -> None:
        del self._flights[wanted]
        if not work.cancelled():
            work.exception()  # seen, also where nobody waits any more

    async def _fly(self, grant: Grant, session: Session, resource: str | None) -> Grant | None:
        async with self._places.one_at(grant.record.provider):
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

    async def _begun(self, record: GrantRecord, tag: bytes, holder: str, dead: Lease | None) -> Turn:
        """Begin in a store that may be busy: nothing is presented yet, so that can be tried again."""
        for _ in range(ATTEMPTS - 1):
            with suppress(StoreUnavailable):
                return await self._store.begin(record, spent=tag, holder=holder, dead=dead)
            await asyncio.sleep(self._pace.look)
        return await self._store.begin(record, spent=tag, holder=holder, dead=dead)

    async def _turn(self, grant: Grant) -> Turn:
        """Wait until the grant's lock is ours, or what another did under it is written."""
        holder, tag = token_hex(16), self._grants.tag_of(grant)
        seen: Lease | None = None
        since = self._monotonic()
        while True:
            over = self._monotonic() - since >= self._pace.life
            turn = await self._begun(grant.record, tag, holder, seen if over else None)
            if turn.lease.holder == holder or moved(turn.record, grant.record):
                return turn
            if seen is None or (seen.holder, seen.beat) != (turn.lease.holder, turn.lease.beat):
                seen, since = turn.lease, self._monotonic()
            await asyncio.sleep(self._pace.look)
