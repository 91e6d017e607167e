import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from gateway.errors import StoreUnavailable
from gateway.model.session import SessionRecord, Standing, session_key
from gateway.store import redis
from gateway.store.redis import GRACE, LARGEST, RedisSessions, key_named, name_of
from gateway.store.redis_server import Place, RedisLogin, RedisServer
from gateway.store.redis_topology import OneServer
from tests.fakes.records import record
from tests.fakes.redis_process import RedisProcess, redis_process

NOW = int(time.time())  # Redis expires by its own clock
STANDING = Standing(
    enabled=True,
    epoch=0,
    denied=False,
    email=None,
    email_verified=False,
    name=None,
    image=None,
    roles=("admin",),
)


@dataclass
class Shelf:
    process: RedisProcess
    redis: OneServer
    sessions: RedisSessions

    async def holds(self, *names: str) -> list[bool]:
        return [await self.sessions.find(session_key(name)) is not None for name in names]


def made(name: str, user_id: str = "u", **changes: int) -> SessionRecord:
    return record(name, user_id, **{"created_at": NOW, "seen_at": NOW, "ends_at": NOW + 1000, **changes})


@pytest.fixture
async def shelf(needs: Callable[[str], str]) -> AsyncIterator[Shelf]:
    needs("redis-server")

    async def standing(record: SessionRecord) -> Standing | None:
        return STANDING if record.user_id == "u" else None

    async with redis_process() as process:
        place = Place("127.0.0.1", process.port)
        server = OneServer(RedisServer(place, RedisLogin(), monotonic=time.monotonic))
        yield Shelf(process, server, RedisSessions(server, standing=standing, scope="here"))
        await server.close()


async def test_what_is_added_is_found_with_its_user_and_expires_by_itself(shelf: Shelf) -> None:
    mine = made("one")
    await shelf.sessions.add(mine)
    found = await shelf.sessions.find(mine.key)
    assert found is not None
    assert (found.record, found.standing) == (mine, STANDING)
    [name] = await shelf.process.named("session")
    assert await shelf.process.ask("EXPIRETIME", name) == mine.ends_at + GRACE


async def test_no_key_is_written_without_an_expiry(shelf: Shelf) -> None:
    mine = made("one")
    await shelf.sessions.add(mine)
    names = await shelf.process.ask("KEYS", "*")
    assert len(names) == 5
    for name in names:
        assert await shelf.process.ask("EXPIRETIME", name) == mine.ends_at + GRACE


async def test_an_index_lives_as_long_as_the_longest_session_in_it(shelf: Shelf) -> None:
    """Also where `max_age` was lowered meanwhile, and is raised again."""
    mine = made("one", ends_at=NOW + 1000)
    await shelf.sessions.add(mine)
    # For its name alone: this one ends sooner, on every shelf.
    for number in range(100):
        await shelf.sessions.add(made(f"later {number}", ends_at=NOW + 100))
    name = name_of(mine.key)
    for index in ("user", "begun", "ends", "seen"):
        for key in await shelf.process.named(index):
            if await shelf.process.ask("ZSCORE", key, name) is not None:
                assert abs(await shelf.process.ask("EXPIRETIME", key) - mine.ends_at - GRACE) <= 1


@given(st.binary(min_size=32, max_size=32))
def test_a_name_is_that_of_one_key_and_its_shelf_the_tag(key: bytes) -> None:
    name = name_of(key)
    assert key_named(name.encode()) == key
    assert key_slot(f"vestibule:x:session:{name}".encode()) == key_slot(name[1].encode())


async def test_gateways_that_share_a_server_do_not_see_each_other_s(shelf: Shelf) -> None:
    async def standing(_: SessionRecord) -> Standing | None:
        return STANDING

    other = RedisSessions(shelf.redis, standing=standing, scope="there")
    await shelf.sessions.add(made("one"))
    assert await other.find(session_key("one")) is None


async def test_a_touch_moves_forward_only_and_makes_nothing(shelf: Shelf) -> None:
    mine = made("one")
    await shelf.sessions.add(mine)
    for moment in (NOW + 60, NOW + 30):
        await shelf.sessions.touch({mine.key: moment, session_key("gone"): moment})
    found = await shelf.sessions.find(mine.key)
    assert found is not None
    assert found.record.seen_at == NOW + 60
    assert [await shelf.process.ask("ZCARD", each) for each in await shelf.process.named("seen")] == [1]


