"""Stateful sessions on Redis: a string for each session, sorted sets to find those that are over.

Each command is about one key, or the keys of one hash tag, so any of them can be on a server of its own,
and on its way to another. There are no transactions: the order of the writes is such that whatever ends
between two of them leaves entries of an index without a session, which the sweep removes, and never the
reverse.

What is read is believed as far as its form goes, and no further: it is cut off at `LARGEST` bytes
before it is parsed, it must name the key that was asked for, and what it says of somebody is sealed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

import msgspec

from gateway.errors import StoreUnavailable
from gateway.model.session import FoundSession, SessionRecord, Standing
from gateway.store.redis_server import Command
from gateway.store.redis_topology import Topology
from gateway.store.session_keys import names_of

LARGEST = 64 * 1024
SWEEP = 500  # sessions that one sweep removes at most, of each kind of end
PAGE = 100  # sessions of a page
LATEST = 2**53  # Unix seconds that no store and no number of Redis's has trouble with
GRACE = 3600  # seconds after its end for which a session waits to be swept, and told, before it expires
SHELVES = "0123456789abcdef"

# An index lives until the last session in it has expired, also where `max_age` was longer once. What
# expires is changed together with when, so that no key is ever without an end.
_ENTER = """\
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
local left = redis.call('TTL', KEYS[1])
if left < 0 or redis.call('TIME')[1] + left < tonumber(ARGV[3]) then
  redis.call('EXPIREAT', KEYS[1], ARGV[3])
