"""The one line a request leaves in the log, written by hand because every request pays for it."""

from hashlib import sha256
from time import gmtime, strftime
from urllib.parse import quote_from_bytes

import msgspec

from gateway.observe.redact import LONGEST

LONGEST_LINE = 4096
_PRINTED = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ "


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one request; a struct, since a frozen dataclass costs ten times as much to fill.

    `method`, `host` and `target` are a client's words and are bounded when they are written; the rest
    is ours. `target` is the raw origin-form: its query is never written. Times are seconds; `upstream`
    is None where no upstream was asked. `route` is empty where none governed. `sid_hash` is
    `short_hash` of the session, never the session itself.
    """

    request_id: str
    method: str
    host: str
    target: bytes
    status: int
    client_ip: str
    duration: float
    size: int = 0
    upstream: float | None = None
    trace_id: str = ""
    span_id: str = ""
    route: str = ""
    decision: str = ""
    reason: str = ""
    user_id: str = ""
    sid_hash: str = ""

    @property
    def level(self) -> str:
        return level_of(self.status, route=self.route)


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A request line in the order and under the names in which it is written."""

    ts: str
    level: str
    event: str
    request_id: str
    trace_id: str = ""
    span_id: str = ""
    client_ip: str = ""
    method: str
    host: str
    path: str
    status: int
    bytes: int
    duration_ms: float
    upstream_ms: float | None = None
    route: str = ""
    decision: str = ""
    reason: str = ""
    user_id: str = ""
    sid_hash: str = ""


_encode = msgspec.json.Encoder().encode


def level_of(status: int, *, route: str) -> str:
    """Return `error` where we or the upstream failed, `warning` where no route was reached, else `info`."""
    if status >= 500:
        return "error"
    return "warning" if status >= 400 and not route else "info"


def record(line: RequestLine, *, ts: str, level: str) -> Record:
    """Return *line* as it is written: every field bounded and printable, the query gone."""
    upstream = line.upstream
    return Record(
        ts=ts,
        level=level,
        event="request",
        request_id=line.request_id,
        trace_id=line.trace_id,
        span_id=line.span_id,
        client_ip=line.client_ip,
        method=printable(line.method),
        host=printable(line.host),
        path=path_of(line.target),
        status=line.status,
        bytes=line.size,
        duration_ms=round(line.duration * 1000, 3),
        upstream_ms=None if upstream is None else round(upstream * 1000, 3),
        route=line.route,
        decision=line.decision,
        reason=line.reason,
        user_id=line.user_id,
        sid_hash=line.sid_hash,
    )


def encoded(written: Record) -> bytes:
    """Return *written* as one JSON line of at most `LONGEST_LINE` bytes."""
    line = _encode(written)
    if len(line) < LONGEST_LINE:
        return line + b"\n"
    for name in ("request_id", "client_ip", "method", "host", "path", "route", "user_id"):
        setattr(written, name, getattr(written, name)[: LONGEST // 4])
    return _encode(written) + b"\n"


def path_of(target: bytes) -> str:
    """Return the path of a raw *target* in printable ASCII, percent-encoded where it is not."""
    path = target.partition(b"?")[0][:LONGEST]
    if path.isascii() and (text := path.decode("ascii")).isprintable():
        return text
    return quote_from_bytes(path, safe=_PRINTED)[:LONGEST]


def printable(text: str) -> str:
    """Return *text* in printable ASCII of at most `LONGEST` bytes."""
    if text.isascii() and text.isprintable() and len(text) <= LONGEST:
        return text
    return quote_from_bytes(text[:LONGEST].encode("utf-8", "backslashreplace"), safe=_PRINTED)[:LONGEST]


def short_hash(session_id: str) -> str:
    """Return the eight hex digits by which the log tells one session from another."""
    return sha256(session_id.encode()).hexdigest()[:8]


class Stamp:
    """Unix seconds as RFC 3339 in UTC with milliseconds; a second is formatted once."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def __call__(self, now: float) -> str:
        second = int(now)
        if second != self._second:
            self._text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
            self._second = second
        return f"{self._text}.{int((now - second) * 1000):03d}Z"
