"""The real process: what it says when it cannot start, how it ends, and what an outage does to it."""

import asyncio
import json
import os
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.databases import made_in, raw
from tests.fakes.gateway import provider, route
from tests.fakes.issuer import HostileIssuer
from tests.fakes.ports import listening_socket
from tests.fakes.process import RUN, GatewayProcess, gateway_process
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.upstream import RecordingUpstream

HIDE_UVLOOP = "import sys; sys.modules['uvloop'] = None; sys.argv[0] = 'gateway'; "
ON_ASYNCIO = (sys.executable, "-c", HIDE_UVLOOP + "from gateway.cli import main; main()", "run")
WITHOUT_DOCSTRINGS = (sys.executable, "-OO", "-m", "gateway", "run")
PUBLIC = 'access = "public"'


async def refused(gateway: GatewayProcess) -> str:
    """Start a gateway that cannot start; return what it says on standard error."""
    await gateway.start()
    assert await gateway.ended() == 1
    assert "Traceback" not in gateway.complaints
    return gateway.complaints


@pytest.fixture
def idle(tmp_path: Path) -> GatewayProcess:
    """A gateway that does not run yet, with a configuration that would do."""
    gateway = GatewayProcess(folder=tmp_path)
    gateway.configure(route("http://127.0.0.1:9", PUBLIC))
    return gateway


@asynccontextmanager
async def house(
    folder: Path, *, command: tuple[str, ...] = RUN, route_keys: str = "", top: str = ""
) -> AsyncIterator[tuple[GatewayProcess, HostileIssuer, RecordingUpstream]]:
    async with HostileIssuer() as issuer, RecordingUpstream() as app:
        tables = (
            provider(issuer)
            + route(app.url, route_keys)
            + route(app.url, PUBLIC).replace('path = "/"', 'path = "/public"')
        )
        environ = {"ISSUER_SECRET": issuer.client_secret}
        async with gateway_process(folder, tables + top, command=command, environ=environ) as gateway:
            gateway.places[issuer.url] = int(issuer.url.rpartition(":")[2])
            yield gateway, issuer, app


async def signed_in(gateway: GatewayProcess) -> Browser:
    browser = gateway.browser()
    page = await browser.navigate(f"{gateway.url}/")
    assert (page.status, page.text) == (200, "hello")
    return browser


class TestStart:
    async def test_C04_a_wrong_configuration_is_refused_with_every_fault(self, idle: GatewayProcess) -> None:
        text = idle.config.read_text().replace('level = "debug"', 'level = "loud"')
        idle.config.write_text("acess = 1\n" + text + '[[routes]]\npath = "nowhere"\n')
        told = await refused(idle)
        lines = told.splitlines()
        assert len(lines) >= 4
        assert all(re.match(r".*gateway\.toml:\d+: ", line) for line in lines), told
        for word in ("acess", "log.level", "routes[1].path", "routes[1].upstream"):
            assert word in told
        assert idle.log == ""

    async def test_a_missing_secret_file_is_told_by_its_path(self, idle: GatewayProcess) -> None:
        text = re.sub(r"(?m)^secret = .*$", 'secret = { file = "var/secret.key" }', idle.config.read_text())
        idle.config.write_text(text)
        told = await refused(idle)
        assert "secret" in told
        assert "var/secret.key" in told
        assert len(told.splitlines()) == 1

    @pytest.mark.parametrize("which", ["port", "admin_port"])
    async def test_a_taken_port_is_told_in_a_sentence(self, idle: GatewayProcess, which: str) -> None:
        with listening_socket() as other:
            other.listen()
            setattr(idle, which, other.getsockname()[1])
            idle.configure(route("http://127.0.0.1:9", PUBLIC))
            told = await refused(idle)
        assert "cannot listen on" in told
        assert f"127.0.0.1:{getattr(idle, which)}" in told
        assert len(told.splitlines()) == 1

    @pytest.mark.parametrize(
        ("statement", "sentence"),
        [
            ("UPDATE alembic_version SET version_num = '9999'", "newer than this release"),
            ("DROP TABLE alembic_version", "not a gateway's"),
        ],
    )
    async def test_D11_a_database_of_another_schema_is_refused(
        self, idle: GatewayProcess, statement: str, sentence: str
    ) -> None:
        made_in(idle.folder)
        other = raw(idle.folder)
        other.execute(statement)
        other.close()
        told = await refused(idle)
        assert sentence in told
        assert str(idle.database) in told
        assert len(told.splitlines()) == 1

    async def test_D11_a_damaged_database_is_refused_and_kept(self, idle: GatewayProcess) -> None:
        garbage = b"this is no database\n" * 400
        idle.database.write_bytes(garbage)
        assert "damaged or no SQLite file" in await refused(idle)
        assert idle.database.read_bytes() == garbage


