import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from gateway.errors import StoreUnavailable
from gateway.store.redis_sentinel import RedisBehindSentinels
from gateway.store.redis_server import Place, RedisLogin
from tests.fakes.ports import free_port
from tests.fakes.redis_topologies import MASTER, asked_at, shared_sentinel


@pytest.fixture(autouse=True)
def real(needs: Callable[[str], str]) -> None:
    needs("redis-server")


def behind(*ports: int, name: str = MASTER) -> RedisBehindSentinels:
    places = [Place("127.0.0.1", port) for port in ports]
    return RedisBehindSentinels(places, name, RedisLogin(), as_asker=RedisLogin(), monotonic=time.monotonic)


async def test_the_master_is_asked_even_where_a_sentinel_is_down() -> None:
    redis = behind(free_port(), *shared_sentinel().sentinels)
    assert redis.known() == ()
    assert await redis.ask(("SET", "a", "1"), ("GET", "a")) == [True, b"1"]
    [master] = await redis.servers()
    assert (await asked_at(master.place.port, "ROLE"))[0] == b"master"
    await redis.ping()
    assert not await redis.may_evict()
    await redis.close()


async def test_a_name_that_no_sentinel_knows_and_no_sentinel_at_all_are_outages() -> None:
    for redis in (behind(*shared_sentinel().sentinels, name="other"), behind(free_port())):
        for verb in (redis.ping, redis.servers, lambda redis=redis: redis.ask(("GET", "a"))):
            with pytest.raises(StoreUnavailable):
                await verb()
        await redis.close()


async def test_what_the_master_refuses_is_an_outage_without_its_words() -> None:
    redis = behind(*shared_sentinel().sentinels)
    with pytest.raises(StoreUnavailable) as refused:
        await redis.ask(("NOSUCH", "canary"))
    assert "canary" not in str(refused.value)
    await redis.close()


GARBAGE = (
    b"*1\r\n$4\r\nhost\r\n",
    b"*2\r\n$0\r\n\r\n$4\r\n6379\r\n",
    b"*2\r\n$4\r\nhost\r\n$4\r\nport\r\n",
    b"*2\r\n$4\r\nhost\r\n$6\r\n700000\r\n",
    b"*2\r\n$2\r\n\xff\xfe\r\n$4\r\n6379\r\n",
    b"*3\r\n:1\r\n:2\r\n:3\r\n",
    b":7\r\n",
    b"+OK\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x00\x01\x02 garbage\r\n",
)


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_D08_a_sentinel_that_talks_nonsense_is_an_outage(garbage: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(4096):
                writer.write(garbage)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    redis = behind(server.sockets[0].getsockname()[1])
    try:
        with pytest.raises(StoreUnavailable):
            await redis.servers()
        assert redis.known() == ()
    finally:
        await redis.close()
        server.close()
        await asyncio.sleep(0.01)
