"""aiohttp's server protocol with our limits: the only file that touches its private names.

Differences from the protocol it extends: requests are served in the connection's own task, without
the objects that the library makes for each; a head has a budget in bytes and seconds, and so has what
frames a chunked body; a broken body fails the request that it belongs to; requests are parsed one at
a time, so that a fault in one never swallows those before it; after a fault nothing more is parsed;
parse errors become our own short answers, in turn, without a byte of the client's; a connection that
ends says so, reads on for a moment, and is aborted where its last bytes are not taken.
`check_names()` holds the names that are relied on, at start.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiohttp import http_parser, web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo

from gateway.errors import GatewayError, HeadTooLarge, RequestRejected, RequestTimedOut, TargetTooLong
from gateway.front.limits import Limits
from gateway.model.inbound import Inbound

Refuse = Callable[[GatewayError, str], bytes]
Serve = Callable[["Connection", RawRequestMessage, StreamReader], Awaitable[bool]]


class FastLane(Protocol):
    """Passes requests on without the connection's task."""

    def take(self, connection: "Connection", message: RawRequestMessage) -> bool:
        """Begin *message* and set `connection.passing`, or return False with nothing done."""
        ...


class UnderWay(Protocol):
    """A request that the fast lane has begun."""

    def abandon(self) -> None: ...


_END_OF_HEAD = b"\r\n\r\n"
# How many fields there may be is told by our own 431; this one only bounds the parser's work.
_MANY_FIELDS = 8192
# A byte of the body may come in a chunk of its own, and then has this much around it.
_FRAMING_PER_BYTE = 16
_RELIED_ON = (
    "_buffer_paused",
    "_close",
    "_drain_helper",
    "_force_close",
    "_keepalive_handle",
    "_messages",
    "_next_keepalive_close_time",
    "_pause_transport_reading",
    "_process_keepalive",
    "_resume_reading_if_drained",
    "_resume_transport_reading",
    "_task_handler",
    "_waiter",
    "force_close",
)


