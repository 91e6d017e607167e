import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.store.redis import name_of
from gateway.store.redis_bus import RedisBus
from gateway.store.redis_server import Place, RedisLogin, RedisServer
from gateway.store.redis_topology import OneServer
from tests.fakes.listener import KeptNews
from tests.fakes.redis_process import RedisProcess, redis_process

KEY = b"\x01" * 32
NAME = f"a:session:{name_of(KEY)}"


@pytest.fixture
async def redis(needs: Callable[[str], str]) -> AsyncIterator[RedisProcess]:
    needs("redis-server")
    async with redis_process() as process:
        yield process


@asynccontextmanager
async def followed(redis: RedisProcess) -> AsyncIterator[KeptNews]:
    news = KeptNews()
    server = RedisServer(Place("127.0.0.1", redis.port), RedisLogin(), monotonic=time.monotonic)
    following = asyncio.create_task(
        RedisBus(OneServer(server), prefix="a:session:", monotonic=time.monotonic).follow(news)
    )
    try:
        yield news
    finally:
        following.cancel()
        await asyncio.wait([following])
        await server.close()


async def test_B064_each_change_of_a_session_is_told_by_its_key_before_a_later_moment_is_proven(
    redis: RedisProcess,
) -> None:
    async with followed(redis) as news:
        await news.until("all")
        changes = [("SET", NAME, "x"), ("EXPIRE", NAME, 100), ("SET", "a:other", "x"), ("DEL", NAME)]
        for change in changes:
            await redis.ask(*change)
            await news.proof_after(time.monotonic())
        assert news.told == ["all", KEY, KEY, KEY]


async def test_B065_a_flush_drops_all_and_a_name_that_is_no_key_nothing(redis: RedisProcess) -> None:
    async with followed(redis) as news:
        await news.until("all")
        await redis.ask("SET", "a:session:no hex", "x")
        await redis.ask("FLUSHALL")
        await news.until("all", "all")


async def test_B065_expiry_is_told(redis: RedisProcess) -> None:
    async with followed(redis) as news:
        await news.until("all")
        await redis.ask("SET", NAME, "x", "PX", 30)
        await news.until("all", KEY, KEY)


@pytest.mark.hurried
async def test_B065_a_hang_proves_nothing_and_a_reconnect_drops_all_first(redis: RedisProcess) -> None:
    async with followed(redis) as news:
        await news.until("all")
        redis.hang()
        await news.until("all", "broke")
        redis.go_on()
        async with asyncio.timeout(5):
            while news.told[-1] != "all":
                await asyncio.sleep(0.01)
        await news.proof_after(time.monotonic())
        await redis.ask("SET", NAME, "x")
        async with asyncio.timeout(5):
            while news.told[-1] != KEY:
                await asyncio.sleep(0.01)


async def test_it_ends_when_it_is_told_to_at_any_moment(redis: RedisProcess) -> None:
    for number in range(30):
        async with followed(redis):
            await asyncio.sleep(number / 3000)
