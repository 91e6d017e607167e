"""A Redis as it is configured, and the topology that asks it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gateway.store.redis_cluster import RedisCluster
from gateway.store.redis_sentinel import RedisBehindSentinels
from gateway.store.redis_server import Place, RedisLogin, RedisServer
from gateway.store.redis_topology import OneServer, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisAccount:
    """What there is of a Redis, and as whom it is asked.

    `places` are those of the server, of Sentinels, or of nodes of a cluster; `master` is the name
    that Sentinels know, `sentinel_login` as whom these are asked.
    """

    kind: Literal["server", "sentinel", "cluster"]
    places: tuple[Place, ...]
    login: RedisLogin
    sentinel_login: RedisLogin = field(default_factory=RedisLogin)
    master: str = ""


def connected(account: RedisAccount, *, monotonic: Callable[[], float]) -> Topology:
    """Return the Redis of *account*; nothing is asked yet. Raises StoreUntrusted for unfit files."""
    places, login = account.places, account.login
    if account.kind == "sentinel":
        return RedisBehindSentinels(
            places, account.master, login, as_asker=account.sentinel_login, monotonic=monotonic
        )
    if account.kind == "cluster":
        return RedisCluster(places, login, monotonic=monotonic)
    return OneServer(RedisServer(places[0], login, monotonic=monotonic))
