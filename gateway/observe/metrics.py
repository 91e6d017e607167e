"""What is counted about this process, for `/metrics`.

The law: a label holds a route's name, a provider's id or a word of ours, never a path, a user or a
session, so the number of series does not grow with what clients send.
"""

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters and durations of one gateway; every verb is cheap and never fails."""

    def __init__(self, *, version: str, dropped: Callable[[], int] = lambda: 0) -> None:
        self._registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(_Read(self._instant, dropped))
        self._flying = 0
        self._version = version
        self._requests = Counter(
            "gateway_http_requests", "Requests answered.", ("route", "method", "code"), registry=registry
        )
        self._duration = _histogram("gateway_http_request_duration_seconds", "Until answered.", registry)
        self._upstream = _histogram(
            "gateway_upstream_duration_seconds", "Until the upstream's head.", registry
        )
        self._decisions = Counter(
            "gateway_auth_decisions", "Admissions.", ("route", "decision", "reason"), registry=registry
        )
        self._logins = Counter("gateway_logins", "Logins ended.", ("provider", "result"), registry=registry)
        self._renewals = Counter("gateway_session_renewals", "Leases renewed.", registry=registry)
        self._rejections = Counter(
            "gateway_session_rejections", "Sessions that did not hold.", ("reason",), registry=registry
        )
        self._shared = Counter(
            "gateway_lookups_shared", "Lookups that served several requests.", registry=registry
        )
        self._store_errors = Counter("gateway_store_errors", "Store calls that failed.", registry=registry)
        self._store = Histogram(
            "gateway_store_duration_seconds", "Store calls.", ("op",), buckets=_SECONDS, registry=registry
        )
        self._answered: dict[tuple[str, str, int], Counter] = {}
        self._timed: dict[str, tuple[Histogram, Histogram]] = {}
        self._decided: dict[tuple[str, str, str], Counter] = {}

    def enter(self) -> None:
        """Count a request in."""
        self._flying += 1

    def leave(self) -> None:
        """Count a request out."""
        self._flying -= 1

    def request(
        self, *, route: str, method: str, status: int, duration: float, upstream: float | None = None
    ) -> None:
        """Count one answered request; seconds, *upstream* None where none was asked."""
        key = (route, method if method in METHODS else "other", status if 100 <= status <= 599 else 0)
        counter = self._answered.get(key)
        if counter is None:
            code = str(key[2]) if key[2] else "other"
            counter = self._answered[key] = self._requests.labels(route or "none", key[1], code)
        counter.inc()
        timed = self._timed.get(route)
        if timed is None:
            name = route or "none"
            timed = self._timed[route] = (self._duration.labels(name), self._upstream.labels(name))
        timed[0].observe(duration)
        if upstream is not None:
            timed[1].observe(upstream)

    def decision(self, *, route: str, decision: str, reason: str) -> None:
        """Count one admission: *decision* and *reason* as the policy words them."""
        key = (route, decision, reason)
        counter = self._decided.get(key)
        if counter is None:
            counter = self._decided[key] = self._decisions.labels(route or "none", decision, reason)
        counter.inc()

    def login(self, *, provider: str, result: str) -> None:
        """Count one login that ended: `success`, or the stable code of its failure."""
        self._logins.labels(provider, result).inc()

    def renewed(self) -> None:
        """Count one lease renewed."""
        self._renewals.inc()

    def rejected(self, reason: str) -> None:
        """Count one presented session that did not hold."""
        self._rejections.labels(reason).inc()

    def lookup_shared(self) -> None:
        """Count one request that was served by another request's lookup."""
        self._shared.inc()

    def store_error(self) -> None:
        """Count one store call that failed."""
        self._store_errors.inc()

    def store_call(self, *, op: str, duration: float) -> None:
        """Time one store call in seconds."""
        self._store.labels(op).observe(duration)

    def exposition(self) -> bytes:
        """Return every series in the text format that `CONTENT_TYPE` names."""
        return generate_latest(self._registry)

    def _instant(self) -> tuple[int, str]:
        return self._flying, self._version


class _Read(Collector):
    """Values that are read when asked for instead of written on every request."""

    def __init__(self, instant: Callable[[], tuple[int, str]], dropped: Callable[[], int]) -> None:
        self._instant = instant
        self._dropped = dropped

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Yield the requests in flight, the lines dropped and the build."""
        flying, version = self._instant()
        yield GaugeMetricFamily("gateway_requests_in_flight", "Requests not yet answered.", value=flying)
        yield CounterMetricFamily("gateway_log_dropped", "Log lines lost.", value=self._dropped())
        build = GaugeMetricFamily("gateway_build_info", "The release that runs.", labels=("version",))
        build.add_metric((version,), 1)
        yield build


def _histogram(name: str, told: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(name, told, ("route",), buckets=_SECONDS, registry=registry)