async def test_B110_a_removal_leaves_nothing_and_may_be_repeated(shelf: Shelf) -> None:
    mine = made("one")
    await shelf.sessions.add(mine)
    for _ in range(2):
        await shelf.sessions.remove(mine.key)
    assert await shelf.process.ask("KEYS", "*") == []


async def test_B103_a_sweep_takes_what_is_over_and_returns_it_once(shelf: Shelf) -> None:
    await shelf.sessions.add(made("over", ends_at=NOW))
    await shelf.sessions.add(made("old", created_at=NOW - 500))
    await shelf.sessions.add(made("idle", seen_at=NOW - 100))
    await shelf.sessions.add(made("well"))
    keys = []
    while gone := await shelf.sessions.sweep(now=NOW, begun_before=NOW - 500, seen_before=NOW - 99):
        keys += [each.key for each in gone]
    assert len(keys) == 3
    assert set(keys) == {session_key(name) for name in ("over", "old", "idle")}
    assert await shelf.sessions.sweep(now=NOW, begun_before=NOW - 500, seen_before=None) == ()
    assert await shelf.holds("well") == [True]


async def test_pages_hold_each_session_once_and_begin_anew(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "PAGE", 2)
    kept = [made(f"{number}") for number in range(40)]
    for each in kept:
        await shelf.sessions.add(each)
    gone, strayed, other = (shelf.sessions.prefix + name_of(each.key) for each in kept[:3])
    await shelf.process.ask("DEL", gone)
    await shelf.process.ask("SET", strayed, await shelf.process.ask("GET", other))
    for _ in range(2):
        pages = []
        while (page := await shelf.sessions.page()) is not None:
            pages.append(page)
        found = [each for page in pages for each in page]
        assert max(map(len, pages)) == 2
        assert sorted(found, key=lambda each: each.key) == sorted(kept[2:], key=lambda each: each.key)


async def test_a_shelf_that_does_not_answer_keeps_no_other_waiting_to_be_looked_through(shelf: Shelf) -> None:
    await shelf.sessions.add(made("one"))
    [index] = await shelf.process.named("begun")
    await shelf.process.ask("SET", index, "no index")
    outages = calls = 0
    while calls < 18:
        calls += 1
        try:
            if await shelf.sessions.page() is None:
                break
        except StoreUnavailable:
            outages += 1
    assert (outages, calls) == (1, 17)


async def test_only_what_is_as_it_was_read_is_discarded_and_leaves_nothing(shelf: Shelf) -> None:
    read = [made(name) for name in ("one", "two", "gone")]
    for each in read[:2]:
        await shelf.sessions.add(each)
    await shelf.sessions.touch({read[0].key: NOW + 60})
    await shelf.sessions.add(replace(read[1], sealed="kept anew"))
    assert await shelf.sessions.discard(read) == (read[0],)
    assert await shelf.holds("one", "two", "gone") == [False, True, False]
    assert len(await shelf.process.ask("KEYS", "*")) == 5
    [mine] = await shelf.process.named("user")
    assert await shelf.process.ask("ZRANGE", mine, 0, -1) == [name_of(read[1].key).encode()]
    await shelf.sessions.remove(read[1].key)
    assert await shelf.process.ask("KEYS", "*") == []


async def test_B103_of_two_who_sweep_at_once_one_is_told_of_each_session(shelf: Shelf) -> None:
    over = [made(f"{number}", ends_at=NOW) for number in range(20)]
    for each in over:
        await shelf.sessions.add(each)
    told: list[SessionRecord] = []

    async def sweep() -> None:
        while gone := await shelf.sessions.sweep(now=NOW, begun_before=0, seen_before=None):
            told.extend(gone)

    await asyncio.gather(sweep(), sweep())
    assert sorted(told, key=lambda each: each.key) == sorted(over, key=lambda each: each.key)


async def test_D08_what_cannot_be_read_is_swept_and_not_told(shelf: Shelf) -> None:
    await shelf.sessions.add(made("one", ends_at=NOW))
    [name] = await shelf.process.named("session")
    await shelf.process.ask("SET", name, "garbage")
    assert await shelf.sessions.sweep(now=NOW, begun_before=0, seen_before=None) == ()
    assert await shelf.process.named("session") == []


