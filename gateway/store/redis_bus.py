"""News of changed sessions from Redis, by its own tracking of keys (`CLIENT TRACKING … BCAST`).

The server tells of every change below a prefix, whoever makes it: a verb of ours, another node, a
hand at the console, expiry, eviction, a flush. One connection both asks for the news and gets it,
so that they end together. Redis writes them before the reply to whoever made the change, and answers
one connection in order: once a `PING` is answered, all changes that were acknowledged before it
was sent have been told.
"""

import asyncio
from collections.abc import Callable

from redis.asyncio import Connection

from gateway.errors import StoreUnavailable
from gateway.store.news import Listener
from gateway.store.redis_server import DEADLINE, RedisServer, heed_cancellation, redis_outages_told

EVERY = 0.015  # seconds between two questions while the listener has use for answers
PAUSE = 0.25  # seconds before a new connection is tried

_CHANNEL = b"__redis__:invalidate"


class RedisBus:
    """Follows the sessions below *prefix*, each of which is named by its key in hex."""

    def __init__(self, server: RedisServer, *, prefix: str, monotonic: Callable[[], float]) -> None:
        self._server = server
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
        connection = self._server.connection()
        try:
            async with asyncio.timeout(DEADLINE):
                await self._subscribe(connection)
            listener.drop_all()  # what is held by now is of unknown age
            count = 0
            while True:
                heed_cancellation()
                await listener.wanted()
                count += 1
                asked_at = self._monotonic()
                async with asyncio.timeout(DEADLINE):
                    await self._hear_all(connection, b"%d" % count, listener)
                listener.proved(asked_at)
                await asyncio.sleep(EVERY)
        finally:
            await connection.disconnect(nowait=True)

    async def _subscribe(self, connection: Connection) -> None:
        await connection.connect()  # type: ignore[no-untyped-call]
        await connection.send_command("CLIENT", "ID")
        own = await connection.read_response()
        await connection.send_command(
            "CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST", "PREFIX", self._prefix
        )
        await connection.read_response()
        await connection.send_command("SUBSCRIBE", _CHANNEL)
        await connection.read_response()

    async def _hear_all(self, connection: Connection, mark: bytes, listener: Listener) -> None:
        """Pass on all news that comes before the answer to a `PING` that is sent now."""
        await connection.send_command("PING", mark)
        while True:
            heard = await connection.read_response()
            if heard == [b"pong", mark]:
                return
            if heard[0] == b"message" and heard[1] == _CHANNEL:
                self._pass_on(heard[2], listener)

    def _pass_on(self, names: list[bytes] | None, listener: Listener) -> None:
        if names is None:  # everything was flushed
            listener.drop_all()
            return
        for name in names:
            try:
                listener.drop(bytes.fromhex(name.removeprefix(self._prefix).decode()))
            except ValueError:  # no name of ours
                continue
