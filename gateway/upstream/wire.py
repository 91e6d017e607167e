"""One connection to an upstream: bytes out, bytes in, one timer, and silence while it idles.

A connection that idles still reads. Whatever it then receives (a byte, the end, an error) closes it,
because a late byte would be taken for the answer to somebody else's request (rule F2).
"""

import asyncio
import select
from collections.abc import Callable
from typing import Protocol, cast

from gateway.errors import UpstreamBroken, UpstreamTimeout
from gateway.model.turn import Outbox, Turn
from gateway.model.upstream import Timeouts
from gateway.upstream.answer import AnswerReader
from gateway.upstream.answer_head import AnswerHeads

HIGH_WATER = 64 * 1024
# How long a connection takes new requests, and idles between them: an app that moved to another address is
# found there, and most servers keep theirs for longer.
LIFETIME = 30.0


class Released(Protocol):
    """What speaks on a connection that left HTTP."""

    def abort(self) -> None:
        """Close at once."""
        ...


class Owner(Protocol):
    """Who lends connections out, and gets each back exactly once: kept, lost, or released.

    What takes the place of a released one counts no more, and is still to be forgotten.
    """

    def keep(self, connection: "Connection") -> None: ...
    def lose(self, connection: "Connection") -> None: ...
    def release(self, connection: "Connection", successor: Released) -> None: ...
    def forget(self, end: Released) -> None: ...


class Successor(Released, Protocol):
    """A protocol that takes a connection over."""

    def begin(
        self, transport: asyncio.Transport, *, owner: Owner, patience: float, full: bool, ended: bool
    ) -> None:
        """Become the protocol of *transport*, and tell *owner* to forget it when the transport is gone.

        *full* says that it takes nothing at the moment, *ended* that nothing more will come; for *patience*
        seconds it may take nothing.
        """
        ...


