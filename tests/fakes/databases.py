"""Real databases for tests, each in a directory of its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.model.event import Clock
from gateway.store import schema
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.postgres_process import PostgresDatabase, shared

KINDS = ("sqlite", "postgres")

_POSTGRES: dict[Path, PostgresDatabase] = {}


def file_in(directory: Path) -> Path:
    return directory / "gateway.db"


def use(directory: Path, kind: str) -> None:
    """Let the database in *directory* be one of *kind*: a file there, or a new one of this run's server."""
    if kind == "postgres":
        _POSTGRES[directory] = shared().fresh()


def url_in(directory: Path) -> str:
    if directory in _POSTGRES:
        return _POSTGRES[directory].url
    return f"sqlite:///{file_in(directory)}"


def made_in(directory: Path) -> str:
    """Put an empty database of the present schema into *directory* and return its URL."""
    if directory not in _POSTGRES:
        file_in(directory).write_bytes(_empty())
    return url_in(directory)


def hand(directory: Path, statement: str) -> list[tuple[object, ...]]:
    """Run *statement* as an operator at a console, beside whoever uses the database; return its rows."""
    if directory in _POSTGRES:
        return [tuple(row.values()) for row in _POSTGRES[directory].sql(statement)]
    connection = raw(directory)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep every writer waiting."""
    if directory in _POSTGRES:
        with _POSTGRES[directory].locked():
            yield
        return
    connection = raw(directory)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.close()


@asynccontextmanager
async def opened(directory: Path, clock: Clock | None = None) -> AsyncIterator[Database]:
    """Open the database in *directory*, an empty one where there is none."""
    if directory not in _POSTGRES and not file_in(directory).exists():
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

    await asyncio.to_thread(hand, directory, statement)


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as directory:
        schema.upgrade(url_in(Path(directory)))
        return file_in(Path(directory)).read_bytes()
