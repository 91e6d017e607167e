"""aiohttp's server protocol as far as bytes come in: requests are told apart, within our limits.

A head has a budget in bytes and seconds, and so has what frames a chunked body; a broken body fails
the request that it belongs to; requests are parsed one at a time, so that a fault in one never swallows
those before it; after a fault nothing more is parsed. This file and `connection.py`, which serves what
has come, are the only ones that touch the library's private names; `check_names()` holds them at start.
"""

import asyncio
from typing import Any

from aiohttp import http_parser, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo

from gateway.errors import (
    GatewayError,
    HeadTooLarge,
    RequestRejected,
    RequestTimedOut,
    TargetTooLong,
)
from gateway.front.limits import Limits

_END_OF_HEAD = b"\r\n\r\n"
# How many fields there may be is told by our own 431; this one only bounds the parser's work.
_MANY_FIELDS = 8192
# Of a body, half of this may wait for whoever reads it; where twice that does, no more is read.
_AHEAD = 32 * 1024
# More than a body can make up for, where it is not known what came with a head.
_UNKNOWN = 1 << 62
# A byte of the body may come in a chunk of its own, and then has this much around it.
_FRAMING_PER_BYTE = 16
_RELIED_ON = (
    "_buffer_paused",
    "_close",
    "_drain_helper",
    "_force_close",
    "_keepalive_handle",
    "_message_tail",
    "_messages",
    "_next_keepalive_close_time",
    "_pause_transport_reading",
    "_paused",
    "_process_keepalive",
    "_reading_paused",
    "_request_count",
    "_resume_reading_if_drained",
    "_resume_transport_reading",
    "_task_handler",
    "_upgraded",
    "_waiter",
    "force_close",
)


