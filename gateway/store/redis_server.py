"""One Redis server: every call bounded in time, in number, and in what a failure may say.

The library's own defaults wait and retry for seconds; here a call takes `DEADLINE` altogether, is
never repeated, and a server that fails is left alone but for one probe a second.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from gateway.errors import StoreUnavailable
from gateway.store.breaker import Breaker
from gateway.store.redis_tls import RedisTls, TlsConnection, prove

DEADLINE = 0.25  # seconds for all that one verb asks
CONNECTIONS = 16
CALLS = 256  # under way at once; more fail at once


Command = tuple[str | bytes | int, ...]
"""A command about one key, or the keys of one hash tag: its second word, or the one after the number of
keys of a script."""


def key_of(command: Command) -> bytes:
    """Return the key that *command* is about, the first of several."""
    key = command[3] if command[0] == "EVAL" else command[1]
    return key.encode() if isinstance(key, str) else bytes(key)


class Place(NamedTuple):
    """Where one server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisLogin:
    """As whom a server is asked, for which of its databases, and whether through TLS."""

    number: int = 0
    tls: RedisTls | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)


class RedisServer:
    """Asks the Redis at *place*. Raises StoreUnavailable for whatever keeps it from answering.

    With *master_only* no connection is used that has not heard, when it was opened, that the server
    is a master: one that was demoted since has closed its connections.
    """

    def __init__(
        self, place: Place, login: RedisLogin, *, monotonic: Callable[[], float], master_only: bool = False
    ) -> None:
        self.place = place
        self._breaker = Breaker(monotonic=monotonic)
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._tls = login.tls.context() if login.tls else None
        self._redis = Redis.from_pool(
            BlockingConnectionPool(
                max_connections=CONNECTIONS,
                timeout=DEADLINE,
                connection_class=TlsConnection if login.tls else Connection,
                redis_connect_func=_as_master if master_only else None,
                **_settings(place, login, self._tls),
            )
        )

    async def answers(self, *commands: Command) -> list[Any]:
        """Return what the server says to *commands*, in their order; a ResponseError where it refused."""
        async with self.asked() as redis, redis.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
            return answers

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[Redis]:
        """Lend the client for one verb; what the body raises about Redis becomes StoreUnavailable."""
        if self._closed:  # the pool would connect anew, and nobody would end that connection
            raise StoreUnavailable("the store is closed")
        if self._under_way >= CALLS:
            raise StoreUnavailable("too many calls wait for the store")
        self._breaker.admit()
        self._under_way += 1
        self._idle.clear()
        try:
            with redis_outages_told(self._breaker):
                async with asyncio.timeout(DEADLINE):
                    yield self._redis
            self._breaker.succeeded()
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def prove(self) -> None:
        """Raise StoreUntrusted where TLS with the server, if it answers, cannot come about."""
        if self._tls is not None:
            await prove(self.place.host, self.place.port, self._tls)

    async def ping(self) -> None:
        """Raise StoreUnavailable unless the server answers."""
        async with self.asked() as redis:
            await _reply(redis, "PING")

    async def may_evict(self) -> bool:
        """Say whether the server may drop keys that have not expired; False where it does not tell."""
        try:
            async with self.asked() as redis:
                [_, policy] = await _reply(redis, "CONFIG", "GET", "maxmemory-policy")
        except (StoreUnavailable, TypeError, ValueError):
            return False
        return bool(policy != b"noeviction")

    def connection(self) -> Connection:
        """Return a connection of its own, not connected yet."""
        made: Connection = self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        return made

    async def close(self) -> None:
        """Ask nothing from now on, and end every connection once the calls under way are over.

        The library would open a connection anew for a call that loses its own, and nobody would end
        that one. A call is over within `DEADLINE`.
        """
        self._closed = True
        await self._idle.wait()
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


def unrefused(answers: list[Any]) -> list[Any]:
    """Return *answers*; raise StoreUnavailable where one of them is a refusal."""
    for answer in answers:
        if isinstance(answer, ResponseError):
            raise StoreUnavailable(f"redis refuses: {type(answer).__name__}")
    return answers


async def _as_master(connection: Connection) -> None:
    """Open *connection* to a master; a replica answers too, with what may be out of date."""
    await connection.on_connect()
    await connection.send_command("ROLE")
    role = await connection.read_response()
    if not isinstance(role, list) or role[:1] != [b"master"]:
        raise RedisConnectionError("not the master")


async def _reply(redis: Redis, *command: str) -> Any:
    """Return the server's own words, as no method of the library re-arranges them."""
    return await redis.execute_command(*command)  # type: ignore[no-untyped-call]


def _settings(place: Place, login: RedisLogin, tls: ssl.SSLContext | None) -> dict[str, Any]:
    return {
        **({} if tls is None else {"tls": tls}),
        "host": place.host,
        "port": place.port,
        "db": login.number,
        "username": login.username,
        "password": login.password,
        "socket_timeout": DEADLINE,
        "socket_connect_timeout": DEADLINE,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "decode_responses": False,
    }
