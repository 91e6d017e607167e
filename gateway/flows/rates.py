"""How often callers may ask: counted here, or together with the other nodes while their store answers.

Law: a limit is no access decision. Who may not be let in is told elsewhere, and before; so where the store
is silent the requests are counted here and go on, rather than nobody being served for want of a count.
"""

from collections.abc import Callable
from typing import Protocol

from gateway.errors import StoreUnavailable
from gateway.model.route import Rate
from gateway.routing.rate import Buckets, Verdict, verdict


class SharedBuckets(Protocol):
    """Buckets of several nodes."""

    async def take(self, bucket: str, *, requests: int, per: float) -> float:
        """Return after how many seconds the bucket is full again, more than *per* where it was empty.

        Raises StoreUnavailable."""
        ...


class Heard(Protocol):
    """Hears of each request that was to be counted together with others."""

    def counted_together(self) -> None: ...
    def counted_alone(self) -> None: ...


class _Nobody:
    def counted_together(self) -> None: ...
    def counted_alone(self) -> None: ...


class Rates:
    """Counts requests; *shared* is where those of `Rate.shared` are counted, *heard* hears whether they were.

    *monotonic* is in seconds.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        shared: SharedBuckets | None = None,
        heard: Heard | None = None,
    ) -> None:
        self._monotonic = monotonic
        self._buckets = Buckets()
        self._shared = shared
        self._heard = heard or _Nobody()

    async def take(self, rate: Rate, bucket: tuple[str, ...]) -> Verdict:
        """Take one request out of *bucket* and say whether it may pass. Never raises for a store."""
        if rate.shared and self._shared is not None:
            try:
                ahead = await self._shared.take("\0".join(bucket), requests=rate.requests, per=rate.per)
            except StoreUnavailable:
                self._heard.counted_alone()
            else:
                self._heard.counted_together()
                return verdict(rate, ahead)
        return self._buckets.take(rate, bucket, now=self._monotonic())
