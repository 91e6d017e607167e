"""How a SQLite file is opened: every connection alike, every write a `BEGIN IMMEDIATE`.

A write takes the lock at its first statement, so it can neither deadlock nor act on what another
process has changed since it looked. SQLite hands a lock to whoever asks in the right moment, not to
whoever waited longest; a write therefore goes on asking while others are seen to finish theirs, and
gives up only on a lock under which nothing moves.
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection

from gateway.errors import SchemaMismatch

BUSY = 0.25  # seconds that a statement waits for another process's lock
ASKED = 20  # times that a write asks for the lock while others have it in turn
CONNECTIONS = 4

_SCHEME = "sqlite:///"
PRAGMAS = ("PRAGMA foreign_keys = ON", "PRAGMA synchronous = NORMAL")
_MIGRATION_BUSY = 10.0
LOOK = "SELECT still_in_place(), data_version FROM pragma_data_version"
_VERSION = "data_version"  # of the file as the connection saw it last


def sqlite_file(url: str) -> Path:
    """Return the file that *url* names: `sqlite:///`, then the path as it is. Raises SchemaMismatch."""
    path = url.removeprefix(_SCHEME)
    if path in (url, "", ":memory:"):
        raise SchemaMismatch(f"a database is a SQLite file, {_SCHEME}path, or a PostgreSQL, postgresql://…")
    return Path(path)


def is_there(path: Path) -> bool:
    """Say whether *path* holds a database at all: an empty file is none. Raises OSError."""
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False


def make_private(path: Path) -> None:
    """Make an empty file, and its directory, where there is none, for its owner alone. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def file_uri(path: Path) -> str:
    """Return the URI that opens *path* only where it is there: a lost file is never made anew."""
    return f"file:{quote(str(path))}?mode=rw"


def open_engine(path: Path) -> AsyncEngine:
    """Return an engine for *path*; its `writes` execution option makes transactions write at once."""
    engine = create_async_engine(
        _url("sqlite+aiosqlite", path),
        connect_args={"timeout": BUSY},
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=BUSY,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "connect", lambda connection, _: _watch(connection, path))
    event.listen(engine.sync_engine, "checkout", _look)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def place_watch(path: Path) -> Callable[[], bool]:
    """Return the question whether *path* still is the file that lies there now.

    SQLite does not ask: a connection reads and writes a file that was moved or replaced for ever.
    """
    known = _identity(path)
    return lambda: known is not None and _identity(path) == known


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_for_migration(path: Path) -> Engine:
    """Return a blocking engine for *path* that waits patiently and enforces no foreign keys.

    A batch migration rebuilds tables; with foreign keys on, dropping the old copy would cascade.
    """
    engine = create_engine(
        _url("sqlite+pysqlite", path),
        connect_args={"timeout": _MIGRATION_BUSY},
        poolclass=NullPool,
        hide_parameters=True,
        execution_options={"writes": True},
    )
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin)
    return engine


def _url(driver: str, path: Path) -> URL:
    return URL.create(driver, database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})


def _leave_transactions_to_us(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is deferred and commits before DDL


def _prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    _leave_transactions_to_us(connection, entry)
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN")
        return
    take_lock(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), moved=lambda: _moved(connection))


def take_lock(begin: Callable[[], object], *, moved: Callable[[], bool]) -> None:
    """Begin a write, asking again while *moved* says that others finish theirs. Raises the last refusal."""
    for _ in range(ASKED - 1):
        try:
            begin()
        except (OperationalError, sqlite3.OperationalError) as error:
            if not _busy(error) or not moved():
                raise
        else:
            return
    begin()


def _busy(error: OperationalError | sqlite3.OperationalError) -> bool:
    cause = error.orig if isinstance(error, OperationalError) else error
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _moved(connection: Connection) -> bool:
    """Tell whether another connection has committed since this one last looked."""
    seen = connection.info.get(_VERSION)
    connection.info[_VERSION] = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
    return seen is not None and connection.info[_VERSION] != seen


def _watch(connection: DBAPIConnection, path: Path) -> None:
    connection.create_function("still_in_place", 0, place_watch(path))


def _look(connection: DBAPIConnection, entry: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
    cursor = connection.cursor()
    cursor.execute(LOOK)
    in_place, entry.info[_VERSION] = cursor.fetchone() or (0, None)
    cursor.close()
    if not in_place:
        raise DisconnectionError("another file lies where this one was")  # the pool makes a new one
