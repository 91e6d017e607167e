"""Buckets on Redis count as those in memory do, for all who share them, at one stroke."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.errors import StoreUnavailable
from gateway.store import redis_server
from gateway.store.redis_cluster import RedisCluster
from gateway.store.redis_rates import RedisBuckets
from gateway.store.redis_sentinel import RedisBehindSentinels
from gateway.store.redis_server import Place, RedisLogin, RedisServer
from gateway.store.redis_topology import OneServer, Topology
from tests.fakes.redis_process import RedisProcess, redis_process
from tests.fakes.redis_topologies import MASTER, RedisTopology, shared_cluster, shared_sentinel

HOUR = 3600.0


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no call fail because the machine is busy: it may have been counted all the same."""
    monkeypatch.setattr(redis_server, "DEADLINE", 20.0)


@dataclass
class There:
    """A Redis, by those who keep it and by those who ask it."""

    kept: RedisProcess | RedisTopology
    connect: Callable[[], Topology]


@asynccontextmanager
async def _one() -> AsyncIterator[There]:
    async with redis_process() as process:
        place = Place("127.0.0.1", process.port)
        yield There(process, lambda: OneServer(RedisServer(place, RedisLogin(), monotonic=time.monotonic)))


@asynccontextmanager
async def _sentinel() -> AsyncIterator[There]:
    kept = shared_sentinel()
    await kept.empty()
    places = [Place("127.0.0.1", port) for port in kept.sentinels]

    def connect() -> Topology:
        return RedisBehindSentinels(
            places, MASTER, RedisLogin(), as_asker=RedisLogin(), monotonic=time.monotonic
        )

    yield There(kept, connect)


@asynccontextmanager
async def _cluster() -> AsyncIterator[There]:
    kept = shared_cluster()
    await kept.empty()
    places = [Place("127.0.0.1", port) for port in kept.servers]
    yield There(kept, lambda: RedisCluster(places, RedisLogin(), monotonic=time.monotonic))


_KINDS = {"one server": _one, "behind Sentinels": _sentinel, "a cluster": _cluster}


@pytest.fixture(params=_KINDS)
async def there(request: pytest.FixtureRequest, needs: Callable[[str], str]) -> AsyncIterator[There]:
    needs("redis-server")
    async with _KINDS[request.param]() as place:
        yield place


@pytest.fixture
async def single(needs: Callable[[str], str]) -> AsyncIterator[There]:
    needs("redis-server")
    async with _one() as place:
        yield place


@asynccontextmanager
async def asking(place: There, *, scope: str = "here") -> AsyncIterator[RedisBuckets]:
    """Ask as one node does."""
    redis = place.connect()
    try:
        yield RedisBuckets(redis, scope=scope)
    finally:
        await redis.close()


async def test_a_full_bucket_is_emptied_and_told_when_it_is_full_again(there: There) -> None:
    async with asking(there) as buckets:
        ahead = [await buckets.take("ann", requests=4, per=HOUR) for _ in range(6)]
    assert ahead[:4] == pytest.approx([900, 1800, 2700, 3600], abs=60)
    assert ahead[4:] == pytest.approx([4500, 4500], abs=60)
    assert min(ahead[4:]) > HOUR


async def test_many_buckets_of_one_name_or_another_are_apart(there: There) -> None:
    async with asking(there) as buckets, asking(there, scope="elsewhere") as others:
        for name in range(20):
            assert await buckets.take(f"n{name}", requests=1, per=HOUR) <= HOUR
        assert await buckets.take("n3", requests=1, per=HOUR) > HOUR
        assert await others.take("n3", requests=1, per=HOUR) <= HOUR
    assert len(await there.kept.named("rate")) == 21


async def test_nodes_that_ask_at_once_never_get_more_than_there_is(there: There) -> None:
    async with asking(there) as one, asking(there) as other:
        takes = [node.take("ann", requests=10, per=HOUR) for node in (one, other) for _ in range(20)]
        ahead = await asyncio.gather(*takes)
    assert sum(each <= HOUR for each in ahead) == 10


async def test_what_is_kept_goes_when_the_bucket_is_full_and_names_nobody(single: There) -> None:
    async with asking(single) as buckets:
        await buckets.take("user\0u-1", requests=4, per=HOUR)
    [name] = await single.kept.named("rate")
    assert b"u-1" not in name
    assert 0 < await single.kept.ask("PTTL", name) <= 900_000


async def test_a_limit_that_was_made_tighter_does_not_shut_out_for_the_old_time(single: There) -> None:
    async with asking(single) as buckets:
        await buckets.take("ann", requests=1, per=30 * 86_400.0)
        ahead = await buckets.take("ann", requests=1, per=10.0)
        assert 10 < ahead <= 20


async def test_a_bucket_fills_again(single: There) -> None:
    async with asking(single) as buckets:
        for _ in range(5):
            await buckets.take("ann", requests=5, per=0.5)
        async with asyncio.timeout(20):
            while await buckets.take("ann", requests=5, per=0.5) > 0.5:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("junk", [b"x", b"", b"nan", b"1e999", b"-1e999", b"9" * 400])
async def test_D02_junk_shuts_nobody_out_for_longer_than_the_limit(single: There, junk: bytes) -> None:
    async with asking(single) as buckets:
        await buckets.take("ann", requests=2, per=HOUR)
        [name] = await single.kept.named("rate")
        await single.kept.ask("SET", name, junk)
        assert 0 < await buckets.take("ann", requests=2, per=HOUR) <= 2 * HOUR


@pytest.mark.parametrize("answer", [None, b"", b"soon", [b"1"]])
async def test_D02_an_answer_that_is_no_number_is_an_outage(answer: object) -> None:
    class Odd:
        async def ask(self, *_: object) -> list[object]:
            return [answer]

    with pytest.raises(StoreUnavailable):
        await RedisBuckets(Odd(), scope="here").take("ann", requests=1, per=HOUR)  # type: ignore[arg-type]


async def test_D02_a_key_of_another_kind_and_a_server_that_is_down_are_outages(single: There) -> None:
    assert isinstance(single.kept, RedisProcess)
    async with asking(single) as buckets:
        await buckets.take("ann", requests=2, per=HOUR)
        [name] = await single.kept.named("rate")
        await single.kept.ask("DEL", name)
        await single.kept.ask("LPUSH", name, "x")
        with pytest.raises(StoreUnavailable):
            await buckets.take("ann", requests=2, per=HOUR)
        await single.kept.stop()
        with pytest.raises(StoreUnavailable):
            await buckets.take("bob", requests=2, per=HOUR)
