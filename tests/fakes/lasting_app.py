"""An app whose answers last: a WebSocket's handshake opens an echo, any other request a stream of events.

    async with LastingApp() as app:
        async with await stream(gate.port, "/live", cookie="…") as events: ...
        async with await tunnel(gate.port, "/live", cookie="…") as socket: ...

Its echo speaks no frames: what it is sent comes back as it was, and it ends when its client ends.
"""

import asyncio
from contextlib import suppress
from types import TracebackType

from tests.fakes.gateway import HOST
from tests.fakes.raw_client import RawAnswer, RawConnection, get

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: begun\n\n"
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)


class LastingApp:
    """See the module's docstring. `heads` are the requests; `answer` replaces what answers a handshake."""

    def __init__(self) -> None:
        self.writers: set[asyncio.StreamWriter] = set()
        self._gone: asyncio.Queue[None] = asyncio.Queue()
        self.heads: list[bytes] = []
        self.answer = SWITCHED

    async def __aenter__(self) -> "LastingApp":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in tuple(self.writers):
            writer.transport.abort()
        while self.writers:
            await self._gone.get()
        await self._server.wait_closed()

    @property
    def open(self) -> int:
        return len(self.writers)

    async def gone(self) -> None:
        """Return once one more of its connections is over."""
        async with asyncio.timeout(10):
            await self._gone.get()

    async def push(self, data: bytes) -> None:
        """Write *data* on every open connection."""
        for writer in tuple(self.writers):
            writer.write(data)
            await writer.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._last(reader, writer)
        finally:
            writer.close()
            self.writers.discard(writer)
            self._gone.put_nowait(None)

    async def _last(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        writer.write(self.answer if b"\r\nUpgrade:" in head else STREAM)
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def tunnel(
    port: int, path: str = "/", *headers: str, cookie: str = "", status: int = 101
) -> RawConnection:
    """Open a connection by a WebSocket's handshake, which must be answered with *status*."""
    connection, answer = await _asked(port, get(path, *HANDSHAKE, *headers, *_with(cookie), host=HOST))
    assert answer.status == status, answer
    return connection


async def stream(port: int, path: str = "/", *headers: str, cookie: str = "") -> RawConnection:
    """Open a stream of events and read its first one."""
    connection, answer = await _asked(port, get(path, *headers, *_with(cookie), host=HOST))
    assert answer.status == 200, answer
    async with asyncio.timeout(10):
        await connection.reader.readuntil(b"begun\n\n\r\n")
    return connection


async def echoed(connection: RawConnection, data: bytes) -> bytes:
    """Send *data* and return as many bytes as come back."""
    await connection.write(data)
    async with asyncio.timeout(10):
        return await connection.reader.readexactly(len(data))


def _with(cookie: str) -> tuple[str, ...]:
    return (f"Cookie: {cookie}",) if cookie else ()


async def _asked(port: int, request: bytes) -> tuple[RawConnection, RawAnswer]:
    connection = await RawConnection.open(port)
    await connection.write(request)
    return connection, await connection.answer(head_only=True)
