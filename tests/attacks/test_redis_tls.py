"""Redis through TLS, with real servers: who is believed, who is not, and that it is said at the start."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.errors import StoreUntrusted
from tests.fakes.keepings import Keeping
from tests.fakes.ports import free_port
from tests.fakes.redis_tls import Papers, papers
from tests.fakes.redis_topologies import RedisTopology, cluster_topology, sentinel_topology


@pytest.fixture(autouse=True)
def real(needs: Callable[[str], str]) -> None:
    needs("redis-server")


@pytest.fixture
def ours(tmp_path: Path) -> Papers:
    return papers(tmp_path / "papers")


@asynccontextmanager
async def tls_server(made: Papers, *, clients: bool = False) -> AsyncIterator[RedisTopology]:
    """Run one server that speaks TLS to us and plainly to the test."""
    plain, secure = free_port(), free_port()
    redis = RedisTopology(folder=made.folder, url=f"rediss://127.0.0.1:{secure}/0")
    try:
        await asyncio.to_thread(redis.start, plain, *made.words(secure, clients=clients))
        yield redis
    finally:
        redis.close()


def kept_in(redis: RedisTopology, folder: Path, *keys: str, cache: str = "push") -> Keeping:
    return Keeping(name=f"redis {cache}", folder=folder, redis=redis, redis_keys=keys)


async def signs_in_and_out(kept: Keeping) -> None:
    async with kept.scene() as at:
        browser = await at.signed_in()
        assert (await browser.fetch(at.url + "/x")).status == 200
        assert await kept.kept() == 1
        assert (await at.signed_out(browser)).status == 303
        assert (await browser.fetch(at.url + "/x")).status == 401
        assert await kept.kept() == 0


async def refused_start(kept: Keeping) -> str:
    with pytest.raises(StoreUntrusted) as refused:
        async with kept.scene():
            pass
    return str(refused.value)


@pytest.mark.parametrize("cache", ["push", "off"])
async def test_one_server_that_is_vouched_for_is_used(tmp_path: Path, ours: Papers, cache: str) -> None:
    async with tls_server(ours) as redis:
        await signs_in_and_out(kept_in(redis, tmp_path, ours.table(), cache=cache))


@pytest.mark.parametrize("cache", ["push", "off"])
async def test_sentinels_and_their_master_through_tls_with_passwords(
    tmp_path: Path, ours: Papers, cache: str
) -> None:
    async with sentinel_topology(tmp_path, sentinels=1, tls=ours, password="canary") as redis:
        keys = ours.table(), 'sentinel_password = "canary"'
        await signs_in_and_out(kept_in(redis, tmp_path, *keys, cache=cache))


@pytest.mark.parametrize("cache", ["push", "off"])
async def test_a_cluster_through_tls(tmp_path: Path, ours: Papers, cache: str) -> None:
    async with cluster_topology(tmp_path, tls=ours) as redis:
        await signs_in_and_out(kept_in(redis, tmp_path, ours.table(), cache=cache))


async def test_who_is_vouched_for_by_somebody_else_keeps_the_gateway_from_starting(
    tmp_path: Path, ours: Papers
) -> None:
    others = papers(tmp_path / "others")
    async with tls_server(ours) as redis:
        for keys in ((others.table(),), ()):
            told = await refused_start(kept_in(redis, tmp_path, *keys))
            assert "shows a certificate that does not hold" in told
            assert redis.url.removeprefix("rediss://").removesuffix("/0") in told


async def test_every_topology_is_looked_at_before_it_is_used(tmp_path: Path, ours: Papers) -> None:
    others = papers(tmp_path / "others")
    async with sentinel_topology(tmp_path, sentinels=1, tls=ours) as redis:
        assert "does not hold" in await refused_start(kept_in(redis, tmp_path, others.table()))


@pytest.mark.parametrize(("client", "refused"), [(True, False), (False, True)])
async def test_a_server_that_asks_for_a_certificate_gets_ours(
    tmp_path: Path, ours: Papers, client: bool, refused: bool
) -> None:
    async with tls_server(ours, clients=True) as redis:
        kept = kept_in(redis, tmp_path, ours.table(client=client))
        if refused:
            assert "agree on no TLS" in await refused_start(kept)
        else:
            await signs_in_and_out(kept)


@pytest.mark.hurried
async def test_D01_a_server_that_is_away_or_silent_is_no_matter_of_trust(
    tmp_path: Path, ours: Papers
) -> None:
    away = RedisTopology(folder=tmp_path, url=f"rediss://127.0.0.1:{free_port()}/0")
    async with kept_in(away, tmp_path, ours.table()).scene() as at:
        assert (await at.gate.browser().fetch(at.url + "/x")).status == 401
    async with tls_server(ours) as redis:
        for port in redis.servers:
            redis.hang(port)
        async with kept_in(redis, tmp_path, ours.table()).scene() as at:
            assert (await at.gate.browser().fetch(at.url + "/x")).status == 401


@pytest.mark.parametrize("password", [(), ('sentinel_password = "wrong"',)])
async def test_D01_sentinels_that_refuse_our_password_are_an_outage_and_no_pass(
    tmp_path: Path, password: Sequence[str]
) -> None:
    async with (
        sentinel_topology(tmp_path, sentinels=1, password="canary") as redis,
        kept_in(redis, tmp_path, *password).scene() as at,
    ):
        page = await at.gate.browser().navigate(at.url + "/x")
        assert page.status in (401, 503)
        assert not at.app.requests
