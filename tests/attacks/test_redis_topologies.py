"""ATTACKS D03, D01: what a Redis of several servers may suffer, and what the gateway then does."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.fakes.browser import Browser
from tests.fakes.gateway import HOST
from tests.fakes.keepings import Keeping
from tests.fakes.outages import LIMIT, SLACK
from tests.fakes.redis_topologies import MASTER, RedisTopology, asked_at, cluster_topology, sentinel_topology
from tests.fakes.scene import COOKIE, Scene


@pytest.fixture(params=["push", "off"])
async def behind_sentinels(
    request: pytest.FixtureRequest, tmp_path: Path, needs: Callable[[str], str]
) -> AsyncIterator[Keeping]:
    needs("redis-server")
    async with sentinel_topology(tmp_path) as redis:
        yield Keeping(name=f"sentinel {request.param}", folder=tmp_path, redis=redis)


@pytest.fixture(params=["push", "off"])
async def in_cluster(
    request: pytest.FixtureRequest, tmp_path: Path, needs: Callable[[str], str]
) -> AsyncIterator[Keeping]:
    needs("redis-server")
    async with cluster_topology(tmp_path) as redis:
        yield Keeping(name=f"cluster {request.param}", folder=tmp_path, redis=redis)


def servers_of(kept: Keeping) -> RedisTopology:
    if not isinstance(kept.redis, RedisTopology):
        raise LookupError("no topology here")
    return kept.redis


def copy_of(at: Scene, browser: Browser) -> Browser:
    twin = at.gate.browser()
    twin.cookies[HOST] = dict(browser.cookies[HOST])
    return twin


async def outage_in_time(at: Scene, browser: Browser) -> None:
    """Hold that a request is 503 in time, nothing is forwarded and the cookie is kept."""
    before, cookie = len(at.app.requests), browser.cookie(at.url, COOKIE)
    began = time.monotonic()
    page = await browser.fetch(at.url + "/x")
    assert time.monotonic() - began < LIMIT + SLACK
    assert (page.status, page.set_cookies) == (503, [])
    assert int(page.answer.values("retry-after")[0]) > 0
    assert len(at.app.requests) == before
    assert browser.cookie(at.url, COOKIE) == cookie


async def master_of(redis: RedisTopology) -> int:
    [port] = [port for port in redis.running if (await asked_at(port, "ROLE"))[0] == b"master"]
    return port


async def in_step(redis: RedisTopology) -> None:
    """Wait until the replica has all that the master has."""

    async def offset(port: int) -> object:
        role = await asked_at(port, "ROLE")
        return role[1] if role[0] == b"master" else role[4]

    async with asyncio.timeout(20):
        while len({await offset(port) for port in redis.running}) > 1:
            await asyncio.sleep(0.02)


async def other_master(redis: RedisTopology) -> None:
    """Wait until the one server that is left has become the master."""
    async with asyncio.timeout(20):
        while (await asked_at(redis.running[0], "ROLE"))[0] != b"master":
            await asyncio.sleep(0.02)


async def served_again(at: Scene, browser: Browser, *, within: float) -> int:
    async with asyncio.timeout(within + SLACK):
        while (page := await browser.fetch(at.url + "/x")).status == 503:
            await asyncio.sleep(0.02)
    return page.status


@pytest.mark.hurried
async def test_D03_a_failover_is_an_outage_until_it_is_over_and_what_ended_stays_ended(
    behind_sentinels: Keeping,
) -> None:
    redis = servers_of(behind_sentinels)
    async with behind_sentinels.scene() as at:
        alice, bob = await at.signed_in(), await at.signed_in("bob")
        ended = copy_of(at, bob)
        assert (await at.signed_out(bob)).status == 303
        await in_step(redis)
        redis.stop(await master_of(redis))
        await asyncio.sleep(0.05)
        for _ in range(5):
            await outage_in_time(at, alice)
        await other_master(redis)
        assert await served_again(at, alice, within=2) == 200
        assert (await ended.fetch(at.url + "/x")).status == 401
        again = await at.signed_in("bob")
        assert (await at.session_of(again))["user"]["email"] == "bob@example.com"
        assert (await at.session_of(alice))["user"]["email"] == "alice@example.com"


async def test_D03_S20_an_ending_that_a_failover_loses_is_refused_all_the_same(
    behind_sentinels: Keeping,
) -> None:
    redis = servers_of(behind_sentinels)
    async with behind_sentinels.scene() as at:
        alice, bob = await at.signed_in(), await at.signed_in("bob")
        other = await at.signed_in()
        copies = [copy_of(at, each) for each in (other, bob)]
        kept = {name: await redis.ask("GET", name) for name in await redis.named("session")}
        await at.signed_out(alice, scope="others")
        await at.signed_out(bob)
        for name, content in kept.items():  # as a new master that heard of neither has them
            await redis.ask("SET", name, content, "EX", 1000)
        await asyncio.sleep(0.05)
        assert [(await each.fetch(at.url + "/x")).status for each in copies] == [401, 401]
        assert (await alice.fetch(at.url + "/x")).status == 200


@pytest.mark.hurried
async def test_D03_a_master_that_was_demoted_is_neither_written_nor_read(behind_sentinels: Keeping) -> None:
    redis = servers_of(behind_sentinels)
    async with behind_sentinels.scene() as at:
        alice = await at.signed_in()
        await in_step(redis)
        former = await master_of(redis)
        await asked_at(next(iter(redis.sentinels)), "SENTINEL", "FAILOVER", MASTER)
        async with asyncio.timeout(20):
            while (await asked_at(former, "ROLE"))[0] == b"master":
                await asyncio.sleep(0.02)
        assert await served_again(at, alice, within=2) == 200
        await asked_at(former, "CONFIG", "RESETSTAT")
        bob = await at.signed_in("bob")
        assert (await bob.fetch(at.url + "/x")).status == 200
        assert (await at.signed_out(bob)).status == 303
        stats = await asked_at(former, "INFO", "commandstats")
        assert not {"cmdstat_getrange", "cmdstat_zscore"} & set(stats)
        assert not [name for name, counts in stats.items() if counts.get("rejected_calls")]


@pytest.mark.hurried
async def test_D01_one_node_down_takes_only_the_sessions_that_live_there(in_cluster: Keeping) -> None:
    redis = servers_of(in_cluster)
    async with in_cluster.scene() as at:
        people: dict[int, list[Browser]] = {port: [] for port in redis.servers}
        known: set[bytes] = set()
        while not all(people.values()):
            browser = await at.signed_in()
            [name] = set(await redis.named("session")) - known
            known.add(name)
            [home] = [port for port in redis.servers if name in await asked_at(port, "KEYS", "*")]
            people[home].append(browser)
        down, *up = redis.servers
        redis.stop(down)
        await asyncio.sleep(0.05)
        for _ in range(6):
            await outage_in_time(at, people[down][0])
        for port in up:
            assert await served_again(at, people[port][0], within=2) == 200


async def test_D03_a_slot_on_its_way_is_asked_where_it_is(in_cluster: Keeping) -> None:
    redis = servers_of(in_cluster)
    async with in_cluster.scene() as at:
        alice = await at.signed_in()
        [name] = await redis.named("session")
        [home] = [port for port in redis.servers if name in await asked_at(port, "KEYS", "*")]
        other = next(port for port in redis.servers if port != home)
        slot = await asked_at(home, "CLUSTER", "KEYSLOT", name)
        ids = {port: (await asked_at(port, "CLUSTER", "MYID")) for port in (home, other)}
        await asked_at(other, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[home])
        await asked_at(home, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[other])
        assert (await alice.fetch(at.url + "/x")).status == 200
        keys = await asked_at(home, "CLUSTER", "GETKEYSINSLOT", slot, 100)
        await asked_at(home, "MIGRATE", "127.0.0.1", other, "", 0, 1000, "KEYS", *keys)
        await asyncio.sleep(0.05)
        assert (await alice.fetch(at.url + "/x")).status == 200
        for port in redis.servers:
            await asked_at(port, "CLUSTER", "SETSLOT", slot, "NODE", ids[other])
        assert (await alice.fetch(at.url + "/x")).status == 200
        copy = copy_of(at, alice)
        assert (await at.signed_out(alice)).status == 303
        assert (await copy.fetch(at.url + "/x")).status == 401
        assert await in_cluster.kept() == 0


async def at_home(at: Scene, redis: RedisTopology) -> tuple[Browser, int]:
    """Return somebody who is signed in, and the node on which their session lives."""
    browser = await at.signed_in()
    [name] = await redis.named("session")
    for port in redis.running:
        if (await asked_at(port, "ROLE"))[0] == b"master" and name in await asked_at(port, "KEYS", "*"):
            return browser, port
    raise LookupError(name)


@pytest.mark.hurried
@pytest.mark.parametrize("cache", ["push", "off"])
async def test_D03_a_replica_takes_over_from_a_node_and_nobody_is_anonymous_meanwhile(
    tmp_path: Path, needs: Callable[[str], str], cache: str
) -> None:
    needs("redis-server")
    async with cluster_topology(tmp_path, replicas=True) as redis:
        kept = Keeping(name=f"cluster {cache}", folder=tmp_path, redis=redis)
        async with kept.scene() as at:
            alice, home = await at_home(at, redis)
            await in_step_with(redis, home)
            redis.stop(home)
            statuses: list[int] = []
            async with asyncio.timeout(30):  # by then the other nodes have long agreed on a new one
                while not statuses or statuses[-1] != 200:
                    statuses.append((await alice.fetch(at.url + "/x")).status)
                    await asyncio.sleep(0.05)
            assert set(statuses) <= {200, 503}
            assert statuses.count(503) > 0
            assert (await at.session_of(alice))["user"]["email"] == "alice@example.com"
            copy = copy_of(at, alice)
            assert (await at.signed_out(alice)).status == 303
            assert (await copy.fetch(at.url + "/x")).status == 401


async def in_step_with(redis: RedisTopology, master: int) -> None:
    """Wait until a replica of *master* has all that it has."""
    async with asyncio.timeout(20):
        while True:
            role = await asked_at(master, "ROLE")
            if any(int(offset) >= int(role[1]) for *_, offset in role[2]):
                return
            await asyncio.sleep(0.02)


@pytest.mark.hurried
async def test_D02_a_master_that_hangs_is_an_outage_in_time_until_sentinels_name_another(
    behind_sentinels: Keeping,
) -> None:
    redis = servers_of(behind_sentinels)
    async with behind_sentinels.scene() as at:
        alice = await at.signed_in()
        await in_step(redis)
        hung = await master_of(redis)
        [other] = [port for port in redis.servers if port != hung]
        redis.hang(hung)
        await asyncio.sleep(0.3)
        await outage_in_time(at, alice)
        async with asyncio.timeout(20):
            while (await asked_at(other, "ROLE"))[0] != b"master":
                await asyncio.sleep(0.02)
        assert await served_again(at, alice, within=2) == 200
        redis.go_on(hung)
        assert (await alice.fetch(at.url + "/x")).status == 200


@pytest.mark.hurried
async def test_D02_sentinels_that_hang_are_waited_for_by_nobody(behind_sentinels: Keeping) -> None:
    redis = servers_of(behind_sentinels)
    async with behind_sentinels.scene() as at:
        alice = await at.signed_in()
        for port in redis.sentinels:
            redis.hang(port)
        for _ in range(8):
            assert (await alice.fetch(at.url + "/x")).status == 200
            await asyncio.sleep(0.2)
        for port in redis.sentinels:
            redis.go_on(port)


@pytest.mark.hurried
async def test_D02_a_node_that_hangs_takes_only_its_own_sessions_and_gives_them_back(
    in_cluster: Keeping,
) -> None:
    redis = servers_of(in_cluster)
    async with in_cluster.scene() as at:
        alice, home = await at_home(at, redis)
        redis.hang(home)
        await asyncio.sleep(0.3)
        for _ in range(2):
            await outage_in_time(at, alice)
        redis.go_on(home)
        assert await served_again(at, alice, within=3) == 200


async def test_D03_a_node_that_only_reads_writes_nothing_and_says_so(behind_sentinels: Keeping) -> None:
    redis = servers_of(behind_sentinels)
    async with behind_sentinels.scene() as at:
        alice = await at.signed_in()
        await in_step(redis)
        former = await master_of(redis)
        [other] = [port for port in redis.servers if port != former]
        for port in redis.sentinels:
            redis.hang(port)  # nobody tells anybody: the demotion is only felt
        await asked_at(former, "REPLICAOF", "127.0.0.1", other)
        page = await alice.fetch(at.url + "/x")
        assert page.status in (200, 503), "what it has may be read, but nobody becomes anonymous"
        left = await at.signed_out(alice)
        assert left.status in (303, 503)
        for port in redis.sentinels:
            redis.go_on(port)
