"""News of changes in the database, from whoever makes them: us, another process, SQL by hand.

SQLite tells a connection that another one has committed (`data_version`), not what. So every commit
drops everything that is held; what is written often is written together, and seldom.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from gateway.errors import StoreUnavailable
from gateway.store.news import Listener
from gateway.store.outage import outages_told
from gateway.store.reader import open_reader

EVERY = 0.015  # seconds between two questions while the listener has use for answers
DEADLINE = 0.25  # seconds for one answer
PAUSE = 0.25  # seconds before a new connection is tried

_VERSION = "SELECT data_version, still_in_place() FROM pragma_data_version"


class DatabaseBus:
    """Follows the database at *path*, on a connection and a thread of its own."""

    def __init__(self, path: Path, *, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._monotonic = monotonic

    async def follow(self, listener: Listener) -> None:
        """Tell *listener* of every commit, until cancelled; where that fails, say so and begin again."""
        while True:
            try:
                with outages_told("the database cannot be followed"):
                    await self._follow(listener)
            except StoreUnavailable:
                listener.broke()
                await asyncio.sleep(PAUSE)

    async def _follow(self, listener: Listener) -> None:
        async with _reader(self._path) as connection:
            await self._ask_for_ever(connection, listener)

    async def _ask_for_ever(self, connection: aiosqlite.Connection, listener: Listener) -> None:
        known = None
        while True:
            await listener.wanted()
            asked_at = self._monotonic()
            async with asyncio.timeout(DEADLINE):
                [(version, in_place)] = list(await connection.execute_fetchall(_VERSION))
            if not in_place:
                raise sqlite3.OperationalError("another file lies where this one was")
            if version != known:  # also the first time: what was held before is of unknown age
                listener.drop_all()
                known = version
            listener.proved(asked_at)
            await asyncio.sleep(EVERY)


@asynccontextmanager
async def _reader(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """Lend a connection; its thread is told to end, and waited for, however the block or its opening ends."""
    opening = asyncio.ensure_future(open_reader(path))
    try:
        async with asyncio.timeout(DEADLINE):
            connection = await asyncio.shield(opening)
        yield connection
    finally:
        await asyncio.wait([opening], timeout=DEADLINE)
        if opening.done() and not opening.cancelled() and opening.exception() is None:
            ended = opening.result().stop()
            if ended is not None:
                await asyncio.wait([ended], timeout=DEADLINE)
