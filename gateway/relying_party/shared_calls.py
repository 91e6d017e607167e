"""Calls that many wait for: one for each key at a time, few at once, and so many a second.

Law: a call outlives whoever began it, so that nobody's hanging up is another one's failure; what is more
than the bounds allow is not made, and whoever wanted it is told of an outage.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Generic, TypeVar

from gateway.errors import IssuerBusy
from gateway.model.event import Clock

AT_ONCE = 20
"""Calls under way; the next ones wait for their turn."""

MOST = 200
"""Calls under way and waiting; what would be one more is not made."""

LONGEST_WAIT = 2.0
"""Seconds that a call waits for its turn."""

_ROUNDING = 1e-6

T = TypeVar("T")


class SharedCalls(Generic[T]):
    """Makes calls to one issuer, *per_second* of them at most and as many at once after a pause."""

    def __init__(self, *, per_second: int, clock: Clock, longest_wait: float = LONGEST_WAIT) -> None:
        self._interval = 1.0 / per_second
        self._clock = clock
        self._longest_wait = longest_wait
        self._full_at = 0.0
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._flights: dict[bytes, asyncio.Task[T]] = {}

    async def share(self, key: bytes, make: Callable[[], Awaitable[T]]) -> T:
        """Return what *make* returns, called now unless a call for *key* is under way already.

        Raises what *make* raises, and IssuerBusy.
        """
        flight = self._flights.get(key)
        if flight is None:
            self._admit()
            # It is made for all who wait, and what it finds out is told of none of them.
            flight = asyncio.get_running_loop().create_task(self._fly(key, make), context=Context())
            self._flights[key] = flight
            flight.add_done_callback(_retrieve)
        return await asyncio.shield(flight)

    def _admit(self) -> None:
        """Count one call more. A clock that went back makes nobody wait longer than a second."""
        if len(self._flights) >= MOST:
            raise IssuerBusy(f"more than {MOST} calls wait for the issuer")
        now = self._clock()
        self._full_at = min(max(self._full_at, now), now + 1.0)
        if self._full_at + self._interval > now + 1.0 + _ROUNDING:
            raise IssuerBusy("more calls a second than the issuer is to get")
        self._full_at += self._interval

    async def _fly(self, key: bytes, make: Callable[[], Awaitable[T]]) -> T:
        try:
            await self._turn()
            try:
                return await make()
            finally:
                self._turns.release()
        finally:
            del self._flights[key]

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._longest_wait):
                await self._turns.acquire()
        except TimeoutError:
            raise IssuerBusy(f"more than {AT_ONCE} calls to the issuer are under way") from None


def _retrieve(flight: asyncio.Task[T]) -> None:
    """Look at the outcome even where every caller has gone, so that asyncio does not complain."""
    if not flight.cancelled():
        flight.exception()
