"""A connection that has left HTTP: bytes carried both ways, never changed, with backpressure both ways.

Either end may end its own direction and go on receiving. The tunnel is over when both have ended,
when one of them breaks, or when nothing has moved for too long; who opened it then closes both ends.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from gateway.front.frames import Frames, closing


class Near(Protocol):
    """The client's end."""

    def write(self, data: bytes) -> None: ...
    def write_eof(self) -> None: ...


class Inflow(Protocol):
    """What the client sends."""

    async def take(self) -> bytes: ...


class Far(Protocol):
    """The upstream's end."""

    def chunks(self) -> AsyncIterator[bytes]: ...
    async def send(self, piece: bytes) -> None: ...
    def send_eof(self) -> None: ...
    def close(self) -> None: ...


class Tunnel:
    """Joins a client that sends *inflow* to an upstream; *settle* waits while the client does not read.

    *idle* is how many seconds nothing may move; `sent` counts the bytes that the client was written.
    """

    def __init__(
        self, near: Near, inflow: Inflow, far: Far, *, settle: Callable[[], Awaitable[None]], idle: float
    ) -> None:
        self._near = near
        self._inflow = inflow
        self._far = far
        self._settle = settle
        self._idle = idle
        self._frames = Frames()
        self._ended = False
        self._now = asyncio.get_running_loop().time
        self._moved_at = self._now()
        self.sent = 0

    def farewell(self, code: int) -> bytes:
        """Return what tells the client that it is over, where it can be told now, else nothing."""
        return closing(code) if self._frames.between and not self._ended else b""

    async def carry(self) -> None:
        """Return once both directions have ended, or nothing moves any more.

        Raises what broke one of them: UpstreamBroken, UpstreamTimeout, ConnectionError.
        """
        ways = {asyncio.ensure_future(self._up()), asyncio.ensure_future(self._down())}
        try:
            left = ways
            while left and (still := self._moved_at + self._idle - self._now()) > 0:
                done, left = await asyncio.wait(left, timeout=still, return_when=asyncio.FIRST_COMPLETED)
                for way in done:
                    way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        self._far.close()

    async def _up(self) -> None:
        while piece := await self._inflow.take():
            self._moved_at = self._now()
            await self._far.send(piece)
        self._far.send_eof()

    async def _down(self) -> None:
        async for piece in self._far.chunks():
            self._moved_at = self._now()
            self.sent += len(piece)
            self._frames.follow(piece)
            self._near.write(piece)
            await self._settle()
        self._ended = True
        self._near.write_eof()
