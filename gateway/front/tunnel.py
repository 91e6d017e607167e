"""A connection that has left HTTP: bytes carried both ways, never changed, with backpressure both ways.

Either end may end its own direction and go on receiving. The tunnel is over when both have ended,
when one of them breaks, when the client sends what it may not, or when nothing has moved for too long;
who opened it then closes both ends.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import Protocol

from gateway.front.allowance import Allowance, NotAllowed
from gateway.front.frames import PING, Frames, closing
from gateway.front.limits import Limits
from gateway.model.route import WebSocketTerms


class Near(Protocol):
    """The client's end."""

    def write(self, data: bytes) -> None: ...
    def write_eof(self) -> None: ...
    @property
    def backlog(self) -> int: ...
    def cut(self) -> None: ...


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

    *terms* say what the client may send, and for how long nothing may move; *limits* how slowly a frame may
    come. `sent` counts the bytes that the upstream sent the client, `refusal` says why the client was turned
    away, where it was.
    """

    def __init__(
        self,
        near: Near,
        inflow: Inflow,
        far: Far,
        *,
        settle: Callable[[], Awaitable[None]],
        terms: WebSocketTerms,
        limits: Limits,
    ) -> None:
        self._near = near
        self._inflow = inflow
        self._far = far
        self._settle = settle
        self._terms = terms
        self._limits = limits
        self._frames = Frames()
        self._ended = False
        self._now = asyncio.get_running_loop().time
        self._allowance = Allowance(
            message=terms.message,
            frames=terms.frames,
            patience=limits.body_idle,
            rate=limits.body_rate,
            now=self._now,
        )
        self._moved_at = self._now()
        self.sent = 0
        self.refusal = ""

    def farewell(self, code: int) -> bytes:
        """Return what tells the client that it is over, where it can be told now, else nothing."""
        return closing(code) if self._frames.between and not self._ended else b""

    async def carry(self) -> None:
        """Return once both directions have ended, or nothing moves any more.

        Or once a client that sent what it may not has been told, and `refusal` says what that was. Raises
        what broke one of the directions: UpstreamBroken, UpstreamTimeout, ConnectionError.
        """
        ways = {asyncio.create_task(self._up()), asyncio.create_task(self._down())}
        beside = {asyncio.create_task(self._pinging(self._terms.ping))} if self._terms.ping else set()
        try:
            await self._until_over(ways)
        except NotAllowed as refusal:
            self.refusal = refusal.reason
            await _ended(ways | beside)
            await self._turn_away(refusal.code)
            return
        finally:
            await _ended(ways | beside)
        self._far.close()

    async def _until_over(self, ways: set[asyncio.Task[None]]) -> None:
        left = ways
        while left and (still := self._still(self._terms.idle)) > 0:
            timeout = None if still == inf else still
            done, left = await asyncio.wait(left, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()

    async def _turn_away(self, code: int) -> None:
        """Tell the client why it is over, and read on for a moment: a close with unread bytes is a reset
        that can take the last words with it (RFC 9112 9.6)."""
        last_words = self.farewell(code)
        if not last_words or self._near.backlog:
            self._near.cut()
            return
        self._near.write(last_words)
        self._near.write_eof()
        passed_by = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_time):
                while passed_by <= self._limits.linger_bytes and (piece := await self._inflow.take()):
                    passed_by += len(piece)

    def _still(self, seconds: float | None) -> float:
        """Return how long it takes until nothing has moved for *seconds*."""
        return inf if seconds is None else self._moved_at + seconds - self._now()

    async def _pinging(self, every: float) -> None:
        """Ask a client that has nothing to say, which answers by a pong that goes on as all it sends."""
        pause = every
        while True:
            await asyncio.sleep(pause)
            pause = self._still(every)
            if pause <= 0:
                if self._frames.between and not self._ended:
                    self._near.write(PING)
                pause = every

    async def _up(self) -> None:
        while piece := await self._next():
            self._moved_at = self._now()
            await self._pass_on(piece)
        self._far.send_eof()

    async def _next(self) -> bytes:
        """Return what the client sends next; wait for the rest of a frame no longer than it may take."""
        allowance = self._allowance
        if not allowance.under_way:
            return await self._inflow.take()
        began = self._now()
        try:
            async with asyncio.timeout(allowance.left_to_wait):
                piece = await self._inflow.take()
        except TimeoutError:
            raise allowance.overdue() from None
        allowance.waited(self._now() - began)
        return piece

    async def _pass_on(self, piece: bytes) -> None:
        """Send *piece* as fast as its frames may go on: a client that floods is held back meanwhile."""
        at = 0
        while at < len(piece):
            end = self._allowance.follow(piece, at)
            if end > at:
                await self._far.send(piece[at:end])
                at = end
            else:
                await asyncio.sleep(self._allowance.wait)
            self._moved_at = self._now()

    async def _down(self) -> None:
        async for piece in self._far.chunks():
            self._moved_at = self._now()
            self.sent += len(piece)
            self._frames.follow(piece)
            self._near.write(piece)
            await self._settle()
        self._ended = True
        self._near.write_eof()


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    """End *tasks*, and return when they are over."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