class Intake(RequestHandler):
    """What one client sends, as messages in `_messages`; `arrived` is called when there are new ones."""

    __slots__ = (
        "_beside",
        "_deaf",
        "_discarded",
        "_framing",
        "_head_seen",
        "_head_timer",
        "_holding",
        "_last",
        "_limits",
        "_lingering",
        "_payload",
        "_piece",
    )

    def __init__(self, manager: web.Server, *, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        super().__init__(
            manager,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            auto_decompress=False,
            keepalive_timeout=limits.keepalive,
            lingering_time=0.0,
            max_line_size=limits.request_line,
            max_field_size=limits.field,
        )
        self._limits = limits
        self._piece: tuple[object, bytes] = (None, b"")
        self._payload: StreamReader | None = None
        self._head_seen = 0
        self._last = b""
        self._head_timer: asyncio.TimerHandle | None = None
        self._framing = 0
        self._beside = 0
        self._holding = False
        self._deaf = False
        self._discarded = 0
        self._lingering: asyncio.Future[None] | None = None
        self._max_msg_queue_size = limits.pipelined
        self._msg_queue_resume_size = limits.pipelined // 2
        self._parser = http_parser.HttpRequestParser(
            self,
            loop,
            _AHEAD,
            max_line_size=limits.request_line,
            max_field_size=limits.field,
            max_headers=_MANY_FIELDS,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            # It stops after each message and keeps the rest: a fault there would lose this one.
            max_msg_queue_size=1,
        )

    def arrived(self) -> None:
        """Do what a new message asks for."""
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        if self._force_close or self._close:
            return
        if self._deaf:
            self._discard(len(data))
        elif len(data) > self._limits.head and not self._body_open() and self._endless(data):
            self._refuse_head(HeadTooLarge("head without end"))
        else:
            while self._stopped_after(data) and len(self._messages) < self._limits.pipelined:
                data = b""

    def _endless(self, data: bytes) -> bool:
        return data.find(_END_OF_HEAD, 0, self._limits.head) < 0

    def _body_open(self) -> bool:
        return self._payload is not None and not self._payload.is_eof()

    def _stopped_after(self, data: bytes) -> bool:
        """Parse *data*, and say whether the parser stopped at the end of a message."""
        waiting = len(self._messages)
        body = self._payload if self._body_open() else None
        before = body.total_bytes if body is not None else 0
        # The library would wake the task for what may need none.
        waiter, self._waiter = self._waiter, None
        super().data_received(data)
        self._waiter = waiter
        if len(self._messages) > waiting:
            stopped = self._arrived(data)
            self.arrived()
            return stopped
        if body is None:
            self._head_grew(data)
            return False
        growth = body.total_bytes - before
        self._framed(body, len(data), growth)
        self._beside += len(data) - growth
        return body.is_eof() and self._beside != 0

    def _arrived(self, data: bytes) -> bool:
        end = self._end_of_head(data)
        alone = end == len(data) and not self._head_seen
        self._head_seen = 0
        self._last = b""
        if self._head_timer is not None:
            self._stop_head_timer()
        message, payload = self._messages[-1]
        self._piece = (message, data) if alone else (None, b"")
        if isinstance(message, _ErrInfo):
            # The parser reports a broken body as if it were a next request. The request under way
            # must learn of it, or it would wait for ever.
            self._deaf = True
            if self._payload is not None and self._body_open():
                self._payload.set_exception(RequestPayloadError("broken framing"))
            return False
        self._payload = payload
        self._framing = 0
        if message.chunked:
            self._framed(payload, len(data) - max(end, 0), payload.total_bytes)
        # Where this is 0 at a message's end, the parser has kept nothing of another.
        self._beside = _UNKNOWN if end < 0 else len(data) - end - payload.total_bytes
        return payload.is_eof() and self._beside != 0

    def _end_of_head(self, data: bytes) -> int:
        """Return how much of *data* belongs to the head that ends in it, -1 where that is not known.

        One that is found too early, in what no head holds, leaves more beside the message than there is.
        """
        if self._head_seen and not self._last:
            return -1
        found = (self._last + data).find(_END_OF_HEAD)
        return found + len(_END_OF_HEAD) - len(self._last) if found >= 0 else -1

    def _framed(self, body: StreamReader, size: int, growth: int) -> None:
        """Bound what a body says beside its bytes: sizes, extensions, trailers (RFC 9112 7.1)."""
        self._framing = max(0, self._framing + size - growth - _FRAMING_PER_BYTE * growth)
        if self._framing > self._limits.framing:
            self._deaf = True
            body.set_exception(RequestPayloadError("too much beside the body"))

    def _head_grew(self, data: bytes) -> None:
        # What the parser kept of an earlier read cannot be seen: one byte stands for it.
        size = len(data)
        if size and (self._last or not self._head_seen):
            self._last = (self._last + data)[1 - len(_END_OF_HEAD) :]
        self._head_seen += size or 1
        if self._head_seen > self._limits.head:
            self._refuse_head(HeadTooLarge("head without end"))
        elif size and self._head_timer is None:
            self._head_timer = self._loop.call_later(self._limits.head_time, self._head_overdue)

    def _head_overdue(self) -> None:
        self._head_timer = None
        self._refuse_head(RequestTimedOut("head not complete in time"))

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse_head(self, error: GatewayError) -> None:
        """Answer *error* in the head's turn, after the requests before it, and read no more."""
        self._deaf = True
        self._stop_head_timer()
        refusal = _ErrInfo(status=error.status, exc=error, message="")
        self._messages.append((refusal, EMPTY_PAYLOAD))
        self.arrived()

    def leave_http(self) -> bytes:
        """Return what the client sent after its request, which nobody parses any more.

        Raises RequestRejected where no upgrade was asked for, ConnectionResetError where the client is gone.
        """
        if self.transport is None:
            raise ConnectionResetError("client is gone")
        if not self._deaf:
            super().data_received(b"")  # the parser stopped at the message's end, before the switch
        if self._deaf or not self._upgraded or self._messages:
            raise RequestRejected("the client's parser knows of no upgrade")
        self._deaf = True
        early, self._message_tail = self._message_tail, b""
        return early

    # How far a client may be ahead of whoever reads its body.

    def hold_back(self) -> None:
        """Once a large piece is here, read no other before `go_on`: that one is still being passed on."""
        self._holding = True

    def go_on(self) -> None:
        """Read what the client sends, unless there is enough to do with what is here."""
        self._holding = False
        if not self._reading_paused and not self._buffer_paused:
            self._resume_transport_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Go on where reading was paused; the library says so at each piece that is taken."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def _resume_transport_reading(self) -> None:
        if not self._holding:
            super()._resume_transport_reading()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded <= self._limits.linger_bytes:
            return
        self._pause_transport_reading()
        if self._lingering is not None and not self._lingering.done():
            self._lingering.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_head_timer()
        payload = self._payload
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(ConnectionResetError("client is gone"))
        self._payload = None
        super().connection_lost(exc)

    def _consumed(self) -> None:
        """Let the parser go on after a message that was taken out."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    def piece_of(self, message: object) -> bytes:
        """Return, once, the bytes of *message*'s head where it came alone and in one piece, else none."""
        (whose, piece), self._piece = self._piece, (None, b"")
        return piece if whose is message else b""

    def fault(self, exc: BaseException | None) -> GatewayError:
        """Return our own error for what the parser refused a head with."""
        if isinstance(exc, GatewayError):
            return exc
        if isinstance(exc, LineTooLong):
            too_long = exc.args[1] == self._limits.request_line
            return TargetTooLong("request line") if too_long else HeadTooLarge("field")
        if isinstance(exc, HttpProcessingError):
            return RequestRejected(type(exc).__name__)
        return GatewayError(type(exc).__name__)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Say nothing: the library would print what the client sent."""


def check_names() -> None:
    """Raise RuntimeError unless aiohttp's protocol has the names that this file relies on."""
    for name in _RELIED_ON:
        if not hasattr(RequestHandler, name):
            raise RuntimeError(f"aiohttp's server protocol has no {name}: this release is not supported")
