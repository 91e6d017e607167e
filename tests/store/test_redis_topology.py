import time
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.errors import StoreUnavailable
from gateway.store.redis_server import Place, RedisLogin, RedisServer
from gateway.store.redis_topology import OneServer
from tests.fakes.redis_process import RedisProcess, redis_process


@pytest.fixture
async def process(needs: Callable[[str], str]) -> AsyncIterator[RedisProcess]:
    needs("redis-server")
    async with redis_process() as process:
        yield process


async def test_one_server_answers_all_and_what_it_refuses_is_an_outage(process: RedisProcess) -> None:
    server = RedisServer(Place("127.0.0.1", process.port), RedisLogin(), monotonic=time.monotonic)
    redis = OneServer(server)
    assert await redis.ask(("SET", "a", "1"), ("GET", "a")) == [True, b"1"]
    assert redis.known() == await redis.servers() == (server,)
    with pytest.raises(StoreUnavailable):
        await redis.ask(("LPUSH", "a", "x"))
    await redis.ping()
    assert not await redis.may_evict()
    await process.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert await redis.may_evict()
    await process.stop()
    assert not await redis.may_evict()
    await redis.close()
