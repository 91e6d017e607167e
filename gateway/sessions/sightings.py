"""When sessions were last seen, written down beside the requests and never in their way."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from gateway.errors import StoreUnavailable

MOST = 10_000


class Record(Protocol):
    async def seen(self, sightings: Mapping[str, int]) -> None:
        """Write down when sessions (by id) were seen. Raises StoreUnavailable."""


class Sightings:
    """Gathers sightings for *pause* seconds and writes them in one go.

    At most *most* wait; beyond, and where the store is down, they are lost: the list of sessions
    then shows an earlier moment.
    """

    def __init__(self, record: Record, *, pause: float = 2.0, most: int = MOST) -> None:
        self._record = record
        self._pause = pause
        self._most = most
        self._waiting: dict[str, int] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, session_id: str, moment: int) -> None:
        """Remember that a session was seen at *moment* (Unix seconds); needs a running loop."""
        if session_id not in self._waiting and len(self._waiting) >= self._most:
            return
        self._waiting[session_id] = moment
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_later())

    async def close(self) -> None:
        """Write what waits, if the store answers, and stop."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])
        await self._write()

    async def _write_later(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._pause)
            await self._write()

    async def _write(self) -> None:
        sightings, self._waiting = self._waiting, {}
        if not sightings:
            return
        try:
            await self._record.seen(sightings)
        except StoreUnavailable:
            return
