import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from redis.exceptions import ResponseError

from gateway.errors import StoreUnavailable
from gateway.store.redis_server import (
    CALLS,
    Place,
    RedisLogin,
    RedisServer,
    key_of,
    redis_outages_told,
    unrefused,
)
from tests.fakes.ports import free_port
from tests.fakes.redis_process import RedisProcess, redis_process


def server_at(port: int, *, master_only: bool = False) -> RedisServer:
    place = Place("127.0.0.1", port)
    return RedisServer(place, RedisLogin(), monotonic=time.monotonic, master_only=master_only)


@pytest.fixture
async def redis(needs: Callable[[str], str]) -> AsyncIterator[RedisProcess]:
    needs("redis-server")
    async with redis_process() as process:
        yield process


async def test_it_answers(redis: RedisProcess) -> None:
    server = server_at(redis.port)
    await server.ping()
    assert not await server.may_evict()
    await redis.ask("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    assert await server.may_evict()
    await server.close()


@pytest.mark.parametrize("key", ["a", b"a"])
def test_a_command_is_about_its_second_word_and_a_script_about_its_first_key(key: str | bytes) -> None:
    assert key_of(("GET", key)) == key_of(("EVAL", "return 1", 1, key, "x")) == b"a"


async def test_answers_come_in_order_and_a_refusal_among_them(redis: RedisProcess) -> None:
    server = server_at(redis.port)
    answers = await server.answers(("SET", "a", "1"), ("LPUSH", "a", "x"), ("GET", "a"))
    assert (answers[0], answers[2]) == (True, b"1")
    assert isinstance(answers[1], ResponseError)
    with pytest.raises(StoreUnavailable, match="refuses"):
        unrefused(answers)
    await server.close()


async def test_D03_a_replica_is_not_asked_where_only_a_master_will_do(redis: RedisProcess) -> None:
    server = server_at(redis.port, master_only=True)
    await server.ping()
    await redis.ask("REPLICAOF", "127.0.0.1", free_port())
    await redis.ask("CLIENT", "KILL", "TYPE", "normal")
    with pytest.raises(StoreUnavailable):
        await server.answers(("GET", "a"))
    await server.close()


async def test_F11_a_refused_call_fails_at_once_and_a_broken_server_is_left_alone() -> None:
    server = server_at(free_port())
    began = time.monotonic()
    for _ in range(50):
        with pytest.raises(StoreUnavailable):
            await server.ping()
    assert time.monotonic() - began < 5  # fifty deadlines would be twelve
    await server.close()


@pytest.mark.hurried
async def test_F11_a_hung_server_costs_one_deadline(redis: RedisProcess) -> None:
    server = server_at(redis.port)
    await server.ping()
    redis.hang()
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="Timeout"):
        await server.ping()
    assert time.monotonic() - began < 5  # not the hours that it hangs
    redis.go_on()
    await server.ping()
    await server.close()


@pytest.mark.hurried
async def test_F11_waiters_are_capped(redis: RedisProcess) -> None:
    server = server_at(redis.port)
    redis.hang()
    calls = [asyncio.create_task(server.ping()) for _ in range(CALLS + 50)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert sum("too many" in str(answer) for answer in answers) == 50
    redis.go_on()
    await server.close()


async def test_D07_what_redis_says_stays_at_the_border() -> None:
    with pytest.raises(StoreUnavailable) as told, redis_outages_told():
        raise ResponseError("WRONGPASS canary")
    assert "canary" not in f"{told.value} {told.value.__cause__}"


async def test_a_cancellation_that_was_kept_secret_is_one_again() -> None:
    async def swallowing() -> None:
        with redis_outages_told():
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                raise ConnectionError("connecting was cancelled") from None

    task = asyncio.create_task(swallowing())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_what_is_asked_after_the_end_connects_to_nobody(redis: RedisProcess) -> None:
    server = server_at(redis.port)
    await server.ping()
    await server.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await server.ping()


async def test_a_call_under_way_at_the_end_finishes_and_leaves_no_connection(
    redis: RedisProcess,
) -> None:
    server = server_at(redis.port)
    calling, go_on = asyncio.Event(), asyncio.Event()

    async def call() -> None:
        async with server.asked() as client:
            await client.ping()
            calling.set()
            await go_on.wait()
            await client.ping()

    under_way = asyncio.create_task(call())
    await calling.wait()
    closing = asyncio.create_task(server.close())
    await asyncio.wait([closing], timeout=0.05)
    go_on.set()
    await under_way
    await closing
    clients = (await redis.ask("CLIENT", "LIST")).splitlines()
    assert len(clients) == 1, "but for the one who asks"
