"""ATTACKS D: what a Redis that keeps sessions may suffer, and what the gateway then does."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.errors import SettingsInvalid, StoreUnavailable
from gateway.settings.loader import load
from gateway.store.redis_server import CONNECTIONS, Place, RedisLogin, RedisServer
from tests.fakes.gateway import HOST, SECRET
from tests.fakes.keepings import Keeping, keeping
from tests.fakes.outages import LIMIT, SLACK, ready, recovers, timed, unavailable
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.redis_process import RedisProcess, redis_process
from tests.fakes.scene import COOKIE


@pytest.fixture(params=["redis push", "redis off"])
async def kept(
    request: pytest.FixtureRequest, tmp_path: Path, needs: Callable[[str], str]
) -> AsyncIterator[Keeping]:
    needs("redis-server")
    async with keeping(request.param, tmp_path) as way:
        yield way


def server_of(kept: Keeping) -> RedisProcess:
    if not isinstance(kept.redis, RedisProcess):
        raise LookupError("no redis of its own here")
    return kept.redis


async def test_D01_B042_a_redis_that_is_down_at_start_is_an_outage_and_no_more(kept: Keeping) -> None:
    redis = server_of(kept)
    await redis.stop()
    async with kept.scene() as at:
        await ready(at, 503)
        browser = at.gate.browser()
        assert (await browser.navigate(await at.departed(browser), follow=False)).status == 503
        assert browser.cookie(at.url, COOKIE) is None
        assert (await browser.navigate(at.url + "/x", follow=False)).status == 302
        await redis.start()
        await ready(at, 200)
        alice = await at.signed_in()
        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_D01_D04_refused_under_traffic_is_503_and_an_empty_redis_afterwards_a_login(
    kept: Keeping,
) -> None:
    redis = server_of(kept)
    async with kept.scene() as at:
        alice = await at.signed_in()
        assert (await alice.fetch(at.url + "/x")).status == 200
        await redis.stop()
        await asyncio.sleep(0.05)
        await unavailable(at, alice)
        await redis.start()
        assert (await recovers(at, alice)).status == 401
        assert (await alice.navigate(at.url + "/x")).status == 200


@pytest.mark.hurried
async def test_D02_a_hung_redis_is_503_in_time_and_the_session_lives_on(kept: Keeping) -> None:
    redis = server_of(kept)
    async with kept.scene() as at:
        alice = await at.signed_in()
        redis.hang()
        await asyncio.sleep(0.05)
        await unavailable(at, alice, requests=3)
        pages = await asyncio.gather(*(timed(alice, at.url + "/x") for _ in range(50)))
        assert {page.status for page, _ in pages} == {503}
        assert max(took for _, took in pages) < LIMIT + 2 * SLACK
        redis.go_on()
        assert (await recovers(at, alice)).status == 200


@pytest.mark.hurried
async def test_D02_a_slow_redis_is_no_slower_than_the_deadline(kept: Keeping) -> None:
    redis = server_of(kept)
    async with kept.scene() as at:
        alice = await at.signed_in()
        await asyncio.sleep(0.05)
        sleeping = asyncio.create_task(redis.ask("EVAL", "while true do end", 0))
        await asyncio.sleep(0.1)
        page, took = await timed(alice, at.url + "/x")
        assert page.status == 503
        assert took < LIMIT + SLACK
        await redis.stop()
        await asyncio.gather(sleeping, return_exceptions=True)


async def test_D04_B065_a_flush_is_a_login_again_and_nobody_else_s_session(kept: Keeping) -> None:
    redis = server_of(kept)
    async with kept.scene() as at:
        alice = await at.signed_in()
        for _ in range(3):
            assert (await alice.fetch(at.url + "/x")).status == 200
        await redis.ask("FLUSHALL")
        await asyncio.sleep(0.05)
        assert (await alice.fetch(at.url + "/x")).status == 401
        assert (await alice.navigate(at.url + "/x")).status == 200


async def test_D04_B123_a_redis_that_may_evict_is_told_at_start(tmp_path: Path) -> None:
    for policy, told in (("allkeys-lru", 1), ("noeviction", 0)):
        async with redis_process("--maxmemory-policy", policy) as redis:
            kept = Keeping(name="redis off", folder=tmp_path, redis=redis)
            async with kept.scene() as at:
                pass
        assert len(at.gate.events("session_store.may_evict")) == told


@pytest.mark.parametrize("what", ["garbage", "list", "huge", "another's"])
async def test_D08_S14_what_an_intruder_writes_changes_nobody(kept: Keeping, what: str) -> None:
    redis = server_of(kept)
    async with kept.scene() as at:
        alice = await at.signed_in()
        [mine] = await redis.named("session")
        await at.signed_in("bob")
        [hers] = [name for name in await redis.named("session") if name != mine]
        if what == "another's":
            await redis.ask("SET", mine, await redis.ask("GET", hers))
        elif what == "list":
            await redis.ask("DEL", mine)
            await redis.ask("RPUSH", mine, "x")
        else:
            await redis.ask("SET", mine, b"\x80\x04garbage." if what == "garbage" else b"[" * 100_000_000)
        await asyncio.sleep(0.05)
        page, took = await timed(alice, at.url + "/x")
        assert page.status == (401 if what in ("garbage", "huge") else 503)
        assert took < LIMIT + SLACK
        assert len(at.app.requests) == 2


async def test_D05_D06_S14_cancelled_in_mid_command_nobody_gets_another_s_session(kept: Keeping) -> None:
    async with kept.scene() as at:
        browsers = {name: await at.signed_in(name) for name in ("alice", "bob")}

        async def hang_up(name: str, number: int) -> None:
            connection = await RawConnection.open(at.gate.port)
            cookie = f"Cookie: {COOKIE}={browsers[name].cookies[HOST][COOKIE]}"
            await connection.write(get("/x", cookie, host=HOST))
            await asyncio.sleep(number % 40 / 20_000)
            connection.writer.transport.abort()

        for start in range(0, 240, 20):
            names = ["alice", "bob"] * 10
            await asyncio.gather(*(hang_up(name, start + place) for place, name in enumerate(names)))
        for name, browser in browsers.items():
            said = await at.session_of(browser)
            assert said["user"]["email"] == f"{name}@example.com"
        clients = (await server_of(kept).ask("CLIENT", "LIST")).count(b" addr=")
        assert clients <= CONNECTIONS + 3


async def test_D05_D06_a_thousand_cancelled_calls_leave_the_pool_as_it_was(
    needs: Callable[[str], str],
) -> None:
    needs("redis-server")
    async with redis_process() as redis:
        server = RedisServer(Place("127.0.0.1", redis.port), RedisLogin(), monotonic=time.monotonic)

        async def ask(number: int) -> bytes:
            async with server.asked() as client:
                return bytes(await client.execute_command("ECHO", str(number)))

        wrong = 0
        for number in range(1000):
            task = asyncio.create_task(ask(number))
            await asyncio.sleep(number % 20 / 40_000)
            task.cancel()
            [answer] = await asyncio.gather(task, return_exceptions=True)
            wrong += isinstance(answer, bytes) and answer != str(number).encode()
        assert wrong == 0
        for number in range(200):
            assert await ask(number) == str(number).encode()
        async with asyncio.timeout(5):
            while (await redis.ask("CLIENT", "LIST")).count(b" addr=") > CONNECTIONS + 1:
                await asyncio.sleep(0.05)
        await server.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://:canary@host/0",
        "redis://u:canary@host:99999",
        "http://:canary@host",
        "redis://h:6379/canary",
        "redis+sentinel://u:canary@h:1/main",
        "redis+sentinel://h:1/main/canary",
        "redis+cluster://:canary@h:1",
        "redis+cluster://h:1/canary",
    ],
)
def test_D07_a_bad_url_never_repeats_a_password(tmp_path: Path, url: str) -> None:
    path = tmp_path / "gateway.toml"
    top = f'public_url = "https://app.example.com"\nsecret = "{SECRET}"\n[redis]\nurl = {json.dumps(url)}\n'
    path.write_text(f'{top}[[routes]]\npath = "/"\nupstream = "http://127.0.0.1:9"\naccess = "public"\n')
    with pytest.raises(SettingsInvalid, match=r"redis\.url") as refused:
        load(path, environ={})
    assert "canary" not in str(refused.value)


async def test_D07_a_refused_password_is_an_outage_and_in_no_text(needs: Callable[[str], str]) -> None:
    needs("redis-server")
    async with redis_process("--requirepass", "right") as redis:
        login = RedisLogin(password="canary")
        server = RedisServer(Place("127.0.0.1", redis.port), login, monotonic=time.monotonic)
        with pytest.raises(StoreUnavailable) as refused:
            await server.ping()
        assert "canary" not in f"{refused.value!r} {refused.value.__cause__!r} {login!r}"
        await server.close()
