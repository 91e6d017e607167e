"""Lookups of sessions in a store, shared by the requests that wait for the same one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.errors import StoreUnavailable
from gateway.model.event import Clock
from gateway.model.session import Session
from gateway.sessions.strategy import Tally

Said = TypeVar("Said")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[Said]):
    """What the store said, and the moment just before it was asked."""

    asked_at: float
    said: Said


class _Flight(Generic[Said]):
    __slots__ = ("sent", "task")

    task: "asyncio.Task[Answer[Said]]"

    def __init__(self) -> None:
        self.sent = False


class Lookups(Generic[Said]):
    """Asks *look* about a session, at most once at a time; *patience* is in seconds.

    A lookup is its own task: whoever hangs up leaves it to the others.
    """

    def __init__(
        self, look: Callable[[Session], Awaitable[Said]], *, clock: Clock, tally: Tally, patience: float
    ) -> None:
        self._look = look
        self._clock = clock
        self._tally = tally
        self._patience = patience
        self._flights: dict[str, _Flight[Said]] = {}

    async def ask(self, session: Session, *, fresh: bool) -> Answer[Said]:
        """Return what is said of *session*, with *fresh* from a lookup that was not sent yet.

        Raises StoreUnavailable, also where no answer comes in time.
        """
        flight = self._flights.get(session.id)
        if flight is None or (fresh and flight.sent):
            flight = self._launch(session, after=flight)
        else:
            self._tally.lookup_shared()
        return await asyncio.shield(flight.task)

    def _launch(self, session: Session, *, after: _Flight[Said] | None) -> _Flight[Said]:
        flight: _Flight[Said] = _Flight()
        flight.task = asyncio.get_running_loop().create_task(self._fly(flight, session, after))
        self._flights[session.id] = flight
        return flight

    async def _fly(
        self, flight: _Flight[Said], session: Session, after: _Flight[Said] | None
    ) -> Answer[Said]:
        try:
            if after is not None:
                await asyncio.wait([after.task])
                _fail_with(after.task)
            flight.sent = True
            return await self._asked(session)
        finally:
            if self._flights.get(session.id) is flight:
                del self._flights[session.id]

    async def _asked(self, session: Session) -> Answer[Said]:
        asked_at = self._clock()
        try:
            async with asyncio.timeout(self._patience):
                said = await self._look(session)
        except TimeoutError:
            raise StoreUnavailable(f"no answer within {self._patience} s") from None
        return Answer(asked_at=asked_at, said=said)


def _fail_with(task: "asyncio.Task[Answer[Said]]") -> None:
    """Raise where *task* met an outage: who waited for it does not wait as long again."""
    if not task.cancelled() and isinstance(task.exception(), StoreUnavailable):
        raise StoreUnavailable("the lookup before this one had no answer")
