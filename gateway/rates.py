"""Where requests are counted, as the settings say, and what is told of a store that does not count."""

from collections.abc import Callable
from typing import Protocol

from gateway.assembly.sessions import redis_account, session_policy
from gateway.flows.rates import Rates
from gateway.lasting import Tenure
from gateway.observe.log import Log
from gateway.settings.schema import Settings
from gateway.store.redis_account import connected
from gateway.store.redis_rates import RedisBuckets
from gateway.store.redis_topology import Topology


class Counts(Protocol):
    def rate_counted_alone(self) -> None: ...


class Told:
    """Tells the log when the store of the counts falls silent and when it is back, and counts meanwhile."""

    def __init__(self, *, log: Log, counts: Counts) -> None:
        self._log = log
        self._counts = counts
        self._alone = False

    def counted_together(self) -> None:
        if self._alone:
            self._alone = False
            self._log.event("info", "rate_limit.shared", {})

    def counted_alone(self) -> None:
        self._counts.rate_counted_alone()
        if not self._alone:
            self._alone = True
            facts = {"reason": "redis does not answer", "effect": "each process counts for itself"}
            self._log.event("warning", "rate_limit.alone", facts)


def redis_of(settings: Settings, tenure: Tenure, *, monotonic: Callable[[], float]) -> Topology:
    """Return the configured Redis, the same for all that use it, kept while its account is the same."""
    account = redis_account(settings)
    return tenure.claim(
        account, lambda: connected(account, monotonic=monotonic), close=lambda redis: redis.close()
    )


class RateRooms:
    """What counts requests: `rates`."""

    def __init__(
        self,
        settings: Settings,
        tenure: Tenure,
        *,
        monotonic: Callable[[], float],
        log: Log,
        counts: Counts,
    ) -> None:
        self._redis = redis_of(settings, tenure, monotonic=monotonic) if settings.counts_in_redis else None
        if self._redis is None:
            self.rates = Rates(monotonic=monotonic)
            return
        shared = RedisBuckets(self._redis, scope=session_policy(settings).audience)
        self.rates = Rates(monotonic=monotonic, shared=shared, heard=Told(log=log, counts=counts))

    async def start(self) -> None:
        """Raise StoreUntrusted where the store answers and can never be trusted; one that is down is none."""
        if self._redis is not None:
            await self._redis.prove()
