"""The stores that stateful sessions are measured on, each with a database or server of its own."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import asdict
from typing import Any, Protocol

from redis.asyncio import Redis

from gateway.assembly.sessions import session_policy
from gateway.model.session import SessionRecord
from gateway.sessions.strategy import SessionStore
from gateway.store.database import Database
from gateway.store.redis import RedisSessions, name_of
from gateway.store.redis_server import Command
from gateway.store.session_keys import issuer_keys
from tests.bench.stage import Gateway, Plan
from tests.fakes.postgres_process import PostgresDatabase, postgres_process
from tests.fakes.redis_process import RedisProcess, redis_process

OWNERS = 10_000  # users among whom the sessions of a full store are spread
SPREAD = 3_000  # seconds over which they began
CHUNK = 50_000


class Kept(Protocol):
    """Sessions of a gateway, in the gateway's own store and behind its back."""

    def plan(self, *, cache: str) -> Plan:
        """Return how a gateway runs on it."""

    def opened(self, gateway: Gateway) -> AbstractAsyncContextManager[SessionStore]:
        """Open the store of *gateway* as another node does."""

    async def add(self, gateway: Gateway, records: Sequence[SessionRecord]) -> None:
        """Keep and list *records*."""

    async def grow(self, gateway: Gateway, like: SessionRecord, *, by: int) -> None:
        """Keep *by* more sessions that are as large as *like*, under random keys, of many users."""

    async def count(self, gateway: Gateway) -> int:
        """Return how many sessions are kept."""


class Sqlite:
    """Sessions in the gateway's own database."""

    def plan(self, *, cache: str) -> Plan:
        return Plan(tables=_session("database", cache))

    @asynccontextmanager
    async def opened(self, gateway: Gateway) -> AsyncIterator[SessionStore]:
        database = await Database.open(gateway.settings.database.url, clock=time.time)
        try:
            yield database.sessions
        finally:
            await database.close()

    async def add(self, gateway: Gateway, records: Sequence[SessionRecord]) -> None:
        with closing(_connection(gateway)) as connection, connection:
            rows = [_row(record) for record in records]
            connection.executemany(
                f"INSERT INTO sessions ({_names(rows[0])}) VALUES ({_marks(rows[0])})", rows
            )
            _list(connection, records)

    async def grow(self, gateway: Gateway, like: SessionRecord, *, by: int) -> None:
        await asyncio.to_thread(_grow_database, gateway, like, by)

    async def count(self, gateway: Gateway) -> int:
        with closing(_connection(gateway)) as connection:
            return int(connection.execute("SELECT count(*) FROM sessions").fetchone()[0])


class OnPostgres:
    """Sessions in a database of their own on a PostgreSQL server, with its users."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def plan(self, *, cache: str) -> Plan:
        return Plan(database=self._database.url, tables=_session("database", cache))

    @asynccontextmanager
    async def opened(self, gateway: Gateway) -> AsyncIterator[SessionStore]:
        database = await Database.open(self._database.url, clock=time.time)
        try:
            yield database.sessions
        finally:
            await database.close()

    async def add(self, gateway: Gateway, records: Sequence[SessionRecord]) -> None:
        rows = [_row(record) for record in records]
        marks = ", ".join(f"${number}" for number, _ in enumerate(rows[0], 1))
        async with self._connected() as connection:
            await connection.executemany(
                f"INSERT INTO sessions ({_names(rows[0])}) VALUES ({marks})",
                [tuple(row.values()) for row in rows],
            )
            await connection.executemany(
                _LISTED.format("$1::bytea", "$2", "$3"),
                [(record.key, record.public_id, record.user_id) for record in records],
            )

    async def grow(self, gateway: Gateway, like: SessionRecord, *, by: int) -> None:
        async with self._connected() as connection:
            await connection.execute("SET session_replication_role = replica")  # no trigger tells of these
            await connection.execute(_OWNERS_ON_POSTGRES, OWNERS, like.user_id)
            await connection.execute(_GROW_ON_POSTGRES, by, like.key, OWNERS, SPREAD)
            await connection.execute("ANALYZE sessions")

    async def count(self, gateway: Gateway) -> int:
        async with self._connected() as connection:
            return int(await connection.fetchval("SELECT count(*) FROM sessions"))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        connection = await self._database.server.connection(self._database.name)
        try:
            yield connection
        finally:
            await connection.close()


class _Patient:
    """A server that a busy machine may keep waiting: it is not what is measured."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def ask(self, *commands: Command) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()


class OnRedis:
    """Sessions on a Redis, whose users are in SQLite."""

    def __init__(self, redis: RedisProcess) -> None:
        self._redis = redis

    def plan(self, *, cache: str) -> Plan:
        return Plan(tables=_session("redis", cache) + f'[redis]\nurl = "{self._redis.url}"\n')

    @asynccontextmanager
    async def opened(self, gateway: Gateway) -> AsyncIterator[RedisSessions]:
        async with Redis.from_url(self._redis.url, protocol=2) as client:
            yield RedisSessions(
                _Patient(client),  # type: ignore[arg-type]
                standing=_nobody,
                scope=session_policy(gateway.settings).audience,
            )

    async def add(self, gateway: Gateway, records: Sequence[SessionRecord]) -> None:
        async with self.opened(gateway) as sessions:
            for record in records:
                await sessions.add(record)
        with closing(_connection(gateway)) as connection, connection:
            _list(connection, records)

    async def grow(self, gateway: Gateway, like: SessionRecord, *, by: int) -> None:
        async with self.opened(gateway) as sessions:
            prefix = sessions.prefix
        for start in range(0, by, CHUNK):
            count = min(CHUNK, by - start)
            words = (prefix, name_of(like.key), like.created_at, like.ends_at, start, count)
            await self._redis.ask("EVAL", _GROW_REDIS, 0, *words, OWNERS, SPREAD)

    async def count(self, gateway: Gateway) -> int:
        async with self.opened(gateway) as sessions:
            pattern = f"{sessions.prefix}*"
        return int(await self._redis.ask("EVAL", "return #redis.call('KEYS', ARGV[1])", 0, pattern))


