"""aiohttp's server protocol with our limits: the only file that touches its private names.

Differences from the protocol it extends: a head has a budget in bytes and seconds, a broken body
fails the request that it belongs to, at most a handful of pipelined requests wait, parse errors
become our own short answers, and nothing of the client's bytes reaches a page or a log.
`check_server()` holds the names that are relied on and the C parser at start.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import http_parser, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.web_protocol import RequestHandler, RequestPayloadError, _ErrInfo
from aiohttp.web_request import BaseRequest

from gateway.errors import GatewayError, HeadTooLarge, RequestRejected, RequestTimedOut, TargetTooLong
from gateway.front.limits import Limits

Refuse = Callable[[GatewayError, str], bytes]
_MANY_FIELDS = 4096


class Written(web.StreamResponse):
    """Stands for an answer whose bytes are written already, or are *pending* and whole."""

    def __init__(self, *, keep_alive: bool, pending: bytes = b"") -> None:
        super().__init__()
        self._keep_alive = keep_alive
        self._pending = pending

    @property
    def keep_alive(self) -> bool | None:
        return self._keep_alive

    async def prepare(self, request: BaseRequest) -> None:
        if self._pending and request.transport is not None:
            request.transport.write(self._pending)

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the end of the answer was written with it."""


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_head_seen", "_head_timer", "_limits", "_payload", "_refuse")

    def __init__(
        self, manager: web.Server, *, loop: asyncio.AbstractEventLoop, limits: Limits, refuse: Refuse
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
        self._refuse = refuse
        self._head_seen = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._payload: Any = None
        self._max_msg_queue_size = limits.pipelined
        self._msg_queue_resume_size = limits.pipelined // 2
        self._parser = self._strict_parser(loop, limits)

    def _strict_parser(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> Any:
        return http_parser.HttpRequestParser(
            self,
            loop,
            self._read_bufsize,
            max_line_size=limits.request_line,
            # A field counts its ": " here; how many fields there may be is told by our own 431.
            max_field_size=limits.field,
            max_headers=_MANY_FIELDS,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=limits.pipelined,
        )

    @property
    def peer(self) -> str:
        """The socket's other end, or empty where it has no address."""
        name = self.peername
        return name[0] if isinstance(name, tuple) else ""

    def data_received(self, data: bytes) -> None:
        if self._force_close or self._close:
            return
        waiting = len(self._messages)
        super().data_received(data)
        if len(self._messages) > waiting:
            self._heads_arrived()
        elif self._payload is None or self._payload.is_eof():
            self._head_grew(len(data))

    def _heads_arrived(self) -> None:
        self._head_seen = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        message, payload = self._messages[-1]
        if not isinstance(message, _ErrInfo):
            self._payload = payload
            return
        # The parser reports a broken body as if it were a next request. The request under way
        # must learn of it, or it would wait for ever.
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(RequestPayloadError("broken framing"))

    def _head_grew(self, size: int) -> None:
        self._head_seen += size
        if self._head_seen > self._limits.head:
            self._refuse_head(HeadTooLarge("head without end"))
        elif size and self._head_timer is None:
            self._head_timer = self._loop.call_later(self._limits.head_time, self._head_overdue)

    def _head_overdue(self) -> None:
        self._head_timer = None
        self._refuse_head(RequestTimedOut("head not complete in time"))

    def _refuse_head(self, error: GatewayError) -> None:
        """Answer at once where nothing else is under way, then close."""
        if self.transport is not None and not self._messages and self._current_request is None:
            self.transport.write(self._refuse(error, self.peer))
        self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        payload = self._payload
        if payload is not None and not payload.is_eof() and payload.exception() is None:
            payload.set_exception(ConnectionResetError("client is gone"))
        super().connection_lost(exc)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a head that the parser refused: short, ours, without a byte of the client's."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        return Written(keep_alive=False, pending=self._refuse(self._named(exc), self.peer))

    def _named(self, exc: BaseException | None) -> GatewayError:
        if isinstance(exc, LineTooLong):
            too_long = exc.args[1] == self._limits.request_line
            return TargetTooLong("request line") if too_long else HeadTooLarge("field")
        if isinstance(exc, HttpProcessingError):
            return RequestRejected(type(exc).__name__)
        return GatewayError(type(exc).__name__)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Say nothing: the library would print what the client sent."""

    def write(self, data: bytes) -> None:
        """Write to the client; raises ConnectionResetError where it is gone."""
        if self.transport is None:
            raise ConnectionResetError("client is gone")
        self.transport.write(data)

    @property
    def congested(self) -> bool:
        """Whether the client reads slower than we write."""
        return self.writing_paused

    async def drained(self) -> None:
        """Return once the client has read enough for more."""
        await self._drain_helper()

    def cut(self) -> None:
        """Abort, so that the client sees an answer that is not complete."""
        if self.transport is not None:
            self.transport.abort()
        self.force_close()

    def end_after_answer(self) -> None:
        """Let this answer be the last one on the connection."""
        self.close()


class Server(web.Server):
    """Makes our connections."""

    def __init__(
        self,
        handler: Callable[[BaseRequest], Awaitable[web.StreamResponse]],
        *,
        limits: Limits,
        refuse: Refuse,
    ) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._limits = limits
        self._refuse = refuse

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, limits=self._limits, refuse=self._refuse)

    @property
    def open_connections(self) -> int:
        return len(self._connections)


def check_server() -> None:
    """Raise RuntimeError unless aiohttp has its C parser and the names this file relies on."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise RuntimeError("aiohttp runs without its C parser: reinstall it with its compiled extension")
    for name in ("_messages", "_current_request", "_force_close", "_drain_helper", "force_close"):
        if not hasattr(RequestHandler, name):
            raise RuntimeError(f"aiohttp's server protocol has no {name}: this release is not supported")