async def test_a_shelf_that_does_not_answer_keeps_no_other_from_being_swept(shelf: Shelf) -> None:
    over = [made(name, ends_at=NOW) for name in ("one", "two")]
    first, second = sorted(over, key=lambda each: each.key)
    assert first.key[0] >> 4 < second.key[0] >> 4
    for each in over:
        await shelf.sessions.add(each)
    await shelf.process.ask("SET", (await shelf.process.named("ends"))[0], "no index")
    assert await shelf.sessions.sweep(now=NOW, begun_before=0, seen_before=None) == (second,)
    with pytest.raises(StoreUnavailable):
        await shelf.sessions.sweep(now=NOW, begun_before=0, seen_before=None)


@pytest.mark.parametrize("raw", [b"", b"x", b"\xff", b"{}", b"[" * 5000, b" " * (LARGEST + 1)])
async def test_D08_what_we_did_not_write_is_no_session(shelf: Shelf, raw: bytes) -> None:
    await shelf.process.ask("SET", shelf.sessions.prefix + name_of(session_key("one")), raw)
    assert await shelf.holds("one") == [False]


@pytest.mark.parametrize("moment", [-1, 2**53, 2**63, 10**30])
async def test_D08_a_moment_that_is_none_makes_no_session(shelf: Shelf, moment: int) -> None:
    mine = made("one")
    await shelf.sessions.add(replace(mine, created_at=moment, ends_at=NOW + 1))
    assert await shelf.holds("one") == [False]


async def test_D08_when_a_session_was_seen_is_believed_only_where_it_is_a_moment(shelf: Shelf) -> None:
    mine = made("one")
    await shelf.sessions.add(mine)
    [index] = await shelf.process.named("seen")
    for score in ("inf", "-inf", "1e300", str(NOW - 1)):
        await shelf.process.ask("ZADD", index, score, name_of(mine.key))
        found = await shelf.sessions.find(mine.key)
        assert found is not None
        assert found.record.seen_at == NOW


@pytest.mark.parametrize(("length", "held"), [(LARGEST, True), (LARGEST + 1, False)])
async def test_D08_what_is_longer_than_any_session_is_none(shelf: Shelf, length: int, held: bool) -> None:
    await shelf.sessions.add(made("one"))
    [name] = await shelf.process.named("session")
    await shelf.process.ask("SET", name, (await shelf.process.ask("GET", name)).ljust(length))
    assert await shelf.holds("one") == [held]


async def test_D04_a_session_whose_entry_was_evicted_was_seen_when_it_began(shelf: Shelf) -> None:
    mine = made("one")
    await shelf.sessions.add(mine)
    [index] = await shelf.process.named("seen")
    await shelf.process.ask("DEL", index)
    found = await shelf.sessions.find(mine.key)
    assert found is not None
    assert found.record == mine


async def test_S14_an_answer_for_another_session_is_none(shelf: Shelf) -> None:
    await shelf.sessions.add(made("other"))
    [name] = await shelf.process.named("session")
    raw = await shelf.process.ask("GET", name)
    assert json.loads(raw)["user_id"] == "u"
    await shelf.process.ask("SET", shelf.sessions.prefix + name_of(session_key("one")), raw)
    with pytest.raises(StoreUnavailable, match="another session"):
        await shelf.sessions.find(session_key("one"))


async def test_it_answers(shelf: Shelf) -> None:
    await shelf.sessions.ping()
    await shelf.process.stop()
    with pytest.raises(StoreUnavailable):
        await shelf.sessions.ping()


async def test_B112_all_of_a_user_go_but_the_one_that_is_kept(shelf: Shelf) -> None:
    for name in ("one", "two", "three"):
        await shelf.sessions.add(made(name))
    await shelf.sessions.add(made("bob", "bob"))
    await shelf.sessions.remove_all("u", but=session_key("two"))
    assert await shelf.holds("one", "two", "three", "bob") == [False, True, False, True]
    await shelf.sessions.remove_all("u", but=None)
    assert await shelf.holds("two", "bob") == [False, True]
