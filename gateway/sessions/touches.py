"""When sessions were last seen, written seldom and all together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from gateway.errors import StoreUnavailable

MOST = 100_000


class Touches:
    """Hands moments to *write* behind the requests' backs, one session at most once in *every* seconds.

    *pause* is how many seconds pass between two writes: the first goes at once, what comes
    meanwhile goes with the next. A write that fails is left to the session's next request.
    """

    def __init__(
        self,
        write: Callable[[Mapping[bytes, int]], Awaitable[None]],
        *,
        every: float,
        pause: float = 1.0,
        most: int = MOST,
    ) -> None:
        self._write = write
        self._pause = pause
        self._most = most
        self._noted: dict[bytes, int] = {}
        self._pending: dict[bytes, int] = {}
        self._writing: asyncio.Task[None] | None = None
        self.every = every

    def due(self, seen_at: int, now: float) -> bool:
        """Say whether a session last written at *seen_at* is to be written again."""
        return now - seen_at >= self.every

    def note(self, key: bytes, *, seen_at: int, now: float) -> bool:
        """Write that the session was seen *now*, where that is due; say whether it is."""
        if not self.due(max(seen_at, self._noted.get(key, 0)), now):
            return False
        self._noted.pop(key, None)
        if len(self._noted) >= self._most:
            del self._noted[next(iter(self._noted))]
        self._noted[key] = self._pending[key] = int(now)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_all())
        return True

    def noted(self, key: bytes) -> int:
        """Return when the session was last noted here, 0 where it was not."""
        return self._noted.get(key, 0)

    async def close(self) -> None:
        """Write what is not written yet, if the store answers."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        await self._write_once()

    async def _write_all(self) -> None:
        while self._pending:
            await self._write_once()
            await asyncio.sleep(self._pause)

    async def _write_once(self) -> None:
        taken, self._pending = self._pending, {}
        if not taken:
            return
        try:
            await self._write(taken)
        except StoreUnavailable:
            for key in taken:
                self._noted.pop(key, None)
