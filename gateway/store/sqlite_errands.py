"""Errands to a SQLite file: one connection in a thread of its own, no engine in between."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

from sqlalchemy import ClauseElement, Executable
from sqlalchemy.dialects import sqlite

from gateway.store.engine import BUSY, LOOK, PRAGMAS, file_uri, place_watch, take_lock
from gateway.store.errands import Step, Values
from gateway.store.strand import Strand
from gateway.uninterrupted import uninterrupted

CLOSING = 0.25  # seconds that an end waits for a write that hangs


class SqliteErrands:
    """Carries errands to the file at *path*."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._strand: Strand[Sequence[Step], None] | None = None

    async def run(self, steps: Sequence[Step]) -> None:
        """Carry out *steps* as one write transaction; see `Errands`."""
        if self._strand is None:
            self._strand = Strand(_Hand(self._path), name="errands")
        await uninterrupted(self._strand.ask(steps))

    async def close(self) -> None:
        """End the connection."""
        if self._strand is not None:
            await asyncio.wait([self._strand.end()], timeout=CLOSING)


class _Hand:
    """A connection, made where there is none, dropped where anything fails or its file was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        self._words: dict[Executable, _Worded] = {}

    def do(self, steps: Sequence[Step]) -> None:
        try:
            connection = self._in_place() or self._connected()
            take_lock(partial(connection.execute, "BEGIN IMMEDIATE"), moved=self._moved)
            for statement, values in steps:
                self._worded(statement).run(connection, values)
            connection.execute("COMMIT")
        except BaseException:
            self.close()  # and so the transaction, whose end nobody could be sure of
            raise

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _in_place(self) -> sqlite3.Connection | None:
        """Return the connection if its file is still the one that lies there."""
        if self._connection is not None and not self._look(self._connection):
            self.close()
        return self._connection

    def _connected(self) -> sqlite3.Connection:
        still_in_place = place_watch(self._path)
        self._connection = connection = sqlite3.connect(
            file_uri(self._path), uri=True, timeout=BUSY, isolation_level=None
        )
        connection.create_function("still_in_place", 0, still_in_place)
        for pragma in PRAGMAS:
            connection.execute(pragma)
        if not self._look(connection):
            raise sqlite3.OperationalError("another file lies where this one was")
        return connection

    def _look(self, connection: sqlite3.Connection) -> bool:
        ((in_place, self._version),) = connection.execute(LOOK).fetchall()
        return bool(in_place)

    def _moved(self) -> bool:
        """Tell whether another connection has committed since this one last looked."""
        seen, connection = self._version, self._connection
        if connection is None:
            return False
        return self._look(connection) and self._version != seen

    def _worded(self, statement: Executable) -> "_Worded":
        """Return *statement* in SQLite's words, found once: there are as many as the code has."""
        words = self._words.get(statement)
        if words is None:
            words = self._words[statement] = _Worded(cast("ClauseElement", statement))
        return words


class _Worded:
    """A statement in SQLite's words; *constants* are the values that it brings along."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=sqlite.dialect(paramstyle="named"))
        self._text = str(compiled)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def run(self, connection: sqlite3.Connection, values: Values | Sequence[Values]) -> None:
        """Run it once, or once for each of several."""
        if isinstance(values, Mapping):
            connection.execute(self._text, {**self._constants, **values})
        else:
            connection.executemany(self._text, [{**self._constants, **each} for each in values])
