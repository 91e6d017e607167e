"""Lookups of sessions in the directory, shared by the requests that wait for the same one."""

import asyncio
from dataclasses import dataclass

from gateway.errors import StoreUnavailable
from gateway.model.event import Clock
from gateway.model.session import Session, Standing
from gateway.sessions.strategy import Directory, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the directory said, and the moment just before it was asked."""

    asked_at: float
    standing: Standing | None


class _Flight:
    __slots__ = ("sent", "task")

    task: "asyncio.Task[Answer]"

    def __init__(self) -> None:
        self.sent = False


class Lookups:
    """Asks the directory, at most once at a time for a session; *patience* is in seconds.

    A lookup is its own task: whoever hangs up leaves it to the others.
    """

    def __init__(self, directory: Directory, *, clock: Clock, tally: Tally, patience: float) -> None:
        self._directory = directory
        self._clock = clock
        self._tally = tally
        self._patience = patience
        self._flights: dict[str, _Flight] = {}

    async def ask(self, session: Session, *, fresh: bool) -> Answer:
        """Return the standing of *session*, with *fresh* from a lookup that was not sent yet.

        Raises StoreUnavailable, also where no answer comes in time.
        """
        flight = self._flights.get(session.id)
        if flight is None or (fresh and flight.sent):
            flight = self._launch(session, after=flight)
        else:
            self._tally.lookup_shared()
        return await asyncio.shield(flight.task)

    def _launch(self, session: Session, *, after: _Flight | None) -> _Flight:
        flight = _Flight()
        flight.task = asyncio.get_running_loop().create_task(self._fly(flight, session, after))
        self._flights[session.id] = flight
        return flight

    async def _fly(self, flight: _Flight, session: Session, after: _Flight | None) -> Answer:
        try:
            if after is not None:
                await asyncio.wait([after.task])
            flight.sent = True
            return await self._look(session)
        finally:
            if self._flights.get(session.id) is flight:
                del self._flights[session.id]

    async def _look(self, session: Session) -> Answer:
        asked_at = self._clock()
        try:
            async with asyncio.timeout(self._patience):
                standing = await self._directory.standing(session)
        except TimeoutError:
            raise StoreUnavailable(f"no answer within {self._patience} s") from None
        return Answer(asked_at=asked_at, standing=standing)
