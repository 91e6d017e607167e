"""One Redis server: every call bounded in time, in number, and in what a failure may say.

The library's own defaults wait and retry for seconds; here a call takes `DEADLINE` altogether, is
never repeated, and a server that fails is left alone but for one probe a second.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.errors import StoreUnavailable
from gateway.store.breaker import Breaker

DEADLINE = 0.25  # seconds for all that one verb asks
CONNECTIONS = 16
CALLS = 256  # under way at once; more fail at once


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAccount:
    """Where a Redis is, and as whom it is asked."""

    host: str
    port: int
    number: int
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)


class RedisServer:
    """Asks the Redis of *account*. Raises StoreUnavailable for whatever keeps it from answering."""

    def __init__(self, account: RedisAccount, *, monotonic: Callable[[], float]) -> None:
        self._breaker = Breaker(monotonic=monotonic)
        self._under_way = 0
        self._redis = Redis.from_pool(
            BlockingConnectionPool(
                max_connections=CONNECTIONS,
                timeout=DEADLINE,
                connection_class=SSLConnection if account.tls else Connection,
                **_settings(account),
            )
        )

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[Redis]:
        """Lend the client for one verb; what the body raises about Redis becomes StoreUnavailable."""
        if self._under_way >= CALLS:
            raise StoreUnavailable("too many calls wait for the store")
        self._breaker.admit()
        self._under_way += 1
        try:
            with redis_outages_told(self._breaker):
                async with asyncio.timeout(DEADLINE):
                    yield self._redis
            self._breaker.succeeded()
        finally:
            self._under_way -= 1

    async def ping(self) -> None:
        """Raise StoreUnavailable unless the server answers."""
        async with self.asked() as redis:
            await _reply(redis, "PING")

    async def may_evict(self) -> bool:
        """Say whether the server may drop keys that have not expired; False where it does not tell."""
        try:
            async with self.asked() as redis:
                [_, policy] = await _reply(redis, "CONFIG", "GET", "maxmemory-policy")
        except (StoreUnavailable, ValueError):
            return False
        return bool(policy != b"noeviction")

    def connection(self) -> Connection:
        """Return a connection of its own, not connected yet."""
        made: Connection = self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        return made

    async def close(self) -> None:
        await self._redis.aclose()


@contextmanager
def redis_outages_told(breaker: Breaker | None = None) -> Iterator[None]:
    """Raise StoreUnavailable for Redis's errors; their text may hold what was sent, so it ends here.

    The library may take a cancellation for a failure, or for nothing: here it is one again.
    """
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        heed_cancellation()
        if breaker is not None:
            breaker.failed()
        raise StoreUnavailable(f"redis does not answer: {type(error).__name__}") from None
    heed_cancellation()


def heed_cancellation() -> None:
    """Raise CancelledError where the running task was cancelled and somebody kept that to themselves."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _reply(redis: Redis, *command: str) -> Any:
    """Return the server's own words, as no method of the library re-arranges them."""
    return await redis.execute_command(*command)  # type: ignore[no-untyped-call]


def _settings(account: RedisAccount) -> dict[str, Any]:
    return {
        "host": account.host,
        "port": account.port,
        "db": account.number,
        "username": account.username,
        "password": account.password,
        "socket_timeout": DEADLINE,
        "socket_connect_timeout": DEADLINE,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "decode_responses": False,
    }