class Connection(asyncio.Protocol):
    """An HTTP/1.1 connection that carries one exchange at a time.

    It takes none once `LIFETIME` is over since *found_at*, when its address was asked for, by default now.
    `used` says whether it carried one before. While an exchange runs, `failure` is what ended it
    early, if anything did.
    """

    def __init__(
        self,
        *,
        owner: Owner,
        timeouts: Timeouts,
        heads: AnswerHeads,
        turn: Turn,
        reuse: bool,
        found_at: float | None = None,
    ) -> None:
        self._owner = owner
        self._timeouts = timeouts
        self._heads = heads
        self._turn = turn
        self._reuse = reuse
        self._loop = asyncio.get_running_loop()
        self._retires_at = (self._loop.time() if found_at is None else found_at) + LIFETIME
        self._reader: AnswerReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._deadline: float | None = None
        self._reading = True
        self._sent = False
        self._head = b""
        self.closed = False
        self.used = False
        self.failure: BaseException | None = None
        self.told: Callable[[], None] | None = None

    # What an exchange calls. It names its reader: once its answer is whole, the connection may
    # already carry somebody else's, and nothing said about the old one touches that.

    def begin(
        self,
        method: str,
        head: bytes,
        *,
        body_follows: bool,
        told: Callable[[], None] | None = None,
        upgrade: bool = False,
    ) -> AnswerReader:
        """Send *head*, which may ask for an *upgrade*, and return the reader that the answer will fill.

        *told* is called once, when the head of the answer is here or will not come; nobody need wait.
        """
        self.told = told
        reader = self._reader = AnswerReader(method, self._heads, upgrade=upgrade)
        self._sent = not body_follows
        if body_follows:
            self._deadline = None
        else:
            self._arm(self._timeouts.first_byte)
        self._head = head
        self._outbox.write(head)
        return reader

    async def more(self) -> None:
        """Wait until the answer has moved: bytes came, or it ended one way or the other."""
        waiter = self._waiter = self._loop.create_future()
        await waiter

    def drained(self, reader: AnswerReader) -> None:
        """Say that the body that came was taken: reading goes on where it was held back."""
        if not self._reading and self._reader is reader:
            self._reading = True
            if self._sent:  # else nothing would move the deadline later again
                self._arm(self._timeouts.idle)
            self._transport.resume_reading()

    async def write(self, reader: AnswerReader, parts: list[bytes]) -> None:
        """Send body bytes, and wait while the upstream does not take them.

        While the client is waited for, no timer of the upstream's runs.
        """
        if self._reader is not reader or self._transport.is_closing():
            return
        self._send(parts)
        if self._writable is not None:
            self._arm(self._timeouts.idle)
            await asyncio.shield(self._writable)
            if self._reader is reader:
                self._deadline = None

    def write_last(self, reader: AnswerReader, parts: list[bytes]) -> None:
        """Send the last bytes of the request: the answer is due from here on."""
        if self._reader is not reader or self._transport.is_closing():
            return
        self._sent = True
        self._send(parts)
        if self._reading:
            self._arm(self._timeouts.idle if reader.head_done else self._timeouts.first_byte)

    def send_no_more(self, reader: AnswerReader) -> None:
        """Say that the rest of the body stays unsent: the answer goes on in its time, and none follows it."""
        if self._reader is reader and not self._sent:
            self._sent = True
            self._reuse = False
            if self._reading:
                self._arm(self._timeouts.idle)

    def _send(self, parts: list[bytes]) -> None:
        for part in parts:
            self._outbox.write(part)

    def leave_http(self, reader: AnswerReader, successor: Successor) -> bytes:
        """Leave the transport to *successor*; return what came after the 101. It carries no exchange more.

        Raises what ended the connection meanwhile.
        """
        if self._reader is not reader or self.closed:
            raise self.failure or UpstreamBroken("the connection ended with the upgrade")
        self._reader = None
        self.closed = True
        self._stop_timer()
        self._outbox.flush()
        full = self._writable is not None
        self._owner.release(self, successor)
        successor.begin(
            self._transport,
            owner=self._owner,
            patience=self._timeouts.idle,
            full=full,
            ended=reader.complete,
        )
        return reader.take()

    def abandon(self, reader: AnswerReader, failure: BaseException | None = None) -> None:
        """Close the connection if it still carries *reader*'s exchange, which failed by *failure*."""
        if self._reader is reader:
            self.drop(failure)

    def drop(self, failure: BaseException | None = None) -> None:
        """Close at once, without a terminator; an exchange that runs has failed by *failure*."""
        if self._reader is not None and self.failure is None and failure is not None:
            # Without the frames it came through, which hold this connection: nothing would be freed at once.
            self.failure = failure.with_traceback(None)
        self._reader = None
        self._deadline = None
        self.closed = True
        if not self._outbox.take_back(self._head):  # else nothing of the request has gone out, nor shall it
            self._outbox.flush()
        self._transport.abort()
        self._wake()

    def silent(self) -> bool:
        """Say whether a request may go out: the connection is open, and nothing waits in the kernel."""
        return not self.closed and not self._poll.poll(0)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._outbox = Outbox(self._transport, self._turn)
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            self.drop()
            return
        if self._outbox.size and not reader.begun and self._outbox.take_back(self._head):
            self.drop(UpstreamBroken("an answer came before its request had gone out"))  # rule F2
            return
        try:
            reader.feed(data)
        except UpstreamBroken as error:
            self.drop(error)
            return
        if reader.complete:
            self._finish(reader)
        elif reader.buffered > HIGH_WATER:
            self._hold_back()
        elif reader.head_done and self._sent:
            self._arm(self._timeouts.idle)
        if reader.head_done:
            self._wake()

    def eof_received(self) -> bool:
        reader = self._reader
        if reader is not None and reader.upgraded:
            reader.eof()
            self._wake()
            return self._transport.can_write_eof()  # TLS ends both ways at once
        self._end_of_stream(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_of_stream(exc)
        self.closed = True
        self._stop_timer()
        self.resume_writing()
        self._owner.lose(self)

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # The end of an exchange.

    def _end_of_stream(self, exc: Exception | None) -> None:
        reader = self._reader
        if reader is None:
            self.closed = True
            return
        try:
            if exc is not None:
                raise UpstreamBroken("the connection broke before the answer's end") from exc
            reader.eof()
        except UpstreamBroken as error:
            self.drop(error)
            return
        self._finish(reader)
        self._wake()

    def _finish(self, reader: AnswerReader) -> None:
        """Give a finished connection back, or close it where anything was not as it should be."""
        worn = self._transport.is_closing() or self._loop.time() >= self._retires_at
        early = not self._sent or self._outbox.size or self._transport.get_write_buffer_size()  # rule F2
        if worn or early or not (self._reuse and reader.reusable):
            self.drop()
            return
        self._reader = None
        self.used = True
        self._arm_at(self._retires_at)
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        self._owner.keep(self)

    def _hold_back(self) -> None:
        if self._reading:
            self._reading = False
            self._deadline = None
            self._transport.pause_reading()

    def _wake(self) -> None:
        told, self.told = self.told, None
        if told is not None:
            told()
            return
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # The timer. It is left running between exchanges: moving a deadline later costs no timer at all.

    def _arm(self, delay: float) -> None:
        self._arm_at(self._loop.time() + delay)

    def _arm_at(self, at: float) -> None:
        self._deadline = at
        if self._timer is not None:
            if at >= self._timer_at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        deadline = self._deadline
        if deadline is None:
            return
        if self._loop.time() < deadline:
            self._timer_at = deadline
            self._timer = self._loop.call_at(deadline, self._tick)
            return
        self.drop(UpstreamTimeout("the upstream was silent for too long"))
