"""One client's connection: what has come is served in turn, what answers it is written.

Differences from the library's protocol: requests are served in the connection's own task, or in none,
without the objects that it makes for each; parse errors become our own short answers, in turn, without
a byte of the client's; a connection that ends says so, reads on for a moment, and is aborted where its
last bytes are not taken.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol, cast

import msgspec
from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import _ErrInfo

from gateway.errors import GatewayError
from gateway.front.crowd import Newcomer
from gateway.front.ends import Near, Owner
from gateway.front.intake import Intake
from gateway.front.limits import Limits
from gateway.model.inbound import Inbound
from gateway.model.turn import Outbox, Turn
from gateway.pipeline import Course

# How long a connection may stay without a request once the gateway is to end, in seconds.
_FIRST_REQUEST = 1.0

# Bytes of a body that need not be streamed.
_SMALL = 16 * 1024

Refuse = Callable[[GatewayError, str], bytes]
Serve = Callable[["Connection", RawRequestMessage, StreamReader], Awaitable[bool]]


class Previous(msgspec.Struct, kw_only=True, eq=False):
    """The last request that was understood on a connection, and who understood it.

    `rest` is what followed the target in a GET's head, where the head is known byte by byte; else empty.
    `course` is what the fast lane passed on last of those that repeat it.
    """

    reader: object
    message: RawRequestMessage
    inbound: Inbound
    rest: bytes
    course: Course | None = None


class FastLane(Protocol):
    """Passes requests on without the connection's task."""

    def take(self, connection: "Connection", message: RawRequestMessage, payload: StreamReader) -> bool:
        """Begin *message*, all of whose *payload* is here, and set `connection.passing`, or return False
        with nothing done."""
        ...

    def recall(self, connection: "Connection", data: bytes) -> Previous | None:
        """Return what *data* repeats but for its target, wherever that came, None where it is new."""
        ...

    def repeat(self, connection: "Connection", previous: Previous, target: bytes) -> bool:
        """Begin what differs from *previous* in its *target* at most, as `take` does."""
        ...


class Host(Owner, Protocol):
    """Knows all connections."""

    def give_place(self, connection: "Connection", near: Near, transport: asyncio.Transport) -> None:
        """Count *near*, on *transport*, in the place of *connection*."""
        ...


class UnderWay(Protocol):
    """A request that the fast lane has begun."""

    def abandon(self) -> None: ...


