"""Our log: one JSON object a line, or columns for a person at a terminal.

The law: no secret, no traceback, no unbounded field ever leaves; a storm is summed up; a slow reader of
the log costs lines and never a request.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from gateway.model.event import AuditEvent, Clock
from gateway.observe.bridge import Bridge
from gateway.observe.limit import Limit
from gateway.observe.redact import clipped, legible, told
from gateway.observe.request_line import LONGEST_LINE, RequestLine, Stamp, encoded, record
from gateway.observe.sink import Sink, Writable

Form = Literal["json", "console"]
LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_TROUBLE = frozenset({"warning", "error"})


class Log:
    """Everything that is said about this process, until `close`."""

    def __init__(self, *, sink: Sink, form: Form, level: str, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._stamp = Stamp()
        self._floor = LEVELS[level]
        self._settled: int | None = None
        self._by_hand = form == "json"
        self._storms = {"requests": Limit(), "audit": Limit(), "events": Limit()}
        self._processors = self._render(form)
        self._lines = _logger(sink, self._processors, floor=self._floor)
        self._bridge = Bridge(self.event)
        self._bridge.attach()

    @property
    def dropped(self) -> int:
        """How many lines were lost because nobody took them in time."""
        return self._sink.dropped

    def takes(self, level: str) -> bool:
        """Say whether anything of *level* is written at all."""
        return LEVELS[level] >= self._floor

    def request(self, line: RequestLine) -> None:
        """Write the one line of a request; lines about trouble are limited."""
        level = line.level
        if not self.takes(level):
            return
        now = self._clock()
        if not self._admits("requests", level, now):
            return
        written = record(line, ts=self._stamp(now), level=level)
        if self._by_hand:
            self._sink.put(encoded(written))
        else:
            facts = {
                name: value
                for name, value in msgspec.structs.asdict(written).items()
                if value not in ("", None)
            }
            self._write(level, _headline(facts), facts)

    def audit(self, event: AuditEvent) -> None:
        """Write one security-relevant fact; refusals and failures are limited, successes never."""
        level = "info" if event.outcome == "success" else "warning"
        now = self._clock()
        if not self._admits("audit", level, now):
            return
        names = (name for name in event.__dataclass_fields__ if name != "name")
        self._write(level, event.name, {name: value for name in names if (value := getattr(event, name))})

    def event(self, level: str, name: str, facts: Mapping[str, object]) -> None:
        """Write what happened to the process itself; an exception among *facts* is told by its class."""
        now = self._clock()
        if not self._admits("events", level, now):
            return
        self._write(level, name, facts)

    def retune(self, *, level: str) -> None:
        """Say from now on what is of *level* or above."""
        self._floor = LEVELS[level]
        self._lines = _logger(self._sink, self._processors, floor=self._floor)

    def close(self) -> None:
        """Say what was suppressed, write what is queued, and stop listening to libraries."""
        self._bridge.detach()
        self._settle(None)
        self._sink.close()

    def _admits(self, kind: str, level: str, now: float) -> bool:
        self._settle(now)
        return level not in _TROUBLE or self._storms[kind].admits(now)

    def _settle(self, now: float | None) -> None:
        """Tell what was suppressed in seconds that are over at *now*; None: in all of them."""
        second = None if now is None else int(now)
        if second is not None and second == self._settled:
            return
        self._settled = second
        for kind, storm in self._storms.items():
            if now is not None and not storm.owes(now):
                continue
            if suppressed := storm.settle():
                self._write("warning", "log.suppressed", {"kind": kind, "lines": suppressed})

    def _write(self, level: str, name: str, facts: Mapping[str, object]) -> None:
        self._lines.log(LEVELS[level], legible(clipped(name)), facts=facts)

    def _render(self, form: Form) -> tuple[Callable[..., Any], ...]:
        return (self._lay_out, _line_of_json) if form == "json" else (self._lay_out, _columns())

    def _lay_out(self, _logger: object, level: str, entry: EventDict) -> EventDict:
        facts = told(entry["facts"])
        head = {"ts": self._stamp(self._clock()), "level": level, "event": entry["event"]}
        return {**head, **{name: value for name, value in facts.items() if name not in head}}


def configure(*, form: Literal["auto", "json", "console"], level: str, stream: Writable, clock: Clock) -> Log:
    """Return the process's log on the binary *stream*; `auto` is columns on a terminal, else JSON."""
    isatty: Callable[[], bool] = getattr(stream, "isatty", lambda: False)
    settled: Form = ("console" if isatty() else "json") if form == "auto" else form
    return Log(sink=Sink(stream), form=settled, level=level, clock=clock)


def _logger(sink: Sink, processors: tuple[Callable[..., Any], ...], *, floor: int) -> FilteringBoundLogger:
    """Return a structlog logger of our own; structlog's process-wide configuration is left alone."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        _Put(sink),
        processors=list(processors),
        wrapper_class=structlog.make_filtering_bound_logger(floor),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return logger


class _Put:
    """What structlog calls by the name of the level."""

    def __init__(self, sink: Sink) -> None:
        self.debug = self.info = self.warning = self.error = sink.put


def _line_of_json(_logger: object, _level: str, entry: EventDict) -> bytes:
    line = msgspec.json.encode(entry)
    if len(line) >= LONGEST_LINE:
        kept = {name: entry[name] for name in ("ts", "level", "event")}
        line = msgspec.json.encode({**kept, "cut": sorted(map(str, entry))[:32]})
    return line + b"\n"


def _columns() -> Callable[..., bytes]:
    renderer = structlog.dev.ConsoleRenderer(colors=True, sort_keys=False, pad_event_to=32)

    def columns(logger: object, level: str, entry: EventDict) -> bytes:
        entry["timestamp"] = entry.pop("ts")
        return renderer(logger, level, entry)[: LONGEST_LINE - 1].encode("utf-8", "backslashreplace") + b"\n"

    return columns


def _headline(facts: dict[str, Any]) -> str:
    """Take the request itself out of *facts* and return it as a person would write it."""
    for known in ("ts", "level", "event", "trace_id", "span_id"):
        facts.pop(known, None)
    method, host, path = facts.pop("method"), facts.pop("host"), facts.pop("path")
    return f"{facts.pop('status')} {method} {host}{path}"