class TestAdminPort:
    async def test_C13_health_and_metrics_are_on_the_admin_port_alone(self, tmp_path: Path) -> None:
        async with house(tmp_path) as (gateway, _, app):
            for path in ("/livez", "/readyz", "/startupz", "/metrics"):
                assert (await gateway.admin(path)).status == 200
                public = await gateway.browser().fetch(gateway.url + path)
                assert public.status == 401, "a path like any other"
            verbose = (await gateway.admin("/readyz?verbose")).text
            assert verbose == "[+] database\n"
            assert app.requests == []
            assert "gateway_" in (await gateway.admin("/metrics")).text
            for path in ("/", "/livez/", "/LIVEZ", "/.gateway/signin", "/livez/../metrics"):
                assert (await gateway.admin(path)).status == 404


class TestEnd:
    async def test_C01_sigterm_drains(self, tmp_path: Path) -> None:
        async with house(tmp_path) as (gateway, _, app):
            async with (
                await RawConnection.open(gateway.port) as slow,
                await RawConnection.open(gateway.port) as idle,
            ):
                host = gateway.url.partition("://")[2]
                await idle.write(get("/public", host=host))
                await idle.answer()
                await slow.write(get("/public/slow", "Content-Length: 10", host=host, method="POST"))
                await slow.write(b"first")
                await reached(gateway, 1)
                gateway.signal()
                await gateway.until("/readyz", 503)
                assert (await gateway.admin("/readyz?verbose")).text == "[+] database\n[-] draining\n"
                assert (await gateway.admin("/livez")).status == 200
                assert await idle.rest() == b"", "an idle connection is closed at once"
                with pytest.raises(ConnectionRefusedError):
                    await RawConnection.open(gateway.port)
                await slow.write(b"after")
                assert (await slow.answer()).body == b"hello"
            assert await gateway.ended() == 0
            assert b"firstafter" in app.requests[-1]
        assert '"gateway.stopped"' in gateway.log

    async def test_C01_a_second_sigterm_ends_it_at_once(self, tmp_path: Path) -> None:
        async with house(tmp_path) as (gateway, _, app):
            app.fault = "silent"
            async with await RawConnection.open(gateway.port) as hanging:
                await hanging.write(get("/public", host=gateway.url.partition("://")[2]))
                await app.request()
                gateway.signal()
                await gateway.until("/readyz", 503)
                gateway.signal()
                async with asyncio.timeout(5):
                    await gateway.ended()
        assert '"gateway.stopped_at_once"' in gateway.log
        assert "Traceback" not in gateway.complaints


async def reached(gateway: GatewayProcess, count: int) -> None:
    """Wait until *count* requests are in flight."""
    wanted = re.compile(rf"^gateway_requests_in_flight {count}(\.0)?$", re.MULTILINE)
    async with asyncio.timeout(10):
        while not wanted.search((await gateway.admin("/metrics")).text):
            await asyncio.sleep(0.02)