@asynccontextmanager
async def _sqlite() -> AsyncIterator[Kept]:
    yield Sqlite()


@asynccontextmanager
async def _postgres() -> AsyncIterator[Kept]:
    async with postgres_process() as server:
        yield OnPostgres(server.fresh())


@asynccontextmanager
async def _redis() -> AsyncIterator[Kept]:
    async with redis_process() as redis:
        yield OnRedis(redis)


STORES: Mapping[str, Callable[[], AbstractAsyncContextManager[Kept]]] = {
    "sqlite": _sqlite,
    "postgres": _postgres,
    "redis": _redis,
}


def _session(store: str, cache: str) -> str:
    return f'[session]\nstrategy = "stateful"\nstore = "{store}"\ncache = "{cache}"\n'


async def _nobody(record: SessionRecord) -> None:
    return None


def _connection(gateway: Gateway) -> sqlite3.Connection:
    return sqlite3.connect(gateway.home / "gateway.db", timeout=10)


def _row(record: SessionRecord) -> dict[str, object]:
    named = issuer_keys(record.issuer, sid=record.issuer_sid, subject=record.subject)
    return {**asdict(record), "sid_key": named.sid, "sub_key": named.subject}


def _names(row: Mapping[str, object]) -> str:
    return ", ".join(row)


def _marks(row: Mapping[str, object]) -> str:
    return ", ".join(f":{name}" for name in row)


def _list(connection: sqlite3.Connection, records: Sequence[SessionRecord]) -> None:
    """List *records* as their user's, with all that the login of that user left but its ID token."""
    connection.executemany(
        _LISTED.format(":key", ":public_id", ":user_id"),
        [{"key": record.key, "public_id": record.public_id, "user_id": record.user_id} for record in records],
    )


def _grow_database(gateway: Gateway, like: SessionRecord, by: int) -> None:
    with closing(_connection(gateway)) as connection:
        connection.execute("PRAGMA cache_size = -1000000")
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            connection.execute(_OWNERS, {"owners": OWNERS, "user_id": like.user_id})
            values = {"by": by, "key": like.key, "owners": OWNERS, "spread": SPREAD}
            connection.execute(_GROW, values)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_LISTED = """INSERT INTO sign_ins SELECT {}, {}, user_id, provider, sid_key, sub_key, epoch,
  started_at, last_seen_at, ends_at, address, browser, NULL
FROM (SELECT * FROM sign_ins WHERE user_id = {} LIMIT 1) AS one"""
_COUNTED = "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < {})"
_OWNERS = f"""{_COUNTED.format(":owners")}
INSERT OR IGNORE INTO users SELECT 'owner-' || n, NULL, NULL, email_verified, email_by_admin, name, image,
  enabled, epoch, created_at FROM counted, users WHERE id = :user_id"""
_GROW = f"""{_COUNTED.format(":by")}
INSERT INTO sessions (key, user_id, sealed, created_at, ends_at, seen_at, address, browser, provider,
  issuer, subject, issuer_sid, sid_key, sub_key)
SELECT randomblob(32), 'owner-' || (1 + n % :owners), sealed, created_at - n % :spread,
  ends_at - n % :spread, seen_at - n % :spread, address, browser, provider, issuer, subject || n,
  issuer_sid, sid_key, randomblob(32)
FROM counted, sessions WHERE key = :key"""
_OWNERS_ON_POSTGRES = """
INSERT INTO users SELECT 'owner-' || n, NULL, NULL, email_verified, email_by_admin, name, image,
  enabled, epoch, created_at FROM generate_series(1, $1::int) AS n, users WHERE id = $2
ON CONFLICT DO NOTHING"""
_GROW_ON_POSTGRES = """
INSERT INTO sessions (key, user_id, sealed, created_at, ends_at, seen_at, address, browser, provider,
  issuer, subject, issuer_sid, sid_key, sub_key)
SELECT sha256(n::text::bytea), 'owner-' || (1 + n % $3::int), sealed, created_at - n % $4::int,
  ends_at - n % $4::int, seen_at - n % $4::int, address, browser, provider, issuer, subject || n,
  issuer_sid, sid_key, sha256(('sub' || n)::bytea)
FROM generate_series(1, $1::int) AS n, sessions WHERE key = $2"""
_GROW_REDIS = """
local prefix, like, created, ends, start, count, owners, spread = unpack(ARGV)
local whole = redis.call('GET', prefix .. like)
local root = string.sub(prefix, 1, -9)
for n = start + 1, start + count do
  local digits = redis.sha1hex(n) .. string.sub(redis.sha1hex('more' .. n), 1, 24)
  local shelf = '{' .. string.sub(digits, 1, 1) .. '}'
  local name = shelf .. string.sub(digits, 2)
  local later = n % spread
  redis.call('SET', prefix .. name, whole, 'EXAT', ends + 3600)
  redis.call('ZADD', root .. 'user:owner-' .. n % owners, created - later, name)
  redis.call('ZADD', root .. 'begun:' .. shelf, created - later, name)
  redis.call('ZADD', root .. 'ends:' .. shelf, ends - later, name)
  redis.call('ZADD', root .. 'seen:' .. shelf, created - later, name)
end
"""