class Connection(Intake):
    """One client's connection.

    *serve* answers one request and says whether another may follow; *refuse* gives the bytes that
    answer a head which is none; *lane* takes what needs no task; *arrival* is whom it takes the place of,
    and whose address it has. `draining` says that the next
    answer is the last one, for which the client has `patience` seconds to ask; `previous` is the last request
    that was understood here, `passing` the one under way in the fast lane.
    """

    __slots__ = (
        "_abort_timer",
        "_begun",
        "_handed",
        "_lane",
        "_outbox",
        "_peer",
        "_refuse",
        "_serve",
        "_turn",
        "arrival",
        "client_cert",
        "draining",
        "passing",
        "patience",
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
        turn: Turn,
        lane: FastLane | None = None,
        arrival: Newcomer | None = None,
    ) -> None:
        super().__init__(manager, loop=loop, limits=limits)
        self._serve = serve
        self._refuse = refuse
        self._turn = turn
        self._outbox: Outbox | None = None
        self._lane = lane
        self._peer = None if arrival is None else arrival.peer
        self.arrival = arrival
        self.client_cert = b""
        self._begun = False
        self._handed: Callable[[], Awaitable[bool]] | None = None
        self._abort_timer: asyncio.TimerHandle | None = None
        self.passing: UnderWay | None = None
        self.previous: Previous | None = None
        self.draining = False
        self.patience = 0.0

    @property
    def peer(self) -> str:
        """Who came in, else the socket's other end, or empty where it has no address."""
        if self._peer is None:
            name = self.peername
            self._peer = name[0].removeprefix("::ffff:") if isinstance(name, tuple) else ""
        return self._peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._outbox = Outbox(cast(asyncio.WriteTransport, transport), self._turn)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._lane is None or not data.startswith(b"GET ") or not self._repeated(self._lane, data):
            super().data_received(data)

    def _repeated(self, lane: FastLane, data: bytes) -> bool:
        """Pass on a head that repeats a known one but for its target, byte for byte, unparsed.

        Only where nothing else is pending, so that the parser stands before a new message and may
        as well not see this one. The target is judged as ever: one that holds more than a target, such
        as a whole request before this one, holds bytes that none may.
        """
        waiter = self._waiter
        busy = self._begun if waiter is None else waiter.done()
        if busy or self.passing is not None or self._messages or self._head_seen:
            return False
        if self._deaf or self._close or self._force_close:
            return False
        known = self.previous
        if known is None or not known.rest or not data.endswith(known.rest):
            known = lane.recall(self, data)
            if known is None:
                return False
            self.previous = known
        return lane.repeat(self, known, data[4 : -len(known.rest)])

    @property
    def idle(self) -> bool:
        """Whether it waits for a request of which nothing has come."""
        waits = self._waiter is not None and not self._messages and self.passing is None
        return waits and not self._head_seen

    def arrived(self) -> None:
        """Give the next request to the fast lane or wake the task for it, unless one is under way.

        The first may be here before the task has had its first turn, which then finds what was left to it.
        """
        waiter = self._waiter
        busy = self._begun if waiter is None else waiter.done()
        if busy or self.passing is not None or not self._messages:
            return
        if self._lane is not None and len(self._messages) == 1:
            message, payload = self._messages[0]
            if not isinstance(message, _ErrInfo) and self._fits(self._lane, message, payload):
                self._messages.popleft()
                self._consumed()
                return
        if waiter is not None:
            waiter.set_result(None)

    def _fits(self, lane: FastLane, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Begin *message* in the *lane* where its body has come with its head and is small, and say whether
        it fits there; chunks are for whoever streams."""
        whole = payload.is_eof() and payload.total_bytes <= _SMALL and not message.chunked
        return whole and lane.take(self, message, payload)

    def eof_received(self) -> None:
        self._flush()  # the transport closes by itself now

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        passing, self.passing = self.passing, None
        if passing is not None:
            passing.abandon()
        self._outbox = None
        super().connection_lost(exc)
        self._keepalive_handle = None  # even cancelled it leads back here: nothing would be freed at once

    # What is served.

    async def start(self) -> None:
        """Serve the requests of this connection, one after the other, until one was the last."""
        self._begun = True
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
            self._flush()
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
        if self._handed is not None or (self._messages and self.passing is None):
            return
        try:
            self._waiter = self._loop.create_future()
            await self._waiter
        finally:
            self._waiter = None

    # What the fast lane tells.

    def passed(self, *, keep_alive: bool) -> None:
        """The request under way has been answered."""
        self.passing = None
        if not keep_alive or self.draining or self._close:
            self.force_close()
            return
        self._await_another()
        if self._messages:
            self.arrived()

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

    # What an answer calls.

    def write(self, data: bytes) -> None:
        """Write to the client; raises ConnectionResetError where it is gone."""
        if self._outbox is None:
            raise ConnectionResetError("client is gone")
        self._outbox.write(data)

    def _flush(self) -> None:
        if self._outbox is not None:
            self._outbox.flush()

    @property
    def congested(self) -> bool:
        """Whether the client reads slower than we write."""
        return self._paused

    @property
    def backlog(self) -> int:
        """How many written bytes the client has not taken yet."""
        if self.transport is None or self._outbox is None:
            return 0
        return self.transport.get_write_buffer_size() + self._outbox.size

    async def drained(self) -> None:
        """Return once the client has read enough for more."""
        await self._drain_helper()

    def cut(self) -> None:
        """Abort, so that the client sees an answer that is not complete."""
        if self.transport is not None:
            self._flush()
            self.transport.abort()
        self.force_close()

    def give_way(self, near: Near) -> None:
        """Leave the client, and its place among the connections, to *near*: here this one has ended."""
        transport, host = self.transport, cast(Host, self._manager)
        if transport is None:
            raise ConnectionResetError("client is gone")
        self._flush()
        near.begin(transport, owner=host, patience=self._limits.write_idle, full=self.congested)
        host.give_place(self, near, transport)
        self.transport = self._task_handler = None  # the one goes on, the other ends by itself
        self.connection_lost(None)

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
        self._flush()
        if transport.can_write_eof():
            with suppress(OSError):  # the client is gone already
                transport.write_eof()
        self._lingering = self._loop.create_future()
        if self._discarded <= self._limits.linger_bytes:
            self._holding = False
            self._resume_transport_reading()
            await asyncio.wait((self._lingering,), timeout=self._limits.linger_time)

    def force_close(self) -> None:
        """Close after what is written; a client that does not take it is cut off in time."""
        transport = self.transport
        self._flush()
        super().force_close()
        if transport is not None and transport.get_write_buffer_size():
            self._abort_timer = self._loop.call_later(self._limits.write_idle, transport.abort)

    def wind_down(self, patience: float = 0.0) -> None:
        """Let the request under way be the last one; close where none comes within *patience* seconds.

        A new connection is given a moment for its first request in any case, which is on its way: no client
        expects to be turned away before it.
        """
        self.draining = True
        self.patience = patience
        patience = patience if self._request_count else max(patience, _FIRST_REQUEST)
        if patience:
            self._loop.call_later(patience, self._close_if_idle)
        else:
            self._close_if_idle()

    def awaits_one_more(self) -> bool:
        """Say whether a client that was told of no end may ask once more; close once it took too long."""
        if self.patience:
            self._loop.call_later(self.patience, self._close_if_idle)
        return self.patience > 0

    def _close_if_idle(self) -> None:
        if self.idle:  # else a request is under way, or its head is, which has a time of its own
            self.force_close()

    @property
    def task(self) -> "asyncio.Task[None] | None":
        """The task that serves this connection, while there is one."""
        return self._task_handler