class Connection(RequestHandler):
    """One client's connection.

    *serve* answers one request and says whether another may follow; *refuse* gives the bytes that
    answer a head which is none; *lane* takes what needs no task. `draining` says that the current
    answer is the last one; `previous` is the last request that was understood here, and who understood
    it, `passing` the one under way in the fast lane.
    """

    __slots__ = (
        "_abort_timer",
        "_deaf",
        "_discarded",
        "_framing",
        "_handed",
        "_head_seen",
        "_head_timer",
        "_lane",
        "_limits",
        "_lingering",
        "_payload",
        "_refuse",
        "_serve",
        "draining",
        "passing",
        "previous",
    )

    def __init__(
        self,
        manager: web.Server,
        *,
        loop: asyncio.AbstractEventLoop,
        limits: Limits,
        serve: Serve,
        refuse: Refuse,
        lane: FastLane | None = None,
    ) -> None:
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
        self._serve = serve
        self._refuse = refuse
        self._lane = lane
        self._handed: Callable[[], Awaitable[bool]] | None = None
        self.passing: UnderWay | None = None
        self.previous: tuple[object, Inbound] | None = None
        self._payload: StreamReader | None = None
        self._head_seen = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._framing = 0
        self._deaf = False
        self._discarded = 0
        self._lingering: asyncio.Future[None] | None = None
        self._abort_timer: asyncio.TimerHandle | None = None
        self.draining = False
        self._max_msg_queue_size = limits.pipelined
        self._msg_queue_resume_size = limits.pipelined // 2
        self._parser = http_parser.HttpRequestParser(
            self,
            loop,
            self._read_bufsize,
            max_line_size=limits.request_line,
            max_field_size=limits.field,
            max_headers=_MANY_FIELDS,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            # It stops after each message and keeps the rest: a fault there would lose this one.
            max_msg_queue_size=1,
        )

    @property
    def peer(self) -> str:
        """The socket's other end, or empty where it has no address."""
        name = self.peername
        return name[0].removeprefix("::ffff:") if isinstance(name, tuple) else ""

    # What comes in.

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
            self._dispatch()
            return stopped
        if body is None:
            self._head_grew(len(data))
            return False
        self._framed(body, len(data), body.total_bytes - before)
        return body.is_eof()

    def _arrived(self, data: bytes) -> bool:
        ends_here = self._head_seen == 0 and data.find(_END_OF_HEAD) == len(data) - 4
        self._head_seen = 0
        if self._head_timer is not None:
            self._stop_head_timer()
        message, payload = self._messages[-1]
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
            self._framed(payload, len(data) - data.find(_END_OF_HEAD) - 4, payload.total_bytes)
        return not ends_here and payload.is_eof()

    def _framed(self, body: StreamReader, size: int, growth: int) -> None:
        """Bound what a body says beside its bytes: sizes, extensions, trailers (RFC 9112 7.1)."""
        self._framing = max(0, self._framing + size - growth - _FRAMING_PER_BYTE * growth)
        if self._framing > self._limits.framing:
            self._deaf = True
            body.set_exception(RequestPayloadError("too much beside the body"))

    def _head_grew(self, size: int) -> None:
        # What the parser kept of an earlier read cannot be seen: one byte stands for it.
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
        self._dispatch()

    def _dispatch(self) -> None:
        """Give the next request to the fast lane or wake the task for it, unless one is under way."""
        waiter = self._waiter
        if self.passing is not None or waiter is None or waiter.done() or not self._messages:
            return
        if self._lane is not None and len(self._messages) == 1:
            message, payload = self._messages[0]
            bodiless = payload is EMPTY_PAYLOAD
            if bodiless and not isinstance(message, _ErrInfo) and self._lane.take(self, message):
                self._messages.popleft()
                self._consumed()
                return
        waiter.set_result(None)

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded <= self._limits.linger_bytes:
            return
        self._pause_transport_reading()
        if self._lingering is not None and not self._lingering.done():
            self._lingering.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_head_timer()
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        payload = self._payload
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(ConnectionResetError("client is gone"))
        passing, self.passing = self.passing, None
        if passing is not None:
            passing.abandon()
        super().connection_lost(exc)

    # What is served.

    async def start(self) -> None:
        """Serve the requests of this connection, one after the other, until one was the last."""
        try:
            while not self._force_close:
                if await self._served_next() and not self._close:
                    self._await_another()
                else:
                    break
        except ConnectionError:
            pass  # the client is gone, and with it whoever could be told
        except BaseException:
            self.force_close()
            raise
        if not self._force_close and self.transport is not None:
            self.transport.close()

    async def _served_next(self) -> bool:
        await self._something_to_do()
        handed, self._handed, self.passing = self._handed, None, None
        if handed is not None:
            return await handed()
        message, payload = self._messages.popleft()
        self._consumed()
        if not isinstance(message, _ErrInfo):
            return await self._serve(self, message, payload)
        self.write(self._refuse(self.fault(message.exc), self.peer))
        await self.end(linger=True)
        return False

    async def _something_to_do(self) -> None:
        if self._messages:
            return
        try:
            self._waiter = self._loop.create_future()
            await self._waiter
        finally:
            self._waiter = None

    def _consumed(self) -> None:
        """Let the parser go on after a message that was taken out."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    # What the fast lane tells.

    def passed(self, *, keep_alive: bool) -> None:
        """The request under way has been answered."""
        self.passing = None
        if not keep_alive or self.draining or self._close:
            self.force_close()
            return
        self._await_another()
        self._dispatch()

    def hand_over(self, work: Callable[[], Awaitable[bool]]) -> None:
        """Let the connection's task go on with the request under way, as soon as it runs."""
        self._handed = work
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _process_keepalive(self) -> None:
        if self.passing is None:
            super()._process_keepalive()
        else:
            self._keepalive_handle = None  # it begins anew after the answer

    def _await_another(self) -> None:
        """Begin the time that the connection may idle. A timer that runs already moves on by itself."""
        self._next_keepalive_close_time = at = self._loop.time() + self._limits.keepalive
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(at, self._process_keepalive)

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

    # What an answer calls.

    def write(self, data: bytes) -> None:
        """Write to the client; raises ConnectionResetError where it is gone."""
        if self.transport is None:
            raise ConnectionResetError("client is gone")
        self.transport.write(data)

    @property
    def congested(self) -> bool:
        """Whether the client reads slower than we write."""
        return self.writing_paused

    @property
    def backlog(self) -> int:
        """How many written bytes the client has not taken yet."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    async def drained(self) -> None:
        """Return once the client has read enough for more."""
        await self._drain_helper()

    def cut(self) -> None:
        """Abort, so that the client sees an answer that is not complete."""
        if self.transport is not None:
            self.transport.abort()
        self.force_close()

    async def end(self, *, linger: bool) -> None:
        """Close once everything written is sent; *linger* where the client may still be sending.

        It then reads on for a moment, because a close with unread bytes is a reset that can take
        the answer with it (RFC 9112 9.6). What it reads is never parsed.
        """
        if linger and self.transport is not None:
            await self._linger(self.transport)
        self.force_close()

    async def _linger(self, transport: asyncio.Transport) -> None:
        self._deaf = True
        if transport.can_write_eof():
            transport.write_eof()
        self._lingering = self._loop.create_future()
        if self._discarded <= self._limits.linger_bytes:
            self._resume_transport_reading()
            await asyncio.wait((self._lingering,), timeout=self._limits.linger_time)

    def force_close(self) -> None:
        """Close after what is written; a client that does not take it is cut off in time."""
        transport = self.transport
        super().force_close()
        if transport is not None and transport.get_write_buffer_size():
            self._abort_timer = self._loop.call_later(self._limits.write_idle, transport.abort)

    def wind_down(self) -> None:
        """Let the request under way be the last one; close at once where there is none."""
        self.draining = True
        if self._waiter is not None and not self._messages and self.passing is None:
            self.force_close()

    @property
    def task(self) -> "asyncio.Task[None] | None":
        """The task that serves this connection, while there is one."""
        return self._task_handler


def check_names() -> None:
    """Raise RuntimeError unless aiohttp's protocol has the names that this file relies on."""
    for name in _RELIED_ON:
        if not hasattr(RequestHandler, name):
            raise RuntimeError(f"aiohttp's server protocol has no {name}: this release is not supported")
