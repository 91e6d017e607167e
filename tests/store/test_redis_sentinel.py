import time
from collections.abc import Callable

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
    return RedisBehindSentinels(places, name, RedisLogin(), monotonic=time.monotonic)


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
