"""Large bodies through the gateway: nothing lost, nothing kept.

The bytes are counted and hashed at both ends; memory is the gateway's resident set, read all along.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from tests.bench.programs import Failed

BLOCK = bytes(range(256)) * 1024


class Start(Protocol):
    def __call__(self, upstream: int) -> AbstractAsyncContextManager[tuple[int, int, str]]: ...


@dataclass(slots=True)
class Sink:
    """An upstream that hashes what it gets, and sends as many blocks as it is asked for."""

    got: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    size: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST /up"):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            while self.size < length:
                piece = await reader.read(1 << 18)
                self.got.update(piece)
                self.size += len(piece)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        elif head.startswith(b"GET /down/"):
            blocks = int(head.split(b" ")[1].rpartition(b"/")[2])
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (blocks * len(BLOCK))
            )
            for _ in range(blocks):
                writer.write(BLOCK)
                await writer.drain()
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()


class Watch:
    """The greatest memory seen while it runs."""

    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read
        self.before = self.most = read()

    async def __aenter__(self) -> "Watch":
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _look(self) -> None:
        while True:
            self.most = max(self.most, self._read())
            await asyncio.sleep(0.02)

    @property
    def grown(self) -> float:
        """MiB above the start."""
        return round((self.most - self.before) / 2**20, 1)


async def measure_bodies(
    *, megabytes: int, start: Start, resident: Callable[[int], int]
) -> dict[str, object]:
    """Send *megabytes* up and down through a gateway, and say what arrived and what it cost."""
    blocks = megabytes * 2**20 // len(BLOCK)
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0, limit=1 << 20)
    upstream = server.sockets[0].getsockname()[1]
    async with server, start(upstream) as (port, pid, cookie):
        async with Watch(lambda: resident(pid)) as up:
            began = time.monotonic()
            sent = await _upload(port, cookie, blocks)
            up_seconds = time.monotonic() - began
        async with Watch(lambda: resident(pid)) as down:
            began = time.monotonic()
            got = await _download(port, cookie, blocks)
            down_seconds = time.monotonic() - began
    return {
        "megabytes": megabytes,
        "up": {
            "intact": sink.got.hexdigest() == sent,
            "mib_per_second": round(megabytes / up_seconds),
            "memory_growth_mib": up.grown,
        },
        "down": {
            "intact": got == sent,
            "mib_per_second": round(megabytes / down_seconds),
            "memory_growth_mib": down.grown,
        },
    }


def _head(line: str, port: int, cookie: str, *more: str) -> bytes:
    lines = [f"{line} HTTP/1.1", f"Host: localhost:{port}", f"Cookie: {cookie}", "Connection: close", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _upload(port: int, cookie: str, blocks: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_head("POST /up", port, cookie, f"Content-Length: {blocks * len(BLOCK)}"))
    sent = hashlib.sha256()
    for _ in range(blocks):
        writer.write(BLOCK)
        sent.update(BLOCK)
        await writer.drain()
    status = await reader.readline()
    if b" 200 " not in status:
        raise Failed(f"upload: {status!r}")
    writer.close()
    return sent.hexdigest()


async def _download(port: int, cookie: str, blocks: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(_head(f"GET /down/{blocks}", port, cookie))
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise Failed(f"download: {head!r}")
    got = hashlib.sha256()
    while piece := await reader.read(1 << 18):
        got.update(piece)
    writer.close()
    return got.hexdigest()
