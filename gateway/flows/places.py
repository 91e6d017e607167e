"""Places at an issuer: how much this process asks of one at once, and that it leaves one alone that fails.

So that ten thousand sessions which fall due in one moment neither flood an issuer nor wait in a row for
one that hangs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.errors import IssuerUnavailable

AT_ONCE = 8
"""Calls under way at one issuer."""

WAITING = 1_000
"""Calls that wait for a place; beyond, they fail at once."""

FAILURES = 3
"""Calls that fail one after the other until an issuer is left alone."""

PAUSE = 5.0
"""Seconds for which it then is."""


@dataclass(slots=True)
class _Issuer:
    places: asyncio.Semaphore
    waiting: int = 0
    failures: int = 0
    alone_until: float = float("-inf")


class Places:
    """The places at each of *issuers*, which are ids of providers, so many *at_once*; *monotonic* is in
    seconds."""

    def __init__(
        self, issuers: Iterable[str], *, monotonic: Callable[[], float], at_once: int = AT_ONCE
    ) -> None:
        self._issuers = {provider: _Issuer(asyncio.Semaphore(at_once)) for provider in issuers}
        self._monotonic = monotonic

    @asynccontextmanager
    async def one_at(self, provider: str) -> AsyncIterator[None]:
        """Wait for a place at *provider* and hold it while the body calls.

        Raises IssuerUnavailable where there is no such issuer, it is left alone, or too many wait.
        """
        issuer = self._issuers.get(provider)
        if issuer is None or issuer.waiting >= WAITING:
            raise IssuerUnavailable(f"{provider}: no place for one more call")
        self._check(issuer, provider)
        issuer.waiting += 1
        try:
            await issuer.places.acquire()
        finally:
            issuer.waiting -= 1
        try:
            self._check(issuer, provider)
            yield
        except IssuerUnavailable:
            self._failed(issuer)
            raise
        else:
            issuer.failures = 0
        finally:
            issuer.places.release()

    def _check(self, issuer: _Issuer, provider: str) -> None:
        if self._monotonic() < issuer.alone_until:
            raise IssuerUnavailable(f"{provider}: failed {FAILURES} times a moment ago")

    def _failed(self, issuer: _Issuer) -> None:
        """Count a failure; one that comes after the pause has passed is enough for another."""
        if self._monotonic() < issuer.alone_until:
            return
        issuer.failures += 1
        if issuer.failures >= FAILURES:
            issuer.alone_until = self._monotonic() + PAUSE
