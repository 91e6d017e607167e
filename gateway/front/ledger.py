"""What is told of every request: one log line, its counters, and nothing that is secret."""

from asyncio import CancelledError
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from typing import Protocol

from gateway.errors import GatewayError, Misdirected
from gateway.model.event import Audit, AuditEvent
from gateway.model.inbound import Inbound
from gateway.observe.request_line import RequestLine, level_of, short_hash
from gateway.passage import Passage

# What nginx writes where nobody was left to answer.
_CLIENT_GONE = 499
_SWITCHING = 101


class RequestLog(Protocol):
    def takes(self, level: str) -> bool: ...
    def request(self, line: RequestLine) -> None: ...
    def audit(self, event: AuditEvent) -> None: ...
    def event(self, level: str, name: str, facts: dict[str, object]) -> None: ...


class RequestCounts(Protocol):
    in_flight: int

    def websocket_opened(self) -> None: ...
    def websocket_closed(self) -> None: ...
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
    ) -> None: ...


class RequestLedger:
    """Tells log and metrics of each request, once, when it is over.

    What is audited goes to *trail* too. `own` names the route of our own pages, where no route of the
    configuration governs.
    """

    def __init__(
        self,
        *,
        log: RequestLog,
        counts: RequestCounts,
        trail: Audit,
        monotonic: Callable[[], float],
        own: str = "gateway",
    ) -> None:
        self._log = log
        self._trail = trail
        self._counts = counts
        self._monotonic = monotonic
        self._own = own
        # Whoever acts on behalf of a request runs in its task, or in one that it began.
        self._current: ContextVar[Passage | None] = ContextVar("passage", default=None)

    def began(self) -> None:
        """Count a request in."""
        self._counts.in_flight += 1

    def concerns(self, passage: Passage) -> None:
        """Take what is audited from here on in this task to be about *passage*."""
        self._current.set(passage)

    def upgraded(self, passage: Passage) -> None:
        """Count a request, which is answered, as an open WebSocket from now on."""
        passage.status = _SWITCHING
        self._counts.in_flight -= 1
        self._counts.websocket_opened()

    def audit(self, event: AuditEvent) -> None:
        """Write *event* with the route, the address and the request that it belongs to."""
        passage = self._current.get()
        if passage is not None:
            event = replace(
                event,
                route=event.route or self._route(passage),
                client_ip=event.client_ip or _client(passage),
                request_id=event.request_id or passage.request_id,
            )
        self._log.audit(event)
        self._trail(event)

    def ended(self, passage: Passage, error: BaseException | None) -> None:
        """Count a request out and write its line; *error* is what ended it other than well."""
        gone = error is not None and isinstance(error, ConnectionError | CancelledError)
        status = passage.status = passage.status or (_CLIENT_GONE if gone else 500)
        if status == _SWITCHING:
            self._counts.websocket_closed()
        else:
            self._counts.in_flight -= 1
        duration = self._monotonic() - passage.started
        inbound = passage.inbound
        route = self._route(passage)
        method = inbound.method if inbound else "-"
        self._counts.request(
            route=route,
            method=method,
            status=status,
            duration=duration,
            upstream=passage.upstream_seconds,
            decision=passage.decision,
            reason=passage.reason,
        )
        if self._log.takes(level_of(status, route=route)):  # a line costs more than all the rest
            self._log.request(_line(passage, inbound, route, duration, host=_host(inbound, error)))
        if error is not None and not gone and not _refused(error):
            self._log.event("warning", "request.fault", _cause(passage, error))

    def _route(self, passage: Passage) -> str:
        return passage.route.name if passage.route else self._own if passage.ours else ""


def _refused(error: BaseException) -> bool:
    return isinstance(error, GatewayError) and error.status < 500


def _client(passage: Passage) -> str:
    return passage.inbound.client_ip if passage.inbound else passage.peer


def _host(inbound: Inbound | None, error: BaseException | None) -> str:
    """Return the host that was asked for, ours or not: whoever set it up wrong finds it in the log."""
    if isinstance(error, Misdirected):
        return str(error)
    return inbound.host if inbound else ""


def _line(
    passage: Passage, inbound: Inbound | None, route: str, duration: float, *, host: str
) -> RequestLine:
    session = passage.session
    return RequestLine(
        request_id=passage.request_id,
        method=inbound.method if inbound else "-",
        host=host,
        target=inbound.target if inbound else b"",
        status=passage.status,
        client_ip=_client(passage),
        duration=duration,
        size=passage.sent,
        upstream=passage.upstream_seconds,
        route=route,
        decision=passage.decision,
        reason=passage.reason or passage.code,
        trace_id=inbound.traceparent[3:35] if inbound and inbound.traceparent else "",
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
