"""What is told of every request: one log line, its counters, and nothing that is secret."""

from collections.abc import Callable
from typing import Protocol

from gateway.errors import GatewayError
from gateway.model.inbound import Inbound
from gateway.observe.request_line import RequestLine, short_hash
from gateway.pipeline import Passage


class RequestLog(Protocol):
    def request(self, line: RequestLine) -> None: ...
    def event(self, level: str, name: str, facts: dict[str, object]) -> None: ...


class RequestCounts(Protocol):
    def enter(self) -> None: ...
    def leave(self) -> None: ...
    def request(
        self, *, route: str, method: str, status: int, duration: float, upstream: float | None = None
    ) -> None: ...
    def decision(self, *, route: str, decision: str, reason: str) -> None: ...


class RequestLedger:
    """Tells log and metrics of each request, once, when it is over.

    `own` names the route of our own pages, where no route of the configuration governs.
    """

    def __init__(
        self, *, log: RequestLog, counts: RequestCounts, monotonic: Callable[[], float], own: str = "gateway"
    ) -> None:
        self._log = log
        self._counts = counts
        self._monotonic = monotonic
        self._own = own

    def began(self) -> None:
        """Count a request in."""
        self._counts.enter()

    def ended(self, passage: Passage, error: BaseException | None) -> None:
        """Count a request out and write its line; *error* is what ended it other than well."""
        self._counts.leave()
        duration = self._monotonic() - passage.started
        inbound = passage.inbound
        route = passage.route.name if passage.route else self._own if passage.ours else ""
        method = inbound.method if inbound else "-"
        self._counts.request(
            route=route,
            method=method,
            status=passage.status,
            duration=duration,
            upstream=passage.upstream_seconds,
        )
        if passage.decision:
            self._counts.decision(route=route, decision=passage.decision, reason=passage.reason)
        self._log.request(_line(passage, inbound, route, duration))
        if error is not None and not (isinstance(error, GatewayError) and error.status < 500):
            self._log.event("warning", "request.fault", _cause(passage, error))


def _line(passage: Passage, inbound: Inbound | None, route: str, duration: float) -> RequestLine:
    session = passage.session
    return RequestLine(
        request_id=passage.request_id,
        method=inbound.method if inbound else "-",
        host=inbound.host if inbound else "",
        target=inbound.target if inbound else b"",
        status=passage.status,
        client_ip=inbound.client_ip if inbound else passage.peer,
        duration=duration,
        size=passage.sent,
        upstream=passage.upstream_seconds,
        route=route,
        decision=passage.decision,
        reason=passage.reason or passage.code,
        user_id=session.identity.user_id if session else "",
        sid_hash=short_hash(session.id) if session else "",
    )


def _cause(passage: Passage, error: BaseException) -> dict[str, object]:
    """Name the error and what raised it by class; the text of ours is written for the log."""
    facts: dict[str, object] = {"request_id": passage.request_id, "error": type(error).__name__}
    if isinstance(error, GatewayError):
        facts["detail"] = str(error)[:256]
    if error.__cause__ is not None:
        facts["cause"] = type(error.__cause__).__name__
    return facts
