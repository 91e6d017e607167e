"""A document of an issuer's, kept for a while, fetched by one caller for all."""

import asyncio
from collections.abc import Awaitable, Callable
from secrets import SystemRandom
from typing import Generic, TypeVar

from gateway.errors import IssuerUnavailable
from gateway.model.event import Clock
from gateway.model.issuer_health import FetchedDocument

LIFETIME = 3600.0
FORCED_EVERY = 60.0
LONGEST_PAUSE = 30.0

T = TypeVar("T")


class Fetched(Generic[T]):
    """What *fetch* returns, at most *LIFETIME* seconds old.

    Callers that come together share one fetch, which outlives any of them. After a failure there is
    a pause, doubled each time up to 30 s and spread by *jitter* (0 to 1), in which the failure is
    the answer. Raises IssuerUnavailable.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        clock: Clock,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._jitter = jitter or SystemRandom().random
        self._value: T | None = None
        self._fresh_until = 0.0
        self._forced_at = float("-inf")
        self._fetched_at: float | None = None
        self._failed_at: float | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._flight: asyncio.Task[T] | None = None

    @property
    def known(self) -> T | None:
        """The document as last fetched, however old, None where there is none."""
        return self._value

    @property
    def document(self) -> FetchedDocument:
        """How fetching it went so far; nothing is fetched."""
        return FetchedDocument(
            fetched_at=None if self._fetched_at is None else int(self._fetched_at),
            failed_at=None if self._failed_at is None else int(self._failed_at),
            failures=self._failures,
        )

    async def current(self) -> T:
        """Return the document, fetched if there is none or it is too old."""
        if self._value is not None and self._clock() < self._fresh_until:
            return self._value
        return await self._join()

    async def newer(self, *, than: T) -> T:
        """Return a later document than *than*, asked for at most once in 60 s; else *than* again."""
        value = await self.current()
        if value is not than:
            return value
        if self._flight is None:
            if self._clock() < self._forced_at + FORCED_EVERY:
                return self._unless_failing(value)
            self._forced_at = self._clock()
        return await self._join()

    def _unless_failing(self, value: T) -> T:
        """Return *value*, but where the last fetch failed nobody knows: an outage is no refusal."""
        if self._failures:
            raise IssuerUnavailable("the issuer failed a moment ago")
        return value

    async def _join(self) -> T:
        if self._flight is None:
            if self._clock() < self._retry_at:
                raise IssuerUnavailable("the issuer failed a moment ago")
            self._flight = asyncio.create_task(self._fly())
            self._flight.add_done_callback(_retrieve)
        return await asyncio.shield(self._flight)

    async def _fly(self) -> T:
        try:
            value = await self._fetch()
        except IssuerUnavailable:
            pause = min(LONGEST_PAUSE, 2.0 ** min(self._failures, 10))
            self._failures += 1
            self._failed_at = self._clock()
            self._retry_at = self._failed_at + pause * (0.5 + self._jitter() / 2)
            raise
        finally:
            self._flight = None
        self._value = value
        self._failures = 0
        self._fetched_at = self._clock()
        self._fresh_until = self._fetched_at + LIFETIME
        return value


def _retrieve(flight: asyncio.Task[T]) -> None:
    """Look at the outcome even where every caller has gone, so that asyncio does not complain."""
    if not flight.cancelled():
        flight.exception()
