"""An upstream on a real socket: it records the exact bytes of every request and misbehaves by name.

    async with RecordingUpstream() as up:
        up.answer_with(ok(b"hello"))         # every request from now on; several: one after the other
        up.fault = "truncated"               # or by name, see FAULTS; "" ends it
        up.url, up.port                      # where it listens, loopback, a free port
        up.requests                          # list of bytes, each head and body as they arrived
        up.connections                       # how many were opened
        await up.request()                   # waits for the next whole request that was not awaited yet
        await up.closed()                    # waits until a connection has ended, however it did

A request is whole once its head and its framed body (Content-Length or chunked) have come; a partial
one is in `up.partial` when its connection ends. `up.release` (an Event) lets the faults that hold go on.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ssl import SSLContext
from types import TracebackType

Write = Callable[[bytes], Awaitable[None]]


def ok(body: bytes = b"", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a whole answer with *body*, its Content-Length, and whole *headers* lines without CRLF."""
    lines = b"".join(line + b"\r\n" for line in headers)
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, lines, len(body), body)


# Answers that are wrong in themselves: written, and the connection left open.
_HEAD = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FAULTS: dict[str, bytes] = {
    "garbage": b"\x16\x03\x01 this is not HTTP\r\n\r\n",
    "http 0.9": b"<html>hello</html>\r\n\r\n",
    "http 2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "rtsp": b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 99": b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
    "status 600": b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
    "status 1000": b"HTTP/1.1 1000 Higher\r\nContent-Length: 0\r\n\r\n",
    "bare lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare cr": b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
    "folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "nul in value": b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "control in value": b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n",
    "control in reason": b"HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n",
    "space before colon": b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
    "length and coding": _HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": _HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "length list": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
    "octal length": b"HTTP/1.1 200 OK\r\nContent-Length: 05\r\n\r\nhello",
    "signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
    "empty length": b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nhello",
    "huge length": b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\nhello",
    "coding gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "coding xchunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding gzip, chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding twice": _HEAD + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "huge head": b"HTTP/1.1 200 OK\r\n" + b"X: %s\r\n" % (b"a" * 1000) * 66 + b"\r\n",
    "endless head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 257 + b"\r\n",
    "1xx storm": b"HTTP/1.1 100 Continue\r\n\r\n" * 17 + ok(b"late"),
    "unasked upgrade": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw",
    "bare 101": b"HTTP/1.1 101 Switching\r\n\r\n",
    "bad chunk size": _CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    # Whole answers with something wrong after or beside them.
    "extra bytes": ok(b"hello") + b"EXTRA",
    "extra crlf": _CHUNKED + b"5\r\nhello\r\n0\r\n\r\n\r\n",
    "two answers": ok(b"first") + ok(b"second"),
    "two chunked answers": (_CHUNKED + b"5\r\nfirst\r\n0\r\n\r\n") + ok(b"second"),
    "body on HEAD": ok(b"hello"),
    "body on 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    "body on 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
    "trailers": _CHUNKED
    + b"5\r\nhello\r\n0\r\nX-User-Id: admin\r\nSet-Cookie: a=b\r\n"
    + b"Content-Length: 3\r\nAuthorization: x\r\n\r\n",
    "many trailers": _CHUNKED + b"5\r\nhello\r\n0\r\n" + b"X: a\r\n" * 10_000 + b"\r\n",
}
# Answers that are cut: written, and the connection ended.
CUTS: dict[str, bytes] = {
    "no answer": b"",
    "cut head": b"HTTP/1.1 200 OK\r\nContent-",
    "truncated": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "cut chunk": _CHUNKED + b"a\r\nhello",
    "no last chunk": _CHUNKED + b"5\r\nhello\r\n",
}
# Faults of time: "silent" never answers, "slow head" stops in the head, "slow body" in the body;
# "late" answers well once it is released; "early" answers 413 before the body; "deaf" does not read
# the body; each until `release` is set.
HOLDS = {
    "silent": b"",
    "slow head": b"HTTP/1.1 200 OK\r\nX: ",
    "slow body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
}
EARLY = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge"


class RecordingUpstream:
    """See the module's docstring."""

    def __init__(self, *, tls: SSLContext | None = None) -> None:
        self._tls = tls
        self._answers: list[bytes] = [ok(b"hello")]
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._ended: asyncio.Queue[None] = asyncio.Queue()
        self._writers: set[asyncio.StreamWriter] = set()
        self.fault = ""
        self.requests: list[bytes] = []
        self.partial: list[bytes] = []
        self.connections = 0
        self.release = asyncio.Event()

    async def __aenter__(self) -> "RecordingUpstream":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, limit=2**20)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        while self._writers:
            await self._ended.get()
        await self._server.wait_closed()

    def answer_with(self, *answers: bytes) -> None:
        """Give *answers* to the next requests in turn, the last one for ever."""
        self._answers = list(answers)

    async def request(self) -> bytes:
        return await self._arrived.get()

    async def closed(self) -> None:
        await self._ended.get()

    async def push(self, data: bytes) -> None:
        """Write *data* on every open connection, asked or not."""
        for writer in tuple(self._writers):
            writer.write(data)
            await writer.drain()

    def stop_listening(self) -> None:
        """Take no new connections; those that are open stay."""
        self._server.close()

    def hang_up(self) -> None:
        """End every open connection."""
        for writer in tuple(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._ended.put_nowait(None)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        got = bytearray()
        try:
            got += await reader.readuntil(b"\r\n\r\n")
            if self.fault in ("early", "deaf"):
                return await self._before_the_body(bytes(got), writer)
            await self._read_body(reader, got)
        except asyncio.IncompleteReadError as error:
            if got or error.partial:
                self.partial.append(bytes(got + error.partial))
            raise
        self._record(bytes(got))
        return await self._answer(writer)

    def _record(self, request: bytes) -> None:
        self.requests.append(request)
        self._arrived.put_nowait(request)

    async def _read_body(self, reader: asyncio.StreamReader, got: bytearray) -> None:
        head = bytes(got).lower()
        if b"\r\ntransfer-encoding: chunked\r\n" in head:
            while not (piece := await self._piece(reader, got)).startswith(b"0"):
                left = int(piece, 16) + 2
                while left:
                    left -= await self._read_some(reader, got, left)
            await self._piece(reader, got)
        elif length := re.search(rb"\r\ncontent-length: (\d+)\r\n", head):
            left = int(length[1])
            while left:
                left -= await self._read_some(reader, got, left)

    async def _piece(self, reader: asyncio.StreamReader, got: bytearray) -> bytes:
        line = await reader.readuntil(b"\r\n")
        got += line
        return line

    async def _read_some(self, reader: asyncio.StreamReader, got: bytearray, at_most: int) -> int:
        piece = await reader.read(at_most)
        if not piece:
            raise asyncio.IncompleteReadError(b"", at_most)
        got += piece
        return len(piece)

    async def _before_the_body(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        self._record(head)
        if self.fault == "early":
            writer.write(EARLY)
            await writer.drain()
        await self.release.wait()
        return False

    async def _answer(self, writer: asyncio.StreamWriter) -> bool:
        fault = self.fault
        if fault in HOLDS:
            writer.write(HOLDS[fault])
            await writer.drain()
            await self.release.wait()
            return False
        if fault in CUTS:
            writer.write(CUTS[fault])
            await writer.drain()
            writer.close()
            return False
        if fault == "late":
            await self.release.wait()
            fault = ""
        answer = FAULTS[fault] if fault else self._next_answer()
        writer.write(answer)
        await writer.drain()
        return True

    def _next_answer(self) -> bytes:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
