"""Reading from a SQLite file while a request waits: one connection, one thread, one hop.

A connection that failed is left behind and a new one is made; so is one whose file was moved or
replaced, since SQLite would go on reading the old one.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import Select, func
from sqlalchemy.dialects import sqlite

from gateway.errors import StoreUnavailable
from gateway.store.engine import file_uri, place_watch
from gateway.store.outage import outages_told
from gateway.store.standing import QUERIES

DEADLINE = 0.25  # seconds for one answer, a new connection included
ABANDONED = 4  # connections that may still hang in a failed disk before questions fail at once


class SqliteReader:
    """Answers from the file at *path*, on one connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._statements = {query: _statement(query) for query in QUERIES}
        self._connection: aiosqlite.Connection | None = None
        self._connecting = asyncio.Lock()
        self._closed = False
        self._abandoned: set[asyncio.Future[object]] = set()

    async def rows(self, query: Select[Any], values: Mapping[str, object]) -> list[sqlite3.Row]:
        """Return what *query* finds now; each row has one column more. Raises StoreUnavailable."""
        statement = self._statements[query]
        connection = self._connection
        with outages_told("a session cannot be looked up"):
            try:
                async with asyncio.timeout(DEADLINE):
                    connection = connection or await self._connected()
                    return _whole(list(await connection.execute_fetchall(statement, dict(values))))
            except (sqlite3.Error, TimeoutError):
                self._abandon(connection)
                raise

    async def close(self) -> None:
        """End the connection, wait for those left behind, and read nothing from now on."""
        self._closed = True
        self._abandon(self._connection)
        if self._abandoned:
            await asyncio.wait(self._abandoned, timeout=DEADLINE)

    async def _connected(self) -> aiosqlite.Connection:
        async with self._connecting:
            if self._closed or len(self._abandoned) >= ABANDONED:
                raise StoreUnavailable("closed, or earlier lookups still hang in the database")
            if self._connection is None:
                self._connection = await open_reader(self._path)
            return self._connection

    def _abandon(self, connection: aiosqlite.Connection | None) -> None:
        if connection is None or connection is not self._connection:
            return
        self._connection = None
        ended = connection.stop()
        if ended is not None:
            self._abandoned.add(ended)
            ended.add_done_callback(self._abandoned.discard)


async def open_reader(path: Path) -> aiosqlite.Connection:
    """Return a connection that reads *path* and knows `still_in_place()`."""
    still_in_place = await asyncio.to_thread(place_watch, path)
    connection = await aiosqlite.connect(file_uri(path), uri=True, timeout=DEADLINE / 2)
    await connection.create_function("still_in_place", 0, still_in_place)
    return connection


def _statement(query: Select[Any]) -> str:
    whole = query.add_columns(func.still_in_place())
    return str(whole.compile(dialect=sqlite.dialect(paramstyle="named")))


def _whole(rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
    """Return *rows*, of which there is always one, unless they come from a file that was replaced."""
    if not rows[0][-1]:
        raise sqlite3.OperationalError("another file lies where this one was")
    return rows
