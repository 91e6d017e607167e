"""One PostgreSQL: every connection made alike, every question bounded in time and in number.

A server that is away, hangs, or has turned into a standby is an outage, told within `DEADLINE`; so is
one whose schema is another's. A connection on which anything failed, or whose question was given up,
is never used again: the next one is new.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

from gateway.errors import StoreUnavailable
from gateway.store.breaker import Breaker
from gateway.store.standing import QUERIES
from gateway.store.tables import REVISIONS

DEADLINE = 0.25  # seconds for one answer while a request waits, a new connection included
CONNECTIONS = 8
CALLS = 256  # under way at once; more fail at once
IDLE_IN_TRANSACTION = 5_000  # milliseconds after which a node that stands still loses its turn

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises: the last, which is none of the others, where the server just hung up."""

_REVISION = "SELECT version_num, pg_is_in_recovery() FROM alembic_version"


class DriverConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that ends at once: saying good-bye to a server that hangs would wait for it."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as the driver has it
        """End it; the server takes back whatever was not committed."""
        self.terminate()


def told(url: str) -> str:
    """Return what sentences call the database at *url*: never its user or password."""
    parts = urlsplit(url)
    directory = dict(parse_qsl(parts.query)).get("host")
    return f"{unquote(parts.path.lstrip('/'))} at {directory or f'{parts.hostname}:{parts.port or 5432}'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a connection may take, in seconds: to be made, for a statement, for a lock in it."""

    connect: float
    statement: float
    lock: float


Connect = Callable[[Limits], Awaitable[DriverConnection]]


def quick() -> Limits:
    """Return the limits of a connection that nothing slow is asked on."""
    return Limits(connect=DEADLINE, statement=DEADLINE, lock=DEADLINE)


async def connected(url: str, limits: Limits) -> DriverConnection:
    """Return a new connection to a database of any schema; raises what the driver raises."""
    async with asyncio.timeout(limits.connect):
        connection: DriverConnection = await asyncpg.connect(
            url,
            ssl=_system_authorities(url),
            connection_class=DriverConnection,
            max_cached_statement_lifetime=0,  # prepared once and for all
            # The server keeps its own limit; this one is for a server that stands still.
            command_timeout=limits.statement + DEADLINE,
            server_settings={
                "application_name": "vestibule",
                "statement_timeout": f"{limits.statement * 1000:.0f}",
                "lock_timeout": f"{limits.lock * 1000:.0f}",
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION),
                "jit": "off",
            },
        )
    return connection


def _system_authorities(url: str) -> ssl.SSLContext | None:
    """Return what verifies the server where the URL asks for that and names no authority of its own.

    The driver itself would look for a file in the home of whoever runs us, and for nothing else.
    """
    options = dict(parse_qsl(urlsplit(url).query))
    mode = options.get("sslmode", "")
    if not mode.startswith("verify-") or "sslrootcert" in options:
        return None
    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if "sslcert" in options:
        context.load_cert_chain(options["sslcert"], options.get("sslkey"))
    return context


async def fit(url: str, limits: Limits) -> DriverConnection:
    """Return a new connection to a database that has our schema and may be written.

    Raises StoreUnavailable, and what the driver raises.
    """
    async with asyncio.timeout(limits.connect):
        connection = await connected(url, limits)
        try:
            await _check(connection)
        except BaseException:
            connection.terminate()
            raise
    return connection


async def _check(connection: DriverConnection) -> None:
    found = await connection.fetchrow(_REVISION)
    if found is None or found[0] != REVISIONS[-1]:
        raise StoreUnavailable(f"its schema is not {REVISIONS[-1]}: run `gateway db check`")
    if found[1]:
        raise StoreUnavailable("the database is a standby")


class PostgresReader:
    """Answers on connections that *connect* makes; *monotonic* is in seconds."""

    def __init__(self, connect: Connect, *, monotonic: Callable[[], float]) -> None:
        self._connect = connect
        self._breaker = Breaker(monotonic=monotonic)
        self._statements = {query: _Statement(query) for query in QUERIES}
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[DriverConnection] = []
        self._under_way = 0
        self._closed = False

    async def rows(self, query: Select[Any], values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """Return what *query* finds now, by one prepared statement. Raises StoreUnavailable."""
        if self._closed or self._under_way >= CALLS:
            raise StoreUnavailable("closed, or too many questions wait for the database")
        statement = self._statements[query]
        self._breaker.admit()
        self._under_way += 1
        try:
            with postgres_outages_told(self._breaker):
                async with asyncio.timeout(DEADLINE), self._turns:
                    found = await self._asked(statement.text, statement.arguments(values))
            self._breaker.succeeded()
        finally:
            self._under_way -= 1
        return found

    async def close(self) -> None:
        """End every connection, and read nothing from now on."""
        self._closed = True
        while self._idle:
            self._idle.pop().terminate()

    async def _asked(self, statement: str, arguments: Sequence[object]) -> Sequence[Sequence[Any]]:
        connection = self._taken() or await self._connect(quick())
        try:
            found: Sequence[Sequence[Any]] = await connection.fetch(statement, *arguments)
        except BaseException:
            connection.terminate()
            raise
        if self._closed:
            connection.terminate()
        else:
            self._idle.append(connection)
        return found

    def _taken(self) -> DriverConnection | None:
        """Return a connection that waits for use and that the server has not ended."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None


class _Statement:
    """A query in PostgreSQL's words, and the order in which it takes its values."""

    def __init__(self, query: Select[Any]) -> None:
        compiled = query.compile(dialect=asyncpg_dialect())  # type: ignore[no-untyped-call]
        self.text = str(compiled)
        self._names: Sequence[str] = tuple(compiled.positiontup or ())

    def arguments(self, values: Mapping[str, object]) -> Sequence[object]:
        return [values[name] for name in self._names]


@contextmanager
def postgres_outages_told(breaker: Breaker | None = None) -> Iterator[None]:
    """Raise StoreUnavailable for PostgreSQL's errors; their text may hold what was sent, so it ends here."""
    try:
        yield
    except StoreUnavailable:
        if breaker is not None:
            breaker.failed()
        raise
    except (*DRIVER_ERRORS, OSError, TimeoutError) as error:
        if breaker is not None:
            breaker.failed()
        word = getattr(error, "sqlstate", None) or type(error).__name__
        raise StoreUnavailable(f"the database does not answer: {word}") from None
