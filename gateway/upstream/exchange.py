"""One request and its answer: sent, retried where that is harmless, and cleaned up after."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Protocol

from gateway.errors import RequestRejected, UpstreamBroken
from gateway.upstream.answer import AnswerReader
from gateway.upstream.outbound import Outbound
from gateway.upstream.wire import Connection, Successor

_REPEATABLE = frozenset(("GET", "HEAD"))

Content = AsyncIterator[bytes] | bytes
"""A request's body: whole, which goes out with the head, or as it comes."""


class Source(Protocol):
    """Where connections come from."""

    def idle(self, outbound: Outbound) -> Connection | None: ...
    async def connect(self) -> Connection: ...


class UpstreamAnswer:
    """The head of a final answer, and its body as it comes.

    Where the upstream left HTTP (`upgraded`), there is no body, and its connection is to be taken over.
    """

    __slots__ = ("_connection", "_reader", "head")

    def __init__(self, connection: Connection, reader: AnswerReader) -> None:
        self._connection = connection
        self._reader = reader
        self.head = reader.head

    @property
    def upgraded(self) -> bool:
        return self._reader.upgraded

    def whole(self) -> bytes | None:
        """Take the body at once if all of it has come already; None, and nothing taken, if not."""
        return self._reader.take() if self._reader.complete else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces, without waiting for what has come already.

        While whoever takes a large piece is not done with it, no other is read. Raises UpstreamBroken or
        UpstreamTimeout after the last piece where the body was cut.
        """
        reader = self._reader
        connection = self._connection
        while True:
            if piece := reader.take():
                yield piece
                connection.drained(reader)
            elif reader.complete:
                return
            elif connection.failure is not None:
                raise connection.failure
            else:
                await connection.more()

    def leave_http(self, successor: Successor) -> bytes:
        """Leave the connection to *successor*; return what the upstream has sent after its 101.

        Raises UpstreamBroken or what else ended the connection meanwhile.
        """
        return self._connection.leave_http(self._reader, successor)


def may_repeat(connection: Connection, reader: AnswerReader) -> bool:
    """Say whether a safe request without a body found its connection dead, so that it did nothing."""
    return connection.used and not reader.begun and isinstance(connection.failure, UpstreamBroken)


def nowhere() -> bool:
    """Say that no other place is better."""
    return False


class Exchange:
    """The context in which an answer can be read; leaving it early closes the connection.

    A body that is whole goes out with the head, so that no answer to it is an early one.

    `sent` says that the upstream may have received something of the request. What a connection found dead
    did not carry is sent once more here, unless *elsewhere* says that there is a better place for it.
    """

    __slots__ = (
        "_again",
        "_body",
        "_connection",
        "_elsewhere",
        "_outbound",
        "_reader",
        "_source",
        "_upload",
        "_whole",
        "sent",
    )

    def __init__(
        self,
        source: Source,
        outbound: Outbound,
        body: Content | None,
        *,
        again: bool = False,
        elsewhere: Callable[[], bool] = nowhere,
    ) -> None:
        self._source = source
        self._elsewhere = elsewhere
        self._again = again
        self.sent = False
        self._outbound = outbound
        self._body = body if outbound.has_body else None
        self._whole = _framed(outbound, self._body) if isinstance(self._body, bytes) else b""
        self._upload: asyncio.Task[None] | None = None
        self._connection: Connection
        self._reader: AnswerReader

    async def __aenter__(self) -> UpstreamAnswer:
        """Send the request and return once the answer's head is here.

        Raises UpstreamUnreachable, UpstreamBroken, UpstreamTimeout, and what the body itself raises.
        """
        connection = None if self._again else self._source.idle(self._outbound)
        connection = connection or await self._source.connect()
        await self._ask(connection)
        if self.found_dead() and self._harmless() and not self._elsewhere():
            self._again = True
            connection = await self._source.connect()
            self._outbound = self._outbound.repeated()
            await self._ask(connection)
        if not self._reader.head_done:
            await self._stop_upload()
            raise connection.failure or UpstreamBroken("no answer came")
        if self._upload is not None and (self._reader.complete or self._reader.head.status >= 300):
            await self._leave_the_rest(connection)
        return UpstreamAnswer(connection, self._reader)

    async def _leave_the_rest(self, connection: Connection) -> None:
        """It has its answer and wants no more of the body (RFC 9112 9.3): what is unsent stays so."""
        connection.send_no_more(self._reader)
        try:
            await self._stop_upload()
        except BaseException:
            connection.abandon(self._reader)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.abandon(self._reader)
        await self._stop_upload()

    async def _ask(self, connection: Connection) -> None:
        outbound = self._outbound
        body = self._body
        self._connection = connection
        self.sent = True
        self._reader = reader = connection.begin(
            outbound.method,
            outbound.head + self._whole,
            body_follows=body is not None and not self._whole,
            upgrade=outbound.upgrade,
        )
        if body is not None and not isinstance(body, bytes):
            self._upload = asyncio.create_task(self._send_body(connection, reader, body))
        try:
            while not reader.head_done and connection.failure is None:
                await connection.more()
        except BaseException:
            connection.abandon(reader)
            await self._stop_upload()
            raise

    def _harmless(self) -> bool:
        """Say whether the request, sent once more, does nothing new, and was not repeated before."""
        return not self._again and self._body is None and self._outbound.method in _REPEATABLE

    def may_repeat_elsewhere(self) -> bool:
        """Say whether a request that failed may go to another upstream: harmless, and nothing came back."""
        return self._harmless() and not self._reader.begun

    def found_dead(self) -> bool:
        """Say whether its connection had carried others, and carried nothing of this one any more."""
        return self._connection.failure is not None and may_repeat(self._connection, self._reader)

    # The request's body, sent while the answer is awaited.

    async def _send_body(
        self, connection: Connection, reader: AnswerReader, body: AsyncIterator[bytes]
    ) -> None:
        try:
            if self._outbound.chunked:
                await _send_chunked(connection, reader, body)
            else:
                await _send_plain(connection, reader, body, self._outbound.length or 0)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            connection.abandon(reader, error)

    async def _stop_upload(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            upload.cancel()
            await asyncio.wait((upload,))


def _framed(outbound: Outbound, body: bytes) -> bytes:
    """Return a whole body as it goes out. Raises RequestRejected for another length than declared."""
    if outbound.chunked:
        return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    if len(body) != outbound.length:
        raise RequestRejected("the body has another length than declared")
    return body


async def _send_chunked(connection: Connection, reader: AnswerReader, body: AsyncIterator[bytes]) -> None:
    async for piece in body:
        if piece:
            await connection.write(reader, [b"%x\r\n" % len(piece), piece, b"\r\n"])
        del piece  # else it is kept until another has come
    connection.write_last(reader, [b"0\r\n\r\n"])


async def _send_plain(
    connection: Connection, reader: AnswerReader, body: AsyncIterator[bytes], length: int
) -> None:
    async for piece in body:
        length -= len(piece)
        if length < 0:
            raise RequestRejected("the body is longer than its declared length")
        if length == 0:
            connection.write_last(reader, [piece])
            return
        await connection.write(reader, [piece])
        del piece
    raise RequestRejected("the body is shorter than its declared length")
