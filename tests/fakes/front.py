"""A whole gateway before a recording upstream, and the rule that every refused request must pass.

    async with front(tmp_path) as door:
        answer = await door.passes(get("/", host=HOST))
        await door.refused(b"...", 400)      # the status, the close, no echo, nothing upstream

On the way out the admin port must still answer, unless the test stopped the gateway and said so by
`door.stopped`, and the log must hold no more than bounded lines.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from gateway.front.crowd import Crowd
from gateway.observe.metrics import Metrics
from tests.fakes.gateway import HOST, RunningGateway, running_gateway
from tests.fakes.raw_client import RawAnswer, RawConnection, get, send_raw
from tests.fakes.upstream import RecordingUpstream

CANARY = "zq9canary9qz"
HEAD = f"Host: {HOST}\r\nX-Canary: {CANARY}\r\n".encode()
CHUNKED = b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def ask(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    """A request with any request line and whole field lines, before our Host."""
    return line + b"\r\n" + b"".join(field + b"\r\n" for field in fields) + HEAD + b"\r\n" + body


def anybody() -> Crowd:
    """Return a crowd that everybody may join."""
    return Crowd(most=1000, most_of_one=None, exempt=lambda _: False, counts=Metrics(version="1"))


@dataclass(slots=True, kw_only=True)
class Door:
    gateway: RunningGateway
    upstream: RecordingUpstream
    stopped: bool = False

    @property
    def port(self) -> int:
        return self.gateway.port

    async def open(self) -> RawConnection:
        return await RawConnection.open(self.port)

    async def send(self, data: bytes) -> RawAnswer:
        return (await send_raw(self.port, data))[0]

    async def passes(self, data: bytes, status: int = 200) -> bytes:
        """Claim that *data* is answered with *status*; return what the upstream got."""
        before = len(self.upstream.requests)
        answer = await self.send(data)
        assert answer.status == status, (data[:200], answer)
        assert len(self.upstream.requests) == before + 1, data[:200]
        return self.upstream.requests[-1]

    async def refused(self, data: bytes, *statuses: int, closes: bool = True) -> RawAnswer:
        """Claim that *data* gets one of *statuses* by the rule of every refused request."""
        before = (len(self.upstream.requests), len(self.upstream.partial), self.upstream.connections)
        answer, rest = await send_raw(self.port, data)
        assert answer.status in statuses, (data[:200], answer)
        closing = answer.values("connection") == [b"close"]
        assert closing or not closes, (data[:200], answer.head)
        assert rest == b"", data[:200]
        assert CANARY.encode() not in answer.head + answer.body
        assert len(answer.head) + len(answer.body) < 4096
        after = (len(self.upstream.requests), len(self.upstream.partial), self.upstream.connections)
        assert before == after, data[:200]
        return answer

    async def lives(self) -> None:
        began = monotonic()
        answer, _ = await send_raw(self.gateway.admin_port, get("/livez", host="127.0.0.1"))
        assert answer.status == 200
        assert monotonic() - began < 5.0  # 100 ms on an idle machine; this one runs the suite


@asynccontextmanager
async def front(
    folder: Path, *, route_keys: str = 'access = "public"', tables: str = "", **more: object
) -> AsyncIterator[Door]:
    """Start a gateway with one public route for everything; *tables* may hold `{upstream}`."""
    async with RecordingUpstream() as upstream:
        async with running_gateway(
            folder,
            upstream=upstream.url,
            route_keys=route_keys,
            tables=tables.replace("{upstream}", upstream.url),
            **more,  # type: ignore[arg-type]
        ) as gateway:
            door = Door(gateway=gateway, upstream=upstream)
            yield door
            if not door.stopped:
                async with asyncio.timeout(5):
                    await door.lives()
        for line in gateway.log.splitlines():
            assert len(line) < 4096
            assert CANARY not in json.dumps({**json.loads(line), "path": ""})
