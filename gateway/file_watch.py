"""Keys and certificates that change on the disk are taken over without a word from anybody.

Laws: the configuration file itself is not watched, since whoever edits it says when it is done; what
has changed is taken over only once it has stood still from one look to the next, so that nobody reads
what is half written; what was refused is not tried again before it changes once more, and so is told once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from gateway.settings.files import mark_of
from gateway.settings.references import Mark

EVERY = 2.0  # seconds between two looks

Marks = Mapping[Path, Mark | None]


class FileWatch:
    """Compares the files that a configuration was read from, as they were then, with the disk."""

    def __init__(
        self,
        *,
        read: Callable[[], Marks],
        take_over: Callable[[], Awaitable[object]],
        pause: Callable[[], Awaitable[None]],
    ) -> None:
        """*read* tells of the configuration in force; *take_over* reads its files again; *pause* waits."""
        self._read = read
        self._take_over = take_over
        self._pause = pause
        self._seen: Marks = {}
        self._tried: Marks = {}

    async def run(self) -> None:
        """Look after each pause, until cancelled."""
        while True:
            await self._pause()
            await self.look()

    async def look(self) -> None:
        """Take over what has changed and stood still since the last look."""
        read = self._read()
        now = await asyncio.to_thread(_marks, tuple(read))
        stood_still, self._seen = now == self._seen, now
        if now in (read, self._tried) or not stood_still:
            return
        self._tried = now
        await self._take_over()


def pause_until_even(clock: Callable[[], float]) -> Callable[[], Awaitable[None]]:
    """Return a pause until a whole multiple of `EVERY`: processes of one machine look together.

    It is the next one, or that after it where the next is nearer than half of `EVERY`: who woke a moment too
    early would else look twice at once, and take what is half written for what stands still. *clock* is in
    Unix seconds.
    """

    async def pause() -> None:
        left = EVERY - clock() % EVERY
        await asyncio.sleep(left if left >= EVERY / 2 else left + EVERY)

    return pause


def _marks(files: tuple[Path, ...]) -> Marks:
    return {file: mark_of(file) for file in files}