class TestOutage:
    async def test_O21_without_an_issuer_it_starts_and_sessions_work(self, tmp_path: Path) -> None:
        async with HostileIssuer() as issuer, RecordingUpstream() as app:
            tables = provider(issuer) + route(app.url)
            environ = {"ISSUER_SECRET": issuer.client_secret}
            async with gateway_process(tmp_path, tables, environ=environ) as gateway:
                gateway.places[issuer.url] = int(issuer.url.rpartition(":")[2])
                browser = await signed_in(gateway)
            issuer.fault = "discovery_down"
            await gateway.start()
            await gateway.until_ready()
            assert (await browser.navigate(f"{gateway.url}/")).text == "hello"
            stranger = gateway.browser()
            page = await stranger.navigate(f"{gateway.url}/")
            assert page.status == 503
            assert page.answer.values("retry-after") != []
            assert (await gateway.admin("/readyz")).status == 200, "an issuer's outage is not ours"
            issuer.fault = ""
            await until_signed_in(stranger, gateway)
            gateway.signal()
            assert await gateway.ended() == 0

    async def test_D09_a_locked_database_is_an_outage_that_passes(self, tmp_path: Path) -> None:
        async with house(tmp_path) as (gateway, _, _app):
            inside = await signed_in(gateway)
            other = sqlite3.connect(gateway.database, isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")
            stranger = gateway.browser()
            page = await stranger.navigate(f"{gateway.url}/")
            assert page.status == 503
            assert page.answer.values("retry-after") != []
            assert (await inside.navigate(f"{gateway.url}/")).status == 200
            other.close()
            assert (await stranger.navigate(f"{gateway.url}/")).text == "hello"

    async def test_D09_a_lost_database_refuses_keeps_the_cookie_and_comes_back(self, tmp_path: Path) -> None:
        async with house(tmp_path, route_keys='roles = ["staff"]') as (gateway, _, app):
            browser = gateway.browser()
            assert (await browser.navigate(f"{gateway.url}/")).status == 403
            cookies = dict(browser.cookies["localhost"])
            gateway.database.rename(tmp_path / "away")
            for person in (browser, gateway.browser()):
                page = await person.navigate(f"{gateway.url}/")
                assert page.status == 503
                assert page.answer.values("retry-after") != []
            assert browser.cookies["localhost"] == cookies
            assert (await gateway.admin("/readyz")).status == 503
            assert (await gateway.admin("/livez")).status == 200
            assert not gateway.database.exists(), "a lost database is not made anew"
            assert app.requests == []

            (tmp_path / "away").rename(gateway.database)
            assert (await browser.navigate(f"{gateway.url}/")).status == 403
            assert (await gateway.admin("/readyz")).status == 200


async def until_signed_in(browser: Browser, gateway: GatewayProcess) -> Page:
    """Try as a person does who reads Retry-After."""
    async with asyncio.timeout(15):
        while True:
            page = await browser.navigate(f"{gateway.url}/")
            if page.status == 200:
                return page
            await asyncio.sleep(0.25)


class TestInterpreter:
    @pytest.mark.parametrize(
        ("command", "fast"), [(RUN, True), (ON_ASYNCIO, False)], ids=["uvloop", "asyncio"]
    )
    async def test_C14_both_event_loops_serve(
        self, tmp_path: Path, command: tuple[str, ...], *, fast: bool
    ) -> None:
        async with house(tmp_path, command=command) as (gateway, _, app):
            maps = Path(f"/proc/{gateway.pid}/maps")
            # A process that cannot be dumped shows its memory to root alone.
            if maps.exists() and os.geteuid() == 0:
                assert ("/uvloop/" in maps.read_text()) is fast
                core = Path(f"/proc/{gateway.pid}/limits").read_text()
                assert re.search(r"Max core file size +0 +0", core)
            await signed_in(gateway)
            assert b"X-User-Email: alice@example.com" in app.requests[-1]

    async def test_C09_it_works_without_assert_statements(self, tmp_path: Path) -> None:
        async with house(tmp_path, command=WITHOUT_DOCSTRINGS) as (gateway, _, app):
            await signed_in(gateway)
            stranger = await gateway.browser().fetch(gateway.url, **{"X-User-Id": "u_1"})
            assert stranger.status == 401
            assert len(app.requests) == 1
        assert json.loads(gateway.log.splitlines()[0])["event"]
