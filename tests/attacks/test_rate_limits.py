"""A route's rate limit, over sockets and in both lanes."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.store import redis_server
from tests.fakes.front import ask, front
from tests.fakes.raw_client import get, send_raw
from tests.fakes.redis_process import RedisProcess, redis_process
from tests.fakes.scene import Scene, scene

SHARED = 'rate_limit = { requests = 3, per = "1h", store = "redis" }'
LIMIT = 'rate_limit = { requests = 3, per = "1h" }'
GET = ask(b"GET /x HTTP/1.1")


@pytest.mark.parametrize("fast_lane", [True, False])
async def test_beyond_the_limit_nothing_reaches_the_app(tmp_path: Path, *, fast_lane: bool) -> None:
    async with front(tmp_path, route_keys=f'access = "public"\n{LIMIT}', fast_lane=fast_lane) as door:
        async with await door.open() as client:
            for left in (2, 1, 0):
                await client.write(GET)
                passed = await client.answer()
                assert passed.status == 200
                assert passed.values("ratelimit-policy") == [b'"route";q=3;w=3600']
                [told] = passed.values("ratelimit")
                assert told.startswith(b'"route";r=%d;t=' % left)
                assert 1200 * (3 - left) - 60 < int(told.rpartition(b"=")[2]) <= 1200 * (3 - left)
            for _ in range(3):
                await client.write(GET)
                refused = await client.answer()
                assert refused.status == 429
                assert refused.values("ratelimit-policy") == [b'"route";q=3;w=3600']
                (after,) = refused.values("retry-after")
                assert 1100 < int(after) <= 1200
                assert refused.values("ratelimit") == [b'"route";r=0;t=' + after]
        assert len(door.upstream.requests) == 3


@pytest.mark.parametrize(("by", "passed"), [("user", 6), ("address", 6), ("route", 3)])
async def test_addresses_are_counted_each_for_themselves_or_all_of_a_route_together(
    tmp_path: Path, by: str, passed: int
) -> None:
    keys = f'access = "public"\n{LIMIT}'.replace("}", f', by = "{by}" }}')
    async with front(tmp_path, route_keys=keys, top='trusted_proxies = ["127.0.0.0/8"]') as door:
        statuses = [
            (await door.send(ask(b"GET /x HTTP/1.1", b"X-Forwarded-For: " + caller))).status
            for _ in range(4)
            for caller in (b"192.0.2.1", b"192.0.2.2")
        ]
        assert statuses == [200] * passed + [429] * (8 - passed)


@pytest.mark.parametrize("fast_lane", [True, False])
async def test_what_an_app_says_of_its_own_limits_stands_beside_ours(
    tmp_path: Path, *, fast_lane: bool
) -> None:
    async with front(tmp_path, route_keys=f'access = "public"\n{LIMIT}', fast_lane=fast_lane) as door:
        door.upstream.answer_with(
            b'HTTP/1.1 200 OK\r\nRateLimit: "app";r=5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
            b"nonsense\r\n\r\n",
        )
        answer = await door.send(GET)
        assert [value.partition(b";t=")[0] for value in answer.values("ratelimit")] == [
            b'"app";r=5',
            b'"route";r=2',
        ]
        answer = await door.send(GET)
        assert answer.status == 502
        assert [value.partition(b";t=")[0] for value in answer.values("ratelimit")] == [b'"route";r=1']


async def test_a_route_without_a_limit_says_nothing_of_one(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        answer = await door.send(GET)
        assert not answer.values("ratelimit") + answer.values("ratelimit-policy")


@pytest.mark.parametrize("by", ["address", "route"])
async def test_users_are_counted_together_where_that_is_said(tmp_path: Path, by: str) -> None:
    async with scene(tmp_path, route_keys=LIMIT.replace("}", f', by = "{by}" }}')) as at:
        alice, bob = [await at.signed_in(name) for name in ("alice", "bob")]  # each of whom asks once
        statuses = [(await each.fetch(at.url + "/x")).status for each in (alice, bob, alice)]
        assert statuses == [200, 429, 429]


async def test_users_are_counted_each_for_themselves_and_strangers_not_at_all(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=LIMIT) as at:
        stranger = at.gate.browser()
        for _ in range(5):
            assert (await stranger.fetch(at.url + "/x")).status == 401
        for name in ("alice", "bob"):
            browser = await at.signed_in(name)  # which asks once
            statuses = [(await browser.fetch(at.url + "/x")).status for _ in range(3)]
            assert statuses == [200, 200, 429]
        decisions = [line for line in at.gate.lines() if line.get("reason") == "rate_limit"]
    assert all(line["decision"] == "deny" for line in decisions)


# Counted together, on a Redis

TABLES = """
[redis]
url = "{redis}"
[[routes]]
path = "/free"
upstream = "{app}"
"""


@pytest.fixture
async def redis(needs: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisProcess]:
    """A Redis whose answers are waited for, however busy the machine is."""
    needs("redis-server")
    monkeypatch.setattr(redis_server, "DEADLINE", 20.0)
    async with redis_process() as process:
        yield process


def tables(redis: RedisProcess) -> str:
    return TABLES.replace("{redis}", redis.url)


async def fallbacks(at: Scene) -> bytes:
    answer, _ = await send_raw(at.gate.admin_port, get("/metrics", host="127.0.0.1"))
    [line] = [each for each in answer.body.splitlines() if each.startswith(b"gateway_rate_limit_fallbacks_t")]
    return line.split()[1]


async def test_nodes_that_share_a_redis_count_together(tmp_path: Path, redis: RedisProcess) -> None:
    async with scene(tmp_path, route_keys=SHARED, tables=tables(redis)) as at, at.node() as second:
        alice = await at.signed_in("alice", "/free")
        statuses = []
        for gate in (at.gate, second, at.gate, second):
            at.visits(alice, gate)
            statuses.append((await alice.fetch(at.url + "/x")).status)
        assert statuses == [200, 200, 200, 429]
        assert await fallbacks(at) == b"0.0"


async def test_D01_an_outage_lets_each_node_count_for_itself_and_is_told(
    tmp_path: Path, redis: RedisProcess
) -> None:
    async with scene(tmp_path, route_keys=SHARED, tables=tables(redis)) as at:
        alice = await at.signed_in("alice", "/free")
        assert (await alice.fetch(at.url + "/x")).status == 200
        await redis.stop()
        statuses = [(await alice.fetch(at.url + "/x")).status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert await fallbacks(at) == b"4.0"
    assert len(at.gate.events("rate_limit.alone")) == 1


async def test_a_redis_that_is_down_at_the_start_keeps_nobody_out(
    tmp_path: Path, redis: RedisProcess
) -> None:
    await redis.stop()
    async with scene(tmp_path, route_keys=SHARED, tables=tables(redis)) as at:
        alice = await at.signed_in("alice", "/free")
        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_routes_without_such_a_limit_ask_nobody(tmp_path: Path, redis: RedisProcess) -> None:
    async with scene(tmp_path, route_keys=SHARED, tables=tables(redis)) as at:
        alice = await at.signed_in("alice", "/free")
        redis.hang()
        for _ in range(5):
            assert (await alice.fetch(at.url + "/free")).status == 200
        assert await fallbacks(at) == b"0.0"
        redis.go_on()
        assert await redis.named("rate") == []
