"""What a client sends once its connection has left HTTP: held back where nobody takes it."""

import asyncio
from collections.abc import Callable

MOST = 64 * 1024
"""Bytes that wait before the client is held back."""


class Inflow:
    """One direction of an upgraded connection; *pause* and *resume* hold its client back and let it go on."""

    def __init__(self, *, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause = pause
        self._resume = resume
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._over = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, data: bytes) -> None:
        """Take the next bytes."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > MOST and not self._paused:
            self._paused = True
            self._pause()
        self._wake()

    def end(self) -> None:
        """Say that nothing more will come."""
        self._over = True
        self._wake()

    async def take(self) -> bytes:
        """Return all that has come and was not taken, once there is any; empty when nothing more comes."""
        while not self._pieces and not self._over:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._resume()
        return taken

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
