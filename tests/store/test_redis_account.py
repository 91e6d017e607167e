import time

import pytest

from gateway.store.redis_account import RedisAccount, connected
from gateway.store.redis_cluster import RedisCluster
from gateway.store.redis_sentinel import RedisBehindSentinels
from gateway.store.redis_server import Place, RedisLogin
from gateway.store.redis_topology import OneServer, Topology


@pytest.mark.parametrize(
    ("kind", "made"), [("server", OneServer), ("sentinel", RedisBehindSentinels), ("cluster", RedisCluster)]
)
async def test_D07_each_kind_has_its_topology_and_no_text_of_it_the_password(
    kind: str, made: type[Topology]
) -> None:
    login = RedisLogin(password="canary")
    account = RedisAccount(kind=kind, places=(Place("127.0.0.1", 1),), login=login, master="main")  # type: ignore[arg-type]
    redis = connected(account, monotonic=time.monotonic)
    assert type(redis) is made
    assert "canary" not in f"{account!r} {redis!r}"
    await redis.close()
