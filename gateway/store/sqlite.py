"""A SQLite file as the place of a database."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from time import sleep
from typing import TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.store.backup import backup
from gateway.store.bus import DatabaseBus
from gateway.store.engine import is_there, make_private, open_engine, open_for_migration, sqlite_file
from gateway.store.outage import damage_told, outages_told
from gateway.store.reader import SqliteReader
from gateway.store.sqlite_errands import SqliteErrands
from gateway.store.standing import Lookup
from gateway.store.watch import Watch, WatchedStandings

_ATTEMPTS = 200
_PAUSE = 0.05

T = TypeVar("T")


class SqlitePlace:
    """The file that *url* names. Raises SchemaMismatch where it names none."""

    emptiness = "does not exist"
    may_be_away = False

    def __init__(self, url: str) -> None:
        self._url = url
        self._path = sqlite_file(url)

    def __str__(self) -> str:
        return str(self._path)

    def hold(self) -> None:
        """Hold nothing: who has no file does not start."""

    def release(self) -> None:
        """Release nothing."""

    def is_empty(self) -> bool:
        """Say whether there is no database: an empty file is none."""
        with outages_told(f"the database {self} cannot be reached"):
            return not is_there(self._path)

    def prepare(self) -> None:
        """Make the file, readable by its owner alone, and its directory."""
        make_private(self._path)

    def run(self, work: Callable[[Connection], T], *, writes: bool = False) -> T:
        """Return what *work* returns, in one transaction. Raises SchemaMismatch for a damaged file."""
        engine = open_for_migration(self._path).execution_options(writes=writes)
        with damage_told(self._path), engine.begin() as connection:
            return work(connection)

    def is_sound(self, connection: Connection) -> bool:
        """Say whether every page can be read."""
        return bool(connection.scalar(text("PRAGMA quick_check(1)")) == "ok")

    def has_orphans(self, connection: Connection) -> bool:
        """Say whether rows lack what they refer to, which a migration does not ask SQLite to refuse."""
        return connection.execute(text("PRAGMA foreign_key_check")).first() is not None

    def settle(self) -> None:
        """Switch the file to a write-ahead log, once and for all; SQLite does not wait for this lock."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(sqlite3.OperationalError):
                return self._set_journal()
            sleep(_PAUSE)
        return self._set_journal()

    def copy(self, target: Path) -> int:
        """Write a copy to *target* by SQLite's own backup; return its size."""
        return backup(self._url, target)

    def engine(self) -> AsyncEngine:
        return open_engine(self._path)

    def errands(self, _: AsyncEngine) -> SqliteErrands:
        return SqliteErrands(self._path)

    def reader(self) -> SqliteReader:
        return SqliteReader(self._path)

    def standings(self, lookup: Lookup) -> WatchedStandings:
        watch = Watch(self._path)
        watch.open()
        return WatchedStandings(lookup, watch)

    def bus(self, *, monotonic: Callable[[], float]) -> DatabaseBus:
        return DatabaseBus(self._path, monotonic=monotonic)

    def _set_journal(self) -> None:
        with closing(open_for_migration(self._path).raw_connection()) as connection:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
