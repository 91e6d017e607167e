import time
from collections.abc import Callable

import pytest

from gateway.errors import StoreUnavailable
from gateway.store.redis_cluster import RedisCluster
from gateway.store.redis_server import Command, Place, RedisLogin
from tests.fakes.ports import free_port
from tests.fakes.redis_topologies import asked_at, shared_cluster


@pytest.fixture(autouse=True)
def real(needs: Callable[[str], str]) -> None:
    needs("redis-server")


def cluster(*ports: int) -> RedisCluster:
    return RedisCluster([Place("127.0.0.1", port) for port in ports], RedisLogin(), monotonic=time.monotonic)


async def test_each_command_goes_where_its_key_is_and_answers_keep_their_order() -> None:
    redis = cluster(free_port(), next(iter(shared_cluster().servers)))
    commands: list[Command] = [("SET", f"k{number}", number) for number in range(60)]
    assert await redis.ask(*commands) == [True] * 60
    answers = await redis.ask(*(("GET", f"k{number}") for number in range(60)))
    assert answers == [str(number).encode() for number in range(60)]
    assert {node.place.port for node in await redis.servers()} == set(shared_cluster().servers)
    await redis.ping()
    assert not await redis.may_evict()
    await redis.close()


async def test_a_key_that_moved_is_followed_and_its_new_holder_known(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = shared_cluster().servers
    redis = cluster(first)
    await redis.ask(("SET", "here", "1"))
    monkeypatch.setattr(redis, "_spans", ((0, 16383, Place("127.0.0.1", first)),))
    monkeypatch.setattr(redis, "_holders", frozenset({Place("127.0.0.1", first)}))
    for number in range(10):
        assert await redis.ask(("SET", f"k{number}", "1")) == [True]
    assert {node.place.port for node in redis.known()} & set(others)
    await redis.close()


async def test_no_node_at_all_and_what_a_node_refuses_are_outages() -> None:
    for redis in (cluster(free_port()), cluster(*shared_cluster().servers)):
        with pytest.raises(StoreUnavailable):
            await redis.ask(("LPUSH", "a"))
        await redis.close()


async def test_a_node_that_is_no_cluster_is_an_outage(needs: Callable[[str], str]) -> None:
    from tests.fakes.redis_process import redis_process

    async with redis_process() as alone:
        redis = cluster(alone.port)
        with pytest.raises(StoreUnavailable):
            await redis.ping()
        await redis.close()
        assert await asked_at(alone.port, "PING")


async def test_who_is_closed_connects_to_no_node_that_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    redis = cluster(*shared_cluster().servers)
    await redis.ping()
    await redis.close()
    monkeypatch.setattr(redis, "_holders", frozenset({Place("127.0.0.1", free_port())}))
    for verb in (redis.servers, redis.ping):
        with pytest.raises(StoreUnavailable, match="closed"):
            await verb()
