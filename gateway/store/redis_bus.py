"""News of changed sessions from Redis, by its own tracking of keys (`CLIENT TRACKING … BCAST`).

The server tells of every change below a prefix, whoever makes it: a verb of ours, another node, a
hand at the console, expiry, eviction, a flush. One connection both asks for the news and gets it,
so that they end together. Redis writes them before the reply to whoever made the change, and answers
one connection in order: once a `PING` is answered, all changes that were acknowledged before it
was sent have been told. Where sessions lie on several servers each of them is asked, and nothing is
proven of a moment after which another one may have held any.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from redis.asyncio import Connection

from gateway.errors import StoreUnavailable
from gateway.store.news import Listener
from gateway.store.redis import key_named
from gateway.store.redis_server import DEADLINE, RedisServer, heed_cancellation, redis_outages_told
from gateway.store.redis_topology import Topology

EVERY = 0.015  # seconds between two questions while the listener has use for answers
PAUSE = 0.25  # seconds before a new connection is tried

_CHANNEL = b"__redis__:invalidate"


class RedisBus:
    """Follows the sessions below *prefix*, each of which is named by its key in hex."""

    def __init__(self, redis: Topology, *, prefix: str, monotonic: Callable[[], float]) -> None:
        self._redis = redis
        self._prefix = prefix.encode()
        self._monotonic = monotonic

    async def follow(self, listener: Listener) -> None:
        """Tell *listener* of every change, until cancelled; where that fails, say so and begin again."""
        while True:
            try:
                with redis_outages_told():
                    await self._follow(listener)
            except StoreUnavailable:
                listener.broke()
                await asyncio.sleep(PAUSE)

    async def _follow(self, listener: Listener) -> None:
        """Tell *listener* of every change until other servers than now hold sessions."""
        servers = await self._redis.servers()
        async with AsyncExitStack() as connected:
            async with asyncio.timeout(DEADLINE):
                feeds = [await connected.enter_async_context(self._feed(server)) for server in servers]
            listener.drop_all()  # what is held by now is of unknown age
            for count in itertools.count():
                heed_cancellation()
                await listener.wanted()
                asked_at = self._monotonic()
                async with asyncio.timeout(DEADLINE):
                    await self._hear_all(feeds, b"%d" % count, listener)
                if self._redis.known() != servers:
                    return
                listener.proved(asked_at)
                await asyncio.sleep(EVERY)

    @asynccontextmanager
    async def _feed(self, server: RedisServer) -> AsyncIterator[Connection]:
        """Lend a connection on which *server* tells of changes."""
        connection = server.connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("CLIENT", "ID")
            own = await connection.read_response()
            await connection.send_command(
                "CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST", "PREFIX", self._prefix
            )
            await connection.read_response()
            await connection.send_command("SUBSCRIBE", _CHANNEL)
            await connection.read_response()
            yield connection
        finally:
            await connection.disconnect(nowait=True)

    async def _hear_all(self, feeds: Sequence[Connection], mark: bytes, listener: Listener) -> None:
        """Pass on all news that comes before the answers to a `PING` that is sent to each now."""
        for feed in feeds:
            await feed.send_command("PING", mark)
        for feed in feeds:
            while (heard := await feed.read_response()) != [b"pong", mark]:
                if heard[0] == b"message" and heard[1] == _CHANNEL:
                    self._pass_on(heard[2], listener)

    def _pass_on(self, names: list[bytes] | None, listener: Listener) -> None:
        if names is None:  # everything was flushed
            listener.drop_all()
            return
        for name in names:
            try:
                listener.drop(key_named(name.removeprefix(self._prefix)))
            except ValueError:  # no name of ours
                continue
