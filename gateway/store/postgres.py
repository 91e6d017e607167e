"""A database of a PostgreSQL as the place of ours.

A write takes one lock of its database at its first statement, as SQLite has it: so writes of all nodes
come one after another, none acts on what another has changed since it looked, none is a duplicate
and none can be deadlocked or fail to be serialised. A read is one unchanging view.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import Connection, event, inspect
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection

from gateway.errors import SchemaMismatch, StoreUnavailable
from gateway.model.session import Session, Standing
from gateway.store.errands import EngineErrands
from gateway.store.outage import outages_told
from gateway.store.postgres_bus import PostgresBus
from gateway.store.postgres_server import (
    DRIVER_ERRORS,
    DriverConnection,
    Limits,
    PostgresReader,
    connected,
    fit,
    postgres_outages_told,
    told,
)
from gateway.store.standing import Lookup

CONNECTIONS = 4
BUSY = 0.25  # seconds that a write waits for another node's, and anything for a server that hangs
STATEMENT = 1.0  # seconds that one statement may take
CONNECT = 5.0  # seconds that a start or a command waits for a connection
PATIENCE = 10.0  # seconds that it waits for its turn
MIGRATION = 3600.0  # seconds that one of its statements may take: it may rebuild an index
TURN = int.from_bytes(b"vestibul")
"""The advisory lock that a write holds."""

_READ_ONLY = "25006"
_REFUSED = {
    "3D000": "does not exist: create it with createdb",
    "28000": "refuses our user",
    "28P01": "refuses our user or password",
}

T = TypeVar("T")


class PostgresPlace:
    """The database that *url* names."""

    emptiness = "has no tables"
    may_be_away = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._held = False

    def __str__(self) -> str:
        return told(self._url)

    def hold(self) -> None:
        """Make no connection for a running gateway until `release`."""
        self._held = True

    def release(self) -> None:
        """Make connections again."""
        self._held = False

    def is_empty(self) -> bool:
        """Say whether it has no tables; that it is there at all is the operator's work."""
        with outages_told(f"the database {self} cannot be reached"):
            return self.run(lambda connection: not inspect(connection).get_table_names())

    def prepare(self) -> None:
        """Make nothing: a database is made with its role, by whoever runs the server."""

    def run(self, work: Callable[[Connection], T], *, writes: bool = False) -> T:
        """Return what *work* returns, in one transaction."""
        return asyncio.run(self._run(work, writes=writes))

    def is_sound(self, connection: Connection) -> bool:
        """Leave that to the server, which verifies pages as it reads them."""
        return True

    def has_orphans(self, connection: Connection) -> bool:
        """Say that there are none: foreign keys are enforced throughout."""
        return False

    def settle(self) -> None:
        """Set nothing."""

    def copy(self, target: Path) -> int:
        """Refuse: PostgreSQL has a tool for that, which knows the server's version."""
        raise SchemaMismatch(
            f"the database {self} is copied by PostgreSQL's own pg_dump:"
            ' pg_dump --format=custom --file=FILE "$DATABASE_URL"'
        )

    def engine(self) -> AsyncEngine:
        """Return the engine of a running gateway."""
        engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._made,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY,
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "checkout", _look)
        event.listen(engine.sync_engine, "begin", _begin)
        event.listen(engine.sync_engine, "handle_error", _let_go)
        return engine

    def errands(self, engine: AsyncEngine) -> EngineErrands:
        return EngineErrands(engine)

    def reader(self) -> PostgresReader:
        return PostgresReader(self._fit, monotonic=asyncio.get_running_loop().time)

    def standings(self, lookup: Lookup) -> "AskedStandings":
        return AskedStandings(lookup)

    def bus(self, *, monotonic: Callable[[], float]) -> PostgresBus:
        return PostgresBus(self._fit, monotonic=monotonic)

    async def _fit(self, limits: Limits) -> DriverConnection:
        """Return a new connection that may be used. Raises StoreUnavailable, and what the driver raises."""
        if self._held:
            raise StoreUnavailable("what comes before the database is used is not done yet")
        return await fit(self._url, limits)

    async def _made(self) -> DriverConnection:
        with postgres_outages_told():
            return await self._fit(Limits(connect=BUSY, statement=STATEMENT, lock=BUSY))

    async def _patient(self) -> DriverConnection:
        with postgres_outages_told(), self._refusal_told():
            limits = Limits(connect=CONNECT, statement=MIGRATION, lock=PATIENCE)
            return await connected(self._url, limits)

    async def _run(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=self._patient, poolclass=NullPool, hide_parameters=True
        )
        event.listen(engine.sync_engine, "begin", _begin)
        try:
            async with engine.execution_options(writes=writes).begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    @contextmanager
    def _refusal_told(self) -> Iterator[None]:
        """Raise SchemaMismatch for what only the operator can mend."""
        try:
            yield
        except asyncpg.PostgresError as error:
            if error.sqlstate not in _REFUSED:
                raise
            raise SchemaMismatch(f"the database {self} {_REFUSED[error.sqlstate]}") from None


class AskedStandings:
    """The answers of *lookup*, none of them repeated: a notification comes after the commit it tells of."""

    def __init__(self, lookup: Lookup) -> None:
        self.standing = lookup.standing

    def known(self, session: Session) -> Standing | None:
        return None

    def version(self) -> int | None:
        return None

    async def close(self) -> None:
        """Stop nothing."""


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _look(connection: Any, _: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
    """Find out whether the server ended the connection, or hangs, before anything is asked of it."""
    driver: DriverConnection = connection.driver_connection
    with postgres_outages_told():
        try:
            connection.run_async(lambda _: driver.fetchval("SELECT 1", timeout=BUSY))
        except TimeoutError:  # a new connection would hang as well
            raise
        except (*DRIVER_ERRORS, OSError) as error:
            raise DisconnectionError("the server ended it") from error  # the pool makes a new one


def _let_go(context: ExceptionContext) -> None:
    """Have a connection dropped on which no answer came, or whose server became a standby."""
    error = context.original_exception
    lost = isinstance(error, asyncpg.InternalClientError)
    if lost or isinstance(error, TimeoutError | OSError) or getattr(error, "sqlstate", None) == _READ_ONLY:
        context.is_disconnect = True
    if lost:
        raise StoreUnavailable("the database hung up") from None
