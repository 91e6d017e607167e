"""Reload over sockets: nothing is lost, nothing is mixed, a fault changes nothing."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gateway import new_key
from tests.fakes.gateway import HOST, SECRET, RunningGateway, route, running_gateway
from tests.fakes.lasting_app import LastingApp, echoed, stream, tunnel
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.reloads import Reloading, reloading
from tests.fakes.scene import COOKIE, Scene, scene, seen
from tests.fakes.store_calls import watched
from tests.fakes.upstream import RecordingUpstream

PUBLIC = 'access = "public"'
NEXT = "the next secret of this gateway, long enough"


def ring(*secrets: str) -> Callable[[str], str]:
    """Return the change that makes *secrets* the ring of a configuration."""
    written = "secret = [" + ", ".join(f'"{each}"' for each in secrets) + "]"
    return lambda text: re.sub(r"(?m)^secret = .*$", written, text)


@asynccontextmanager
async def reloadable(folder: Path, **keys: Any) -> AsyncIterator[tuple[Scene, Reloading]]:
    async with scene(folder, **keys) as at:
        yield at, reloading(at.gate, at.issuer)


@asynccontextmanager
async def public(folder: Path) -> AsyncIterator[tuple[RunningGateway, Reloading, RecordingUpstream]]:
    async with (
        RecordingUpstream() as up,
        running_gateway(
            folder,
            upstream=up.url,
            route_keys=PUBLIC,
            tables=route(up.url, PUBLIC).replace('"/"', '"/kept"'),
        ) as gateway,
    ):
        yield gateway, reloading(gateway), up


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def metric(gateway: RunningGateway, name: str) -> float:
    async with await RawConnection.open(gateway.admin_port) as connection:
        await connection.write(get("/metrics", "Connection: close", host="127.0.0.1"))
        text = (await connection.answer()).body.decode()
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


class TestKeys:
    async def test_B129_B131_T25_a_key_put_first_takes_over_at_a_reload(self, tmp_path: Path) -> None:
        async with reloadable(tmp_path) as (at, reload):
            alice = await at.signed_in()
            form = {"csrfToken": await at.csrf(alice)}
            nobody = at.gate.browser()
            callback = await at.departed(nobody, "/x")
            assert await reload(ring(NEXT, SECRET))
            page = await alice.fetch(at.url + "/x")
            assert (page.status, page.set_cookies) == (200, [])
            assert (await nobody.navigate(callback)).status == 200
            assert at.claims(nobody, secret=NEXT)["email"] == "alice@example.com"
            left = await alice.submit(f"{at.ours}/signout", form, follow=False)
            assert left.status == 303
            assert alice.cookie(at.url, COOKIE) is None

    async def test_B130_a_key_taken_out_at_a_reload_ends_its_sessions_quietly(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = watched(monkeypatch)
        async with reloadable(tmp_path) as (at, reload):
            old = await at.signed_in()
            assert await reload(ring(NEXT, SECRET))
            new = await at.signed_in()
            assert await reload(ring(NEXT))
            assert (await new.fetch(at.url + "/x")).status == 200
            before = calls.total
            page = await old.navigate(at.url + "/x", follow=False)
            assert page.status == 302
            assert calls.total == before
            assert (await old.navigate(page.location)).status == 200

    async def test_B129_B131_what_a_worker_seals_opens_at_one_that_has_not_reloaded_yet(
        self, tmp_path: Path
    ) -> None:
        async with reloadable(tmp_path, workers=2) as (at, reload), at.node() as later:
            assert await reload(ring(NEXT, SECRET))
            alice = await at.signed_in()
            form = {"csrfToken": await at.csrf(alice)}
            nobody = at.gate.browser()
            callback = await at.departed(nobody, "/x")
            for browser in (alice, nobody):
                at.visits(browser, later)
            assert (await alice.fetch(at.url + "/x")).status == 200
            assert (await nobody.navigate(callback)).status == 200
            assert (await alice.submit(f"{at.ours}/signout", form, follow=False)).status == 303

    async def test_B129_once_every_worker_knows_the_new_key_it_seals(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(new_key, "SETTLE", 0.0)
        async with reloadable(tmp_path, workers=2) as (at, reload):
            assert await reload(ring(NEXT, SECRET))
            await until(lambda: at.gate.events("configuration.new_key_seals") != [])
            assert at.claims(await at.signed_in(), secret=NEXT)["email"] == "alice@example.com"

    async def test_B129_a_new_key_that_was_taken_back_never_seals(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with reloadable(tmp_path, workers=2) as (at, reload):
            assert await reload(ring(NEXT, SECRET))
            gateway = at.gate.app
            former, succession = gateway._settings, gateway._succession
            assert succession is not None
            assert await reload(ring(SECRET))
            monkeypatch.setattr(new_key, "SETTLE", 0.0)
            await gateway._seal_by(former, succession)
            assert at.gate.events("configuration.new_key_seals") == []
            assert at.claims(await at.signed_in(), secret=SECRET)["email"] == "alice@example.com"

    async def test_B131_both_ports_publish_the_keys_of_the_present_ring(self, tmp_path: Path) -> None:
        async with reloadable(tmp_path) as (at, reload):
            assert await reload(ring(NEXT, SECRET))
            published = json.loads((await at.gate.browser().fetch(f"{at.ours}/jwks.json")).text)
            async with await RawConnection.open(at.gate.admin_port) as connection:
                path = "/.well-known/jwks.json"
                await connection.write(get(path, "Connection: close", host="127.0.0.1"))
                inside = json.loads((await connection.answer()).body)
            assert len(published["keys"]) == 2
            assert inside == published

    async def test_B131_a_session_ended_before_a_reload_stays_ended(self, tmp_path: Path) -> None:
        async with reloadable(tmp_path) as (at, reload):
            alice = await at.signed_in()
            thief = at.gate.browser()
            thief.cookies[HOST] = dict(alice.cookies[HOST])
            await at.signed_out(alice)
            assert await reload()
            assert (await thief.fetch(at.url + "/x")).status == 401

    async def test_B131_a_reload_asks_no_issuer_again(self, tmp_path: Path) -> None:
        async with reloadable(tmp_path) as (at, reload):
            await at.signed_in()
            at.issuer.fault = "discovery_down"
            assert await reload(ring(NEXT, SECRET))
            assert (await (await at.signed_in()).fetch(at.url + "/x")).status == 200


LIVE = """
[[routes]]
path = "/live"
upstream = "{app}"
websocket = true
"""


@asynccontextmanager
async def lasting(
    folder: Path, secret: str = SECRET
) -> AsyncIterator[tuple[Scene, Reloading, list[RawConnection]]]:
    """Sign in, and open a stream and a tunnel."""
    async with LastingApp() as app:
        tables = LIVE.replace("{app}", app.url)
        async with reloadable(folder, tables=tables) as (at, reload):
            alice = await at.signed_in()
            cookie = f"{COOKIE}={alice.cookies[HOST][COOKIE]}"
            opened = [await opening(at.gate.port, "/live", cookie=cookie) for opening in (stream, tunnel)]
            assert await echoed(opened[1], b"hello") == b"hello"
            try:
                yield at, reload, opened
            finally:
                for each in opened:
                    each.close()


SESSION = "[session]\n"


class TestWhatLasts:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda text: text + SESSION + 'max_age = "1h"\nlease = "1h"\n', "absolute"),
            (lambda text: text + SESSION + 'strategy = "stateful"\n', "invalid"),
            (ring(NEXT), "invalid"),
        ],
    )
    async def test_B056_B100_B130_what_a_new_configuration_would_not_let_in_is_closed(
        self, tmp_path: Path, change: Callable[[str], str], reason: str
    ) -> None:
        async with lasting(tmp_path) as (at, reload, opened):
            at.clock.advance(3600)
            assert await reload(change)
            for each in opened:
                await each.rest()
            await until(lambda: reload.former == 0)
        assert [event["reason"] for event in at.gate.events("session.cut")] == [reason] * 2

    async def test_B131_what_it_would_let_in_goes_on(self, tmp_path: Path) -> None:
        async with lasting(tmp_path) as (at, reload, opened):
            for secrets in ((NEXT, SECRET), (NEXT, SECRET, NEXT[::-1])):
                at.clock.advance(3600)
                assert await reload(ring(*secrets))
            await at.signed_out(await at.signed_in("bob"))
            await asyncio.sleep(0.6)
            assert await echoed(opened[1], b"hello") == b"hello"
        assert at.gate.events("session.cut") == []


class TestRequests:
    async def test_C03_a_request_ends_on_the_configuration_that_it_began_with(self, tmp_path: Path) -> None:
        async with public(tmp_path) as (gateway, reload, up):
            async with await RawConnection.open(gateway.port) as slow:
                upload = get("/", "Content-Length: 10", host=gateway.host, method="POST")
                await slow.write(upload + b"first")
                await until(lambda: b"in_flight 1" in gateway.app._metrics.exposition().replace(b".0", b""))
                without = lambda text: text.replace(route(up.url, PUBLIC), "")  # noqa: E731
                assert await reload(without)
                assert reload.former == 1
                async with await RawConnection.open(gateway.port) as late:
                    await late.write(get("/", host=gateway.host))
                    assert (await late.answer()).status == 404
                await slow.write(b"after")
                assert (await slow.answer()).body == b"hello"
                await slow.write(get("/", host=gateway.host))
                assert (await slow.answer()).status == 404, "the next one on the connection is a new one"
            await until(lambda: reload.former == 0)
            assert up.requests[-1].endswith(b"firstafter")

    async def test_C03_a_request_in_the_fast_lane_keeps_its_connection_to_the_app(
        self, tmp_path: Path
    ) -> None:
        arrived, go = asyncio.Semaphore(0), asyncio.Event()

        async def app(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError):
                for number in range(2):
                    await reader.readuntil(b"\r\n\r\n")
                    arrived.release()
                    if number:
                        await go.wait()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
            writer.close()

        async with (
            await asyncio.start_server(app, "127.0.0.1", 0) as server,
            running_gateway(
                tmp_path,
                upstream=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
                route_keys=PUBLIC,
                fast_lane=True,
            ) as gateway,
            await RawConnection.open(gateway.port) as client,
        ):
            reload = reloading(gateway)
            request = get("/", host=gateway.host)
            await client.write(request)
            await arrived.acquire()
            assert (await client.answer()).body == b"0"
            await client.write(request)
            await arrived.acquire()
            assert await reload(lambda text: text + '\n[identity.headers]\nRemote-User = "id"\n')
            await asyncio.sleep(0.05)
            assert reload.former == 1
            go.set()
            assert (await client.answer()).body == b"1"
            await until(lambda: reload.former == 0)

    async def test_C03_a_reload_each_100_ms_under_load_fails_no_request(self, tmp_path: Path) -> None:
        async with reloadable(tmp_path) as (at, reload):
            alice = await at.signed_in()
            over = asyncio.Event()
            statuses: list[int] = []
            cookie = f"Cookie: {COOKIE}={alice.cookies[HOST][COOKIE]}"

            async def load(number: int) -> None:
                async with await RawConnection.open(at.gate.port) as connection:
                    while not over.is_set():
                        await connection.write(get(f"/{number}", cookie, host=HOST))
                        statuses.append((await connection.answer()).status)

            loads = [asyncio.create_task(load(number)) for number in range(8)]
            rings = [ring(NEXT, SECRET), ring(SECRET), ring(SECRET, NEXT)]
            for number in range(15):
                extra = f'\n[[routes]]\npath = "/extra{number}"\nupstream = "{at.app.url}"\n'
                change = rings[number % 3]
                assert await reload(lambda text, change=change, extra=extra: change(text) + extra)
                await asyncio.sleep(0.1)
            over.set()
            await asyncio.gather(*loads)
            assert len(statuses) > 100
            assert set(statuses) == {200}
            await until(lambda: reload.former == 0)

    async def test_I01_a_head_that_repeats_is_read_anew_by_a_new_configuration(self, tmp_path: Path) -> None:
        """What was harmless before may be an identity header now."""
        async with (
            public(tmp_path) as (gateway, reload, up),
            await RawConnection.open(gateway.port) as client,
        ):
            request = get("/", "Remote-User: admin", host=gateway.host)
            for _ in range(2):
                await client.write(request)
                await client.answer()
            assert seen(up.requests[-1], "Remote-User") == ["admin"]
            assert await reload(lambda text: text + '\n[identity.headers]\nRemote-User = "id"\n')
            await client.write(request)
            await client.answer()
            assert seen(up.requests[-1], "Remote-User") == []

    async def test_connections_to_an_app_that_did_not_change_are_kept(self, tmp_path: Path) -> None:
        async with public(tmp_path) as (gateway, reload, up):
            async with await RawConnection.open(gateway.port) as client:
                for _ in range(3):
                    await client.write(get("/", host=gateway.host))
                    await client.answer()
                    assert await reload(lambda text: text.replace("[[routes]]", "# again\n[[routes]]", 1))
            assert up.connections == 1


class TestFaults:
    async def test_C02_B146_broken_toml_keeps_the_old_one_serving_and_is_counted(
        self, tmp_path: Path
    ) -> None:
        async with public(tmp_path) as (gateway, reload, _):
            successful, since = (
                "gateway_config_last_reload_successful",
                "gateway_config_last_reload_timestamp_seconds",
            )
            assert await metric(gateway, successful) == 1
            started = await metric(gateway, since)
            assert started > 0
            sound = reload.config.read_text()
            assert not await reload(lambda text: text + "[[routes]\n")
            assert await metric(gateway, successful) == 0
            assert await metric(gateway, since) == started
            assert (await gateway.browser().fetch(gateway.url + "/")).status == 200
            assert await reload(lambda _: sound)
            assert await metric(gateway, successful) == 1
            assert await metric(gateway, since) > started
        [fault] = gateway.events("configuration.fault")
        assert (fault["file"], fault["line"]) == (str(reload.config), len(sound.splitlines()) + 1)

    async def test_C02_a_port_cannot_be_moved_and_nothing_else_is_taken_over(self, tmp_path: Path) -> None:
        async with public(tmp_path) as (gateway, reload, up):
            both = lambda text: re.sub(r"(?m)^listen = .*$", 'listen = "127.0.0.1:1"', text).replace(  # noqa: E731
                route(up.url, PUBLIC), ""
            )
            assert not await reload(both)
            assert (await gateway.browser().fetch(gateway.url + "/")).status == 200
        [fault] = gateway.events("configuration.fault")
        assert fault["setting"] == "listen"

    async def test_a_gateway_that_drains_takes_nothing_over(self, tmp_path: Path) -> None:
        async with public(tmp_path) as (gateway, reload, _):
            await gateway.app.stop(drain=0.5)
            assert not await reload()


async def test_B147_a_reload_of_one_configuration_leaves_another_in_the_process_alone(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    async with reloadable(folders[0]) as (first, reload), reloadable(folders[1]) as (second, _):
        alice, bob = await first.signed_in(), await second.signed_in("bob")
        assert await reload(lambda text: ring(NEXT)(text).replace('path = "/"', 'path = "/only"'))
        page = await bob.fetch(second.url + "/x")
        assert (page.status, page.set_cookies) == (200, [])
        assert seen(second.app.requests[-1], "X-User-Email") == ["bob@example.com"]
        assert (await alice.fetch(first.url + "/x")).status == 404
        assert (await alice.fetch(first.url + "/only")).status == 401