end
"""

# A seal is another one each time that a session is kept, so it tells whether this was done again.
_DISCARD = """\
local kept = redis.call('GETRANGE', KEYS[1], 0, 65536)
if not string.find(kept, ARGV[2], 1, true) then return 0 end
for index = 2, #KEYS do redis.call('ZREM', KEYS[index], ARGV[1]) end
return redis.call('DEL', KEYS[1])
"""


class RedisSessions:
    """Keeps session records; every verb raises StoreUnavailable for an outage.

    *standing* says what the database holds of a session and its user now; *scope* names the gateway
    and its cookie, so that gateways that share a Redis do not see each other's sessions.
    """

    def __init__(
        self,
        redis: Topology,
        *,
        standing: Callable[[SessionRecord], Awaitable[Standing | None]],
        scope: str,
    ) -> None:
        self._redis = redis
        self._standing = standing
        prefix = f"vestibule:{sha256(scope.encode()).hexdigest()[:16]}"
        self.prefix = f"{prefix}:session:"
        self._users = f"{prefix}:user:"
        self._begun, self._ends, self._seen = (f"{prefix}:{name}:" for name in ("begun", "ends", "seen"))
        self._next_page = (0, 0)

    async def find(self, key: bytes) -> FoundSession | None:
        """Return the session kept under *key* and its user's standing, neither older than the call."""
        name = name_of(key)
        raw, seen_at = await self._redis.ask(
            self._content_of(name), ("ZSCORE", self._seen + _shelf(name), name)
        )
        record = _read(raw)
        if record is None:
            return None
        if record.key != key:
            raise StoreUnavailable("redis answered for another session")
        if seen_at is not None and record.seen_at < seen_at < LATEST:
            record = replace(record, seen_at=int(seen_at))
        standing = await self._standing(record)
        return FoundSession(record=record, standing=standing, names=names_of(record))

    async def add(self, record: SessionRecord) -> None:
        """Keep *record*, also in the place of an earlier one under its key."""
        name, expires = name_of(record.key), record.ends_at + GRACE

        def entered(index: str, score: int) -> Command:
            return ("EVAL", _ENTER, 1, index, score, name, expires)

        await self._redis.ask(entered(self._users + record.user_id, record.created_at))
        shelf = _shelf(name)
        # Last: a session that is there is in every index.
        await self._redis.ask(
            entered(self._begun + shelf, record.created_at),
            entered(self._ends + shelf, record.ends_at),
            entered(self._seen + shelf, record.seen_at),
            ("SET", self.prefix + name, msgspec.json.encode(record), "EXAT", expires),
        )

    async def touch(self, seen: Mapping[bytes, int]) -> None:
        """Record when the sessions were last seen; never earlier than is known, never a new session."""
        names = {name_of(key): moment for key, moment in seen.items()}
        await self._redis.ask(
            *(("ZADD", self._seen + _shelf(name), "XX", "GT", moment, name) for name, moment in names.items())
        )

    async def remove(self, key: bytes) -> None:
        """End the session under *key*; one that is gone already is as good as removed."""
        await self._remove([name_of(key)])

    async def remove_all(self, user_id: str, *, but: bytes | None) -> None:
        """End every session of the user except the one under *but*, a bounded number at a time."""
        [names] = await self._redis.ask(("ZRANGE", self._users + user_id, 0, -1))
        kept = None if but is None else name_of(but)
        others = [name for each in names if (name := each.decode()) != kept]
        for start in range(0, len(others), SWEEP):
            await self._remove(others[start : start + SWEEP])

    async def sweep(
        self, *, now: int, begun_before: int, seen_before: int | None
    ) -> tuple[SessionRecord, ...]:
        """Remove sessions that are over: by their own end, too old a login, or too long unseen.

        Removes at most `SWEEP` of each kind, from the first shelf that has any, and returns them; a
        shelf that does not answer keeps no other waiting.
        """
        limits = [(self._ends, f"{now}"), (self._begun, f"{begun_before}")]
        if seen_before is not None:
            limits.append((self._seen, f"({seen_before}"))
        outage: StoreUnavailable | None = None
        for shelf in SHELVES:
            try:
                gone = await self._sweep(shelf, limits)
            except StoreUnavailable as error:
                outage = error
                continue
            if gone:
                return gone
        if outage is not None:
            raise outage
        return ()

    async def page(self) -> tuple[SessionRecord, ...] | None:
        """Return sessions that follow those of the last page; None after the last, and then the first.

        Where they are removed meanwhile, some that follow may be passed over until their next turn; a
        shelf that does not answer keeps no other waiting.
        """
        shelf, place = self._next_page
        if shelf == len(SHELVES):
            self._next_page = (0, 0)
            return None
        self._next_page = (shelf + 1, 0)
        index = f"{self._begun}{{{SHELVES[shelf]}}}"
        [found] = await self._redis.ask(("ZRANGE", index, place, place + PAGE - 1))
        if len(found) == PAGE:
            self._next_page = (shelf, place + PAGE)
        names = [name.decode() for name in found]
        read = zip(names, await self._read_all(names), strict=True)
        return tuple(record for name, record in read if record is not None and name_of(record.key) == name)

    async def discard(self, records: Sequence[SessionRecord]) -> tuple[SessionRecord, ...]:
        """Remove the sessions in *records*, and return those that this removed: one that was kept anew
        since it was read, or is gone, is passed over."""
        counts = await self._redis.ask(*map(self._discarding, records))
        gone = tuple(record for record, count in zip(records, counts, strict=True) if count)
        # Of one that is kept anew at this moment the entry may go: it has been told to the database, as
        # whatever ends all of a user's sessions is.
        await self._redis.ask(*(("ZREM", self._users + each.user_id, name_of(each.key)) for each in gone))
        return gone

    async def ping(self) -> None:
        """Raise StoreUnavailable unless Redis answers."""
        await self._redis.ping()

    async def _sweep(self, shelf: str, limits: Sequence[tuple[str, str]]) -> tuple[SessionRecord, ...]:
        tag = f"{{{shelf}}}"
        found = await self._redis.ask(
            *(("ZRANGEBYSCORE", index + tag, "-inf", limit, "LIMIT", 0, SWEEP) for index, limit in limits)
        )
        return await self._remove(list(dict.fromkeys(name.decode() for names in found for name in names)))

    async def _remove(self, names: Sequence[str]) -> tuple[SessionRecord, ...]:
        """Remove the sessions called *names*; return those that were there and that we removed."""
        if not names:
            return ()
        records = await self._read_all(names)
        removed = await self._redis.ask(*(("DEL", self.prefix + name) for name in names))
        found = [(name, record) for name, record in zip(names, records, strict=True) if record is not None]
        shelves: dict[str, list[str]] = {}
        for name in names:
            shelves.setdefault(_shelf(name), []).append(name)
        await self._redis.ask(
            *(
                ("ZREM", index + shelf, *there)
                for shelf, there in shelves.items()
                for index in (self._begun, self._ends, self._seen)
            ),
            *(("ZREM", self._users + record.user_id, name) for name, record in found),
        )
        told = zip(records, removed, strict=True)
        return tuple(record for record, count in told if count and record is not None)

    async def _read_all(self, names: Sequence[str]) -> list[SessionRecord | None]:
        return [_read(raw) for raw in await self._redis.ask(*map(self._content_of, names))]

    def _discarding(self, record: SessionRecord) -> Command:
        name = name_of(record.key)
        indexes = [index + _shelf(name) for index in (self._begun, self._ends, self._seen)]
        sealed = msgspec.json.encode(record.sealed)
        return ("EVAL", _DISCARD, 1 + len(indexes), self.prefix + name, *indexes, name, sealed)

    def _content_of(self, name: str) -> Command:
        return ("GETRANGE", self.prefix + name, 0, LARGEST)


def name_of(key: bytes) -> str:
    """Return the name of the session under *key*: its hex, whose first digit is the hash tag.

    A cluster keeps names with one tag together: a session and the shelf of the indexes that it is in.
    """
    text = key.hex()
    return f"{{{text[:1]}}}{text[1:]}"


def key_named(name: bytes) -> bytes:
    """Return the key of a session from its *name*; raise ValueError where it is none."""
    return bytes.fromhex(name.decode().replace("{", "", 1).replace("}", "", 1))


def _shelf(name: str) -> str:
    return name[:3]


def _read(raw: bytes) -> SessionRecord | None:
    """Return the record in *raw*, None where there is none, or something that we did not write."""
    if not raw or len(raw) > LARGEST:
        return None
    try:
        record = msgspec.json.decode(raw, type=SessionRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    moments = (record.created_at, record.ends_at, record.seen_at)
    return record if all(0 <= moment < LATEST for moment in moments) else None
