"""A database that was away when the gateway started, until it is back and may be used.

Law: what has to be done before a database is used is done before it is used, however late that is;
until then everything that is asked of it is an outage.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.errors import SchemaMismatch, StoreUnavailable

PAUSE = 0.5  # seconds before it is tried again

Work = Callable[[], object]


class Held(Protocol):
    def hold(self) -> None:
        """Let nobody in."""

    def release(self) -> None:
        """Let everybody in again."""


class Absence:
    """Keeps *place* from use for as long as there is something to be done first."""

    def __init__(self, place: Held) -> None:
        self._place = place
        self._undone: list[Work] = []
        self._waiting: asyncio.Task[None] | None = None

    @property
    def lasts(self) -> bool:
        return self._waiting is not None and not self._waiting.done()

    def begin(self, work: Work, *, told: Callable[[str], None]) -> None:
        """Try *work*, which blocks, until it is done; *told* hears why it is not, whenever that changes."""
        self._place.hold()
        self._undone.append(work)
        self._waiting = asyncio.get_running_loop().create_task(self._wait(told))

    async def first(self, work: Work) -> None:
        """Do *work*, which blocks, now; or, while the absence lasts, before anybody is let in."""
        if self.lasts:
            self._undone.append(work)
            return
        await asyncio.to_thread(work)

    async def close(self) -> None:
        """Wait no longer."""
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait([self._waiting])

    async def _wait(self, told: Callable[[str], None]) -> None:
        known = ""
        while self._undone:
            try:
                await asyncio.to_thread(self._undone[0])
            except (StoreUnavailable, SchemaMismatch) as error:
                if str(error) != known:
                    known = str(error)
                    told(known)
                await asyncio.sleep(PAUSE)
            else:
                self._undone.pop(0)
        self._place.release()
