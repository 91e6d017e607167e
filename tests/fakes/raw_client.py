"""A client that writes exactly the bytes it is told and reads what comes back."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from ssl import SSLContext

PATIENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """One answer as it came: status, head lines, and the body de-framed where it was whole."""

    status: int
    head: bytes
    body: bytes

    def values(self, name: str) -> list[bytes]:
        """Every value of a field, in order."""
        wanted = name.lower().encode()
        pairs = (line.partition(b":") for line in self.head.split(b"\r\n")[1:])
        return [value.strip() for key, _, value in pairs if key.lower() == wanted]


class RawConnection:
    """One connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(
        cls, port: int, host: str = "127.0.0.1", *, tls: SSLContext | None = None, name: str | None = None
    ) -> "RawConnection":
        """Connect; with *tls* to the server that has a certificate for *name*."""
        return cls(*await asyncio.open_connection(host, port, limit=1 << 22, ssl=tls, server_hostname=name))

    @classmethod
    async def open_unix(cls, path: str) -> "RawConnection":
        """Connect to a Unix socket."""
        return cls(*await asyncio.open_unix_connection(path, limit=1 << 22))

    async def __aenter__(self) -> "RawConnection":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.writer.close()

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, head_only: bool = False) -> RawAnswer:
        """Read one final answer, its body by its own framing."""
        async with asyncio.timeout(PATIENCE):
            while True:
                head = await self.reader.readuntil(b"\r\n\r\n")
                status = int(head.split(b" ", 2)[1])
                if status >= 200 or status == 101:
                    break
            answer = RawAnswer(status=status, head=head[:-4], body=b"")
            if head_only or status in (101, 204, 304):
                return answer
            return RawAnswer(status=status, head=head[:-4], body=await self._body(answer))

    async def _body(self, answer: RawAnswer) -> bytes:
        if answer.values("transfer-encoding"):
            return await self._chunks()
        lengths = answer.values("content-length")
        if lengths:
            return await self.reader.readexactly(int(lengths[0]))
        return await self.reader.read()

    async def _chunks(self) -> bytes:
        whole = b""
        while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
            whole += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readuntil(b"\r\n")
        return whole

    async def rest(self) -> bytes:
        """Read until the gateway closes; fails where it does not within PATIENCE."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


async def send_raw(port: int, data: bytes) -> tuple[RawAnswer, bytes]:
    """Send *data*, half-close nothing, and return the first answer and all bytes after it."""
    async with await RawConnection.open(port) as connection:
        with suppress(ConnectionError):  # refused before all was written: the answer is still there
            await connection.write(data)
        answer = await connection.answer()
        if b"close" in b"".join(answer.values("connection")).lower():
            return answer, await connection.rest()
        return answer, b""


def get(path: str = "/", *headers: str, host: str, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    """The bytes of a request without a body."""
    lines = [f"{method} {path} {version}", f"Host: {host}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
