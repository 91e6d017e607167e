"""Reading from a SQLite file while a request waits: one connection, one thread, one trip for many.

A connection that failed is left behind and a new one is made; so is one whose file was moved or
replaced, since SQLite would go on reading the old one.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import Select, func
from sqlalchemy.dialects import sqlite

from gateway.errors import StoreUnavailable
from gateway.store.engine import file_uri, place_watch
from gateway.store.outage import outages_told
from gateway.store.standing import QUERIES
from gateway.store.strand import Strand

DEADLINE = 0.25  # seconds for one answer, a new connection included
ABANDONED = 4  # threads that may still hang in a failed disk before questions fail at once

Rows = list[tuple[Any, ...]]
Question = tuple[str, Mapping[str, object]]


class SqliteReader:
    """Answers from the file at *path*. Belongs to the loop that runs where it is made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._statements = {query: _statement(query) for query in QUERIES}
        self._strand = self._new_strand()
        self._closed = False
        self._abandoned: set[asyncio.Future[None]] = set()

    async def rows(self, query: Select[Any], values: Mapping[str, object]) -> Rows:
        """Return what *query* finds now; each row has one column more. Raises StoreUnavailable."""
        if self._closed or len(self._abandoned) >= ABANDONED:
            raise StoreUnavailable("closed, or earlier lookups still hang in the database")
        strand = self._strand
        with outages_told("a session cannot be looked up"):
            try:
                async with asyncio.timeout(DEADLINE):
                    return await strand.ask((self._statements[query], values))
            except TimeoutError:
                self._abandon(strand)
                raise

    async def close(self) -> None:
        """End the connection, wait for those left behind, and read nothing from now on."""
        self._closed = True
        await asyncio.wait({self._strand.end(), *self._abandoned}, timeout=DEADLINE)

    def _new_strand(self) -> Strand[Question, Rows]:
        return Strand(_Eye(self._path), name="lookups")

    def _abandon(self, strand: Strand[Question, Rows]) -> None:
        """Ask no more of *strand*, which may hang; what waits for it has its own deadline."""
        if strand is not self._strand:
            return
        self._strand = self._new_strand()
        ended = strand.end()
        self._abandoned.add(ended)
        ended.add_done_callback(self._abandoned.discard)


class _Eye:
    """A connection to the file at *path*, made where there is none, dropped where anything fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def do(self, question: Question) -> Rows:
        statement, values = question
        try:
            if self._connection is None:
                self._connection = self._connected()
            return _whole(self._connection.execute(statement, values).fetchall())
        except sqlite3.Error:
            self.close()
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _connected(self) -> sqlite3.Connection:
        still_in_place = place_watch(self._path)
        connection = sqlite3.connect(
            file_uri(self._path), uri=True, timeout=DEADLINE / 2, isolation_level=None
        )
        connection.create_function("still_in_place", 0, still_in_place)
        return connection


async def open_reader(path: Path) -> aiosqlite.Connection:
    """Return a connection that reads *path* and knows `still_in_place()`."""
    still_in_place = await asyncio.to_thread(place_watch, path)
    connection = await aiosqlite.connect(file_uri(path), uri=True, timeout=DEADLINE / 2)
    await connection.create_function("still_in_place", 0, still_in_place)
    return connection


@cache  # the queries are constants
def _statement(query: Select[Any]) -> str:
    whole = query.add_columns(func.still_in_place())
    return str(whole.compile(dialect=sqlite.dialect(paramstyle="named")))


def _whole(rows: Rows) -> Rows:
    """Return *rows*, of which there is always one, unless they come from a file that was replaced."""
    if not rows[0][-1]:
        raise sqlite3.OperationalError("another file lies where this one was")
    return rows
