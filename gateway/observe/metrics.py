"""What is counted about this process, for `/metrics`.

The law: a label holds a route's name, a provider's id or a word of ours, never a path, a user or a
session, so the number of series does not grow with what clients send.
"""

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.observe import series

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class _Timing:
    """How many of one route's requests took how long: counts by bucket, and their sum in seconds."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.total += seconds


class _Tally:
    """How many requests came of one route, method, status and decision; the timings are the route's."""

    __slots__ = ("count", "duration", "upstream")

    def __init__(self, duration: _Timing) -> None:
        self.count = 0
        self.duration = duration
        self.upstream: _Timing | None = None  # a route without any upstream has no series


class Metrics:
    """Counters and durations of one gateway; every verb is cheap and never fails.

    What every request counts is kept in plain numbers and laid out when somebody asks: a request
    pays for two additions, not for locks. `in_flight`, the requests not yet answered, is kept by whoever
    serves them.
    """

    def __init__(self, *, version: str, dropped: Callable[[], int] = lambda: 0) -> None:
        self._registry = registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(_Read(self._families))
        self.in_flight = self._connections = self._websockets = 0
        self._version = version
        self._dropped = dropped
        self._configured_at = 0.0
        self._certificate_until: float | None = None
        self._configured_well = False
        self._requests: dict[tuple[str, str, int, str, str], _Tally] = {}
        self._members: dict[tuple[str, str], bool] = {}
        self._duration: dict[str, _Timing] = {}
        self._upstream: dict[str, _Timing] = {}
        self._refused = Counter(
            "gateway_connections_refused", "Connections turned away.", ("reason",), registry=registry
        )
        self._logins = Counter("gateway_logins", "Logins ended.", ("provider", "result"), registry=registry)
        self._renewals = Counter("gateway_session_renewals", "Leases renewed.", registry=registry)
        self._rejections = Counter(
            "gateway_session_rejections", "Sessions that did not hold.", ("reason",), registry=registry
        )
        self._shared = Counter(
            "gateway_lookups_shared", "Lookups that served several requests.", registry=registry
        )
        self._cookies = Counter(
            "gateway_session_cookies", "Session cookies sent.", ("pieces",), registry=registry
        )
        self._refreshes = Counter(
            "gateway_token_refreshes",
            "Refreshes of provider tokens ended.",
            ("provider", "outcome"),
            registry=registry,
        )
        self._claims = Counter(
            "gateway_claims_refreshes",
            "Refreshes of provider tokens by what the issuer said of somebody then.",
            ("provider", "outcome"),
            registry=registry,
        )
        self._revocations = Counter(
            "gateway_token_revocations",
            "Provider tokens given up with their session.",
            ("provider", "outcome"),
            registry=registry,
        )
        self._administered = Counter(
            "gateway_admin_actions",
            "Changes that administrators asked the console for.",
            ("action", "outcome"),
            registry=registry,
        )
        self._bearers = Counter(
            "gateway_bearer_tokens",
            "Tokens in Authorization that were looked at.",
            ("result",),
            registry=registry,
        )
        self._introspections = Counter(
            "gateway_introspections",
            "Questions to issuers about tokens.",
            ("issuer", "outcome"),
            registry=registry,
        )
        self._exchanges = Counter(
            "gateway_token_exchanges",
            "Access tokens exchanged for an upstream's own.",
            ("provider", "outcome"),
            registry=registry,
        )
        self._audit_dropped = Counter(
            "gateway_audit_dropped", "Events missing in the audit trail.", ("reason",), registry=registry
        )
        self._alone = Counter(
            "gateway_rate_limit_fallbacks",
            "Requests counted by this process alone, since Redis did not answer.",
            registry=registry,
        )
        self._store_errors = Counter("gateway_store_errors", "Store calls that failed.", registry=registry)
        self._store = Histogram(
            "gateway_store_duration_seconds", "Store calls.", ("op",), buckets=_SECONDS, registry=registry
        )

    def request(
        self,
        *,
        route: str,
        method: str,
        status: int,
        duration: float,
        upstream: float | None = None,
        decision: str = "",
        reason: str = "",
    ) -> None:
        """Count one answered request; seconds, *upstream* None where none was asked.

        *decision* and *reason* are the policy's words for its admission, empty where nothing was decided.
        """
        tally = self._requests.get((route, method, status, decision, reason))
        if tally is None:
            tally = self._tally(route, method, status, decision, reason)
        tally.count += 1
        tally.duration.observe(duration)
        if upstream is not None:
            if tally.upstream is None:
                tally.upstream = _timing(self._upstream, route)
            tally.upstream.observe(upstream)

    def _tally(self, route: str, method: str, status: int, decision: str, reason: str) -> "_Tally":
        known, code = method if method in METHODS else "other", status if 100 <= status <= 599 else 0
        tally = _Tally(_timing(self._duration, route))
        return self._requests.setdefault((route, known, code, decision, reason), tally)

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

    def cookie_left(self, pieces: int) -> None:
        """Count one session cookie sent to a browser, in so many pieces."""
        self._cookies.labels(str(pieces)).inc()

    def token_refresh(self, *, provider: str, outcome: str) -> None:
        """Count one refresh of provider tokens that ended: `refreshed`, `known`, `overtaken`, `outage`,
        `no_such_token`, or why the grant is dead."""
        self._refreshes.labels(provider, outcome).inc()

    def claims_refresh(self, *, provider: str, outcome: str) -> None:
        """Count what came with one refresh: `changed`, `unchanged`, `unsaid`, `overtaken`,
        `refused` or `failed`."""
        self._claims.labels(provider, outcome).inc()

    def token_revocation(self, *, provider: str, outcome: str) -> None:
        """Count one session's tokens given up: `revoked`, `refused`, `outage`, or only `wiped`."""
        self._revocations.labels(provider, outcome).inc()

    def administered(self, *, action: str, outcome: str) -> None:
        """Count an *action* in the console, such as `users.disable`, with its outcome."""
        self._administered.labels(action=action, outcome=outcome).inc()

    def bearer(self, *, result: str) -> None:
        """Count one token that was verified: `accepted`, `outage`, `stranger`, or why it was refused."""
        self._bearers.labels(result).inc()

    def introspection(self, *, issuer: str, outcome: str) -> None:
        """Count one question about a token: `active`, `inactive`, `outage`, or `crowded` where it was not
        asked because too many others were."""
        self._introspections.labels(issuer, outcome).inc()

    def token_exchange(self, *, provider: str, outcome: str) -> None:
        """Count one exchange that ended: `exchanged`, `refused` or `outage`."""
        self._exchanges.labels(provider, outcome).inc()

    def audit_dropped(self, reason: str, count: int) -> None:
        """Count events that the audit trail does not have: `limit`, `full` or `unwritten`."""
        self._audit_dropped.labels(reason).inc(count)

    def rate_counted_alone(self) -> None:
        """Count one request that was to be counted together with those of other nodes, and was not."""
        self._alone.inc()

    def store_error(self) -> None:
        """Count one store call that failed."""
        self._store_errors.inc()

    def store_call(self, *, op: str, duration: float) -> None:
        """Time one store call in seconds."""
        self._store.labels(op).observe(duration)

    def connection_opened(self) -> None:
        """Count a client's connection in."""
        self._connections += 1

    def connection_closed(self) -> None:
        """Count a client's connection out."""
        self._connections -= 1

    def websocket_opened(self) -> None:
        """Count a WebSocket in."""
        self._websockets += 1

    def websocket_closed(self) -> None:
        """Count a WebSocket out."""
        self._websockets -= 1

    def connection_refused(self, reason: str) -> None:
        """Count one turned away, because of its `address` or since `all` places are taken."""
        self._refused.labels(reason).inc()

    def upstream_member(self, *, upstream: str, member: str, asked: bool) -> None:
        """Note whether requests may go to a member of an upstream, by its URL."""
        self._members[upstream, member] = asked

    def configuration_taken(self, *, at: float, certificate_until: float | None = None) -> None:
        """Note that the configuration in force was taken over *at* this Unix time.

        *certificate_until* is when the certificate of the public port ends, None where it has none.
        """
        self._configured_at, self._configured_well = at, True
        self._certificate_until = certificate_until

    def configuration_refused(self) -> None:
        """Note that the last reload failed, and what was in force stays so."""
        self._configured_well = False

    def exposition(self) -> bytes:
        """Return every series in the text format that `CONTENT_TYPE` names."""
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        """Yield `exposition` a piece at a time; what is counted meanwhile may be in it."""
        yield generate_latest(self._registry)
        yield from self._by_route()

    def _by_route(self) -> Iterator[bytes]:
        answered, decided = self._counted()
        yield from series.values(
            "gateway_http_requests_total",
            "counter",
            "Requests answered.",
            ("route", "method", "code"),
            (
                ((route or "none", method, str(status or "other")), count)
                for (route, method, status), count in answered.items()
            ),
        )
        yield from series.values(
            "gateway_auth_decisions_total",
            "counter",
            "Admissions.",
            ("route", "decision", "reason"),
            (
                ((route or "none", decision, reason), count)
                for (route, decision, reason), count in decided.items()
            ),
        )
        yield from series.values(
            "gateway_upstream_member_up",
            "gauge",
            "Whether requests may go there.",
            ("upstream", "member"),
            ((place, int(asked)) for place, asked in self._members.copy().items()),
        )
        yield from _histogram("gateway_http_request_duration_seconds", "Until answered.", self._duration)
        yield from _histogram(
            "gateway_upstream_duration_seconds", "Until the upstream's head.", self._upstream
        )

    def _families(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("gateway_build_info", "The release that runs.", labels=("version",))
        build.add_metric((self._version,), 1)
        yield GaugeMetricFamily(
            "gateway_connections_open", "Connections of clients.", value=self._connections
        )
        yield GaugeMetricFamily(
            "gateway_websockets_open", "Connections that became WebSockets.", value=self._websockets
        )
        yield GaugeMetricFamily(
            "gateway_requests_in_flight", "Requests not yet answered.", value=self.in_flight
        )
        yield GaugeMetricFamily(
            "gateway_config_last_reload_successful",
            "Whether the last start or reload took its configuration over.",
            value=int(self._configured_well),
        )
        yield GaugeMetricFamily(
            "gateway_config_last_reload_timestamp_seconds",
            "When the configuration in force was taken over.",
            value=self._configured_at,
        )
        certificate = GaugeMetricFamily(
            "gateway_certificate_expiry_timestamp_seconds", "When the certificate of the public port ends."
        )
        if self._certificate_until is not None:
            certificate.add_metric((), self._certificate_until)
        yield certificate
        yield CounterMetricFamily("gateway_log_dropped", "Log lines lost.", value=self._dropped())
        yield build

    def _counted(self) -> tuple[Counts[tuple[str, str, int]], Counts[tuple[str, str, str]]]:
        """Return how many requests there were, by method and status, and of those decided, by decision."""
        answered: Counts[tuple[str, str, int]] = Counts()
        decided: Counts[tuple[str, str, str]] = Counts()
        for (route, method, status, decision, reason), tally in self._requests.copy().items():
            answered[route, method, status] += tally.count
            if decision:
                decided[route, decision, reason] += tally.count
        return answered, decided


class _Read(Collector):
    """Values that are laid out when asked for instead of at every request."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families()


def _timing(timings: dict[str, _Timing], route: str) -> _Timing:
    timing = timings.get(route)
    if timing is None:
        timing = timings[route] = _Timing()
    return timing


def _histogram(name: str, told: str, timings: dict[str, _Timing]) -> Iterator[bytes]:
    rows = ((route or "none", timing.counts, timing.total) for route, timing in timings.copy().items())
    return series.histograms(name, told, _SECONDS, rows)
