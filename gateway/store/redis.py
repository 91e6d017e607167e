"""Stateful sessions on Redis: a string for each session, sorted sets to find those that are over.

What is read is believed as far as its form goes, and no further: it is cut off at `LARGEST` bytes
before it is parsed, it must name the key that was asked for, and what it says of somebody is sealed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import msgspec
from redis.asyncio import Redis

from gateway.errors import StoreUnavailable
from gateway.model.session import FoundSession, SessionRecord, Standing
from gateway.store.redis_server import RedisServer
from gateway.store.session_keys import names_of

LARGEST = 64 * 1024
SWEEP = 500  # sessions that one sweep removes at most
GRACE = 3600  # seconds after its end for which a session waits to be swept, and told, before it expires


class RedisSessions:
    """Keeps session records; every verb raises StoreUnavailable for an outage.

    *standing* says what the database holds of a session and its user now; *scope* names the gateway
    and its cookie, so that gateways that share a server do not see each other's sessions.
    """

    def __init__(
        self,
        server: RedisServer,
        *,
        standing: Callable[[SessionRecord], Awaitable[Standing | None]],
        scope: str,
    ) -> None:
        self._server = server
        self._standing = standing
        prefix = f"vestibule:{sha256(scope.encode()).hexdigest()[:16]}"
        self.prefix = f"{prefix}:session:"
        self._users = f"{prefix}:user:"
        self._begun, self._ends, self._seen = (f"{prefix}:{name}" for name in ("begun", "ends", "seen"))

    async def find(self, key: bytes) -> FoundSession | None:
        """Return the session kept under *key* and its user's standing, neither older than the call."""
        async with self._server.asked() as redis, redis.pipeline(transaction=False) as pipe:
            pipe.getrange(self.prefix + key.hex(), 0, LARGEST)
            pipe.zscore(self._seen, key.hex())
            raw, seen_at = await pipe.execute()
        record = _read(raw)
        if record is None:
            return None
        if record.key != key:
            raise StoreUnavailable("redis answered for another session")
        seen = max(record.seen_at, int(seen_at or 0))
        standing = await self._standing(record)
        return FoundSession(record=replace(record, seen_at=seen), standing=standing, names=names_of(record))

    async def add(self, record: SessionRecord, *, most: int) -> tuple[SessionRecord, ...]:
        """Keep *record*, also in the place of an earlier one under its key.

        Where its user then has more than *most* (0: no limit) the oldest are removed, and returned.
        """
        name, mine = record.key.hex(), self._users + record.user_id
        async with self._server.asked() as redis:
            async with redis.pipeline(transaction=True) as pipe:
                pipe.set(self.prefix + name, msgspec.json.encode(record), exat=record.ends_at + GRACE)
                pipe.zadd(mine, {name: record.created_at})
                pipe.expireat(mine, record.ends_at + GRACE)
                pipe.zadd(self._begun, {name: record.created_at})
                pipe.zadd(self._ends, {name: record.ends_at})
                pipe.zadd(self._seen, {name: record.seen_at})
                pipe.zrevrange(mine, 0, -1)
                *_, newest_first = await pipe.execute()
            others = [other for other in newest_first if other != name.encode()]
            return await self._remove(redis, others[most - 1 :]) if most else ()

    async def touch(self, seen: Mapping[bytes, int]) -> None:
        """Record when the sessions were last seen; never earlier than is known, never a new session."""
        async with self._server.asked() as redis:
            moments = {key.hex(): moment for key, moment in seen.items()}
            await redis.zadd(self._seen, moments, xx=True, gt=True)

    async def remove(self, key: bytes) -> None:
        """End the session under *key*; one that is gone already is as good as removed."""
        async with self._server.asked() as redis:
            await self._remove(redis, [key.hex().encode()])

    async def remove_all(self, user_id: str, *, but: bytes | None) -> None:
        """End every session of the user except the one under *but*, a bounded number at a time."""
        async with self._server.asked() as redis:
            names: list[Any] = await redis.zrange(self._users + user_id, 0, -1)
        others = [name for name in names if but is None or name != but.hex().encode()]
        for start in range(0, len(others), SWEEP):
            async with self._server.asked() as redis:
                await self._remove(redis, others[start : start + SWEEP])

    async def sweep(
        self, *, now: int, begun_before: int, seen_before: int | None
    ) -> tuple[SessionRecord, ...]:
        """Remove sessions that are over: by their own end, too old a login, or too long unseen.

        Removes at most `SWEEP` of each kind and returns them.
        """
        limits = [(self._ends, f"{now}"), (self._begun, f"{begun_before}")]
        if seen_before is not None:
            limits.append((self._seen, f"({seen_before}"))
        async with self._server.asked() as redis:
            over: dict[Any, None] = {}
            for index, limit in limits:
                over.update(dict.fromkeys(await redis.zrangebyscore(index, "-inf", limit, 0, SWEEP)))
            return await self._remove(redis, list(over))

    async def ping(self) -> None:
        """Raise StoreUnavailable unless Redis answers."""
        await self._server.ping()

    async def _remove(self, redis: Redis, names: Sequence[bytes]) -> tuple[SessionRecord, ...]:
        """Remove the sessions called *names*; return those that were there and that we removed."""
        if not names:
            return ()
        keys = [self.prefix + name.decode() for name in names]
        async with redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.getrange(key, 0, LARGEST)
            records = [_read(raw) for raw in await pipe.execute()]
        async with redis.pipeline(transaction=True) as pipe:
            for key in keys:
                pipe.delete(key)
            for index in (self._begun, self._ends, self._seen):
                pipe.zrem(index, *names)
            for name, record in zip(names, records, strict=True):
                if record is not None:
                    pipe.zrem(self._users + record.user_id, name)
            removed: list[Any] = await pipe.execute()
        told = zip(records, removed[: len(keys)], strict=True)
        return tuple(record for record, count in told if count and record is not None)


def _read(raw: bytes) -> SessionRecord | None:
    """Return the record in *raw*, None where there is none, or something that we did not write."""
    if not raw or len(raw) > LARGEST:
        return None
    try:
        return msgspec.json.decode(raw, type=SessionRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
