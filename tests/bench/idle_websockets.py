"""Ten thousand WebSockets that say nothing: what each keeps of a gateway's resident memory.

Client and upstream are the bench's own process. A process may have so many descriptors and no more
(`ulimit -Hn`), and the gateway needs two for each WebSocket, as the bench does: where ten thousand do not
fit, fewer are held, and how many is part of the answer.
"""

import asyncio
import base64
import hashlib
import os
from contextlib import ExitStack

from gateway.descriptors import raise_limit
from tests.bench.programs import Failed, resident
from tests.bench.stage import Gateway, Plan, Stage

COUNT = 10_000
MOST_KIB = 16.0
RESERVED = 512
_BATCH = 50
_FIRST = 200  # held and let go before memory is read
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3
_TABLES = """websocket = true
[limits]
connections_per_address = 65536
[upstreams.app]
urls = ["http://127.0.0.1:{port}"]
timeouts = {{ idle = "1h" }}
limits = {{ connections = 65535 }}
"""


class Held(asyncio.Protocol):
    """Accepts whatever handshake comes, answers any other request `ok`, and says nothing more."""

    def __init__(self, open_now: set["Held"]) -> None:
        self._open_now = open_now
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self in self._open_now:
            self._transport.write(data)  # type: ignore[attr-defined]
            return
        self._got += data
        if b"\r\n\r\n" not in self._got:
            return
        key = self._got.lower().partition(b"sec-websocket-key:")[1]
        self._transport.write(self._accepted() if key else self._page())  # type: ignore[attr-defined]
        self._got = b""

    def connection_lost(self, error: Exception | None) -> None:
        self._open_now.discard(self)

    def _accepted(self) -> bytes:
        self._open_now.add(self)
        start = self._got.lower().index(b"sec-websocket-key:") + len(b"sec-websocket-key:")
        key = self._got[start:].split(b"\r\n")[0].strip()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    @staticmethod
    def _page() -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def measure(stage: Stage, *, count: int = COUNT, settle: float = 2.0) -> dict[str, object]:
    """Return the KiB of resident memory of each of *count* WebSockets, or of as many as are possible."""
    descriptors = raise_limit()
    possible = min(count, (descriptors - RESERVED) // 2)
    open_now: set[Held] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Held(open_now), "127.0.0.1", 0, backlog=1024
    )
    port = server.sockets[0].getsockname()[1]
    async with server:
        plan = Plan(upstream="app", tables=_TABLES.format(port=port))
        async with stage.gateway("websockets", plan) as gateway:
            cookie = await gateway.signed_in()
            await _held(gateway, cookie, open_now, count=min(_FIRST, possible), settle=settle)
            found = await _held(gateway, cookie, open_now, count=possible, settle=settle)
    return {
        "wanted": count,
        "descriptors": descriptors,
        **found,
        "most": {"kib_each": MOST_KIB},
    }


async def _held(
    gateway: Gateway, cookie: str, open_now: set[Held], *, count: int, settle: float
) -> dict[str, object]:
    """Hold *count* WebSockets for a moment, and return what they take; none is left."""
    before = resident(gateway.pid)
    with ExitStack() as stack:
        for _ in range(0, count, _BATCH):
            number = min(_BATCH, count - len(open_now))
            for writer in await asyncio.gather(*[_opened(gateway, cookie) for _ in range(number)]):
                stack.callback(writer.close)
        await asyncio.sleep(settle)
        after, held = resident(gateway.pid), len(open_now)
    while open_now:
        await asyncio.sleep(0.05)
    if held != count:
        raise Failed(f"of {count} WebSockets {held} were held")
    return {
        "held": held,
        "resident_mib": {"before": round(before / 2**20, 1), "after": round(after / 2**20, 1)},
        "kib_each": round((after - before) / 1024 / max(1, held), 2),
    }


async def _opened(gateway: Gateway, cookie: str) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=4096)
    lines = (
        "GET /socket HTTP/1.1",
        f"Host: localhost:{gateway.port}",
        f"Origin: {gateway.url}",
        f"Cookie: {cookie}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
    )
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise Failed(f"a WebSocket was answered {head!r}")
    return writer
