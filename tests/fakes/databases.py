"""Real databases for tests, each in a directory of its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.model.event import Clock
from gateway.store import schema
from gateway.store.database import Database
from tests.fakes.clock import FakeClock


def file_in(directory: Path) -> Path:
    return directory / "gateway.db"


def url_in(directory: Path) -> str:
    return f"sqlite:///{file_in(directory)}"


def made_in(directory: Path) -> str:
    """Put an empty database of the present schema into *directory* and return its URL."""
    file_in(directory).write_bytes(_empty())
    return url_in(directory)


@asynccontextmanager
async def opened(directory: Path, clock: Clock | None = None) -> AsyncIterator[Database]:
    """Open the database in *directory*, an empty one where there is none."""
    if not file_in(directory).exists():
        made_in(directory)
    database = await Database.open(url_in(directory), clock=clock or FakeClock())
    try:
        yield database
    finally:
        await database.close()


def raw(directory: Path) -> sqlite3.Connection:
    """Return a plain connection, as a backup job or an intruder would have one."""
    return sqlite3.connect(file_in(directory), isolation_level=None)


async def by_hand(directory: Path, statement: str) -> None:
    """Run *statement* beside a gateway of this process: not on its loop, which may hold the lock."""

    def run() -> None:
        connection = raw(directory)
        try:
            connection.execute(statement)
        finally:
            connection.close()

    await asyncio.to_thread(run)


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as directory:
        schema.upgrade(url_in(Path(directory)))
        return file_in(Path(directory)).read_bytes()
