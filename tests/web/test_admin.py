"""The admin port over a socket: exact paths, static bodies, and red when something does not answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web

from gateway.web import admin
from gateway.web.admin import AdminPort, Stage
from tests.fakes.ports import listening_socket


class Checks:
    def __init__(self) -> None:
        self.database = True
        self.broken = False
        self.hangs = False

    @property
    def checks(self) -> Mapping[str, Callable[[], Awaitable[bool]]]:
        return {"database": self._database}

    async def _database(self) -> bool:
        if self.broken:
            raise OSError("a-secret")
        if self.hangs:
            await asyncio.Event().wait()
        return self.database


@asynccontextmanager
async def running(checks: Checks, stage: Stage) -> AsyncIterator[tuple[ClientSession, str]]:
    port = AdminPort(
        readiness=checks,
        stage=stage,
        exposition=_exposition,
        jwks=_jwks,
    )
    runner = web.AppRunner(port.application(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, number = runner.addresses[0][:2]
        async with ClientSession() as client:
            yield client, f"http://{host}:{number}"
    finally:
        await runner.cleanup()


async def test_C01_the_end_waits_for_nobody_who_is_just_arriving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "_LAST", 60.0)
    for turns in range(6):
        with listening_socket() as bound:
            port = AdminPort(readiness=Checks(), stage=Stage(), exposition=_exposition, jwks=_jwks)
            close = await port.open([bound])
            with socket.create_connection(bound.getsockname()):
                for _ in range(turns):
                    await asyncio.sleep(0)
                async with asyncio.timeout(20):
                    await close()


async def _exposition() -> bytes:
    return b"# HELP x\n"


async def _jwks() -> bytes:
    return b'{"keys":[]}'


async def test_C12_C13_bodies_are_static_and_headers_say_nothing_about_us() -> None:
    async with running(Checks(), Stage(started=True)) as (client, url):
        for path in ("livez", "readyz", "startupz"):
            async with client.get(f"{url}/{path}") as answer:
                assert (answer.status, await answer.text()) == (200, "ok\n")
                assert "Server" not in answer.headers
                assert "Set-Cookie" not in answer.headers
                assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/livez", 405),
        ("DELETE", "/metrics", 405),
        ("HEAD", "/livez", 200),
        ("GET", "/livez/", 404),
        ("GET", "/", 404),
        ("GET", "/.gateway/signin", 404),
        ("GET", "/metrics", 200),
        ("GET", "/.well-known/jwks.json", 200),
    ],
)
async def test_C12_C13_only_exact_paths_and_methods(method: str, path: str, status: int) -> None:
    async with (
        running(Checks(), Stage(started=True)) as (client, url),
        client.request(method, url + path) as answer,
    ):
        assert answer.status == status


async def ready(client: ClientSession, url: str) -> tuple[int, str]:
    async with client.get(f"{url}/readyz?verbose") as answer:
        return answer.status, await answer.text()


async def test_B148_readiness_names_what_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "PATIENCE", 0.05)
    checks, stage = Checks(), Stage(started=True)
    async with running(checks, stage) as (client, url):
        assert await ready(client, url) == (200, "[+] database\n")
        checks.database = False
        assert await ready(client, url) == (503, "[-] database\n")
        checks.broken = True
        assert await ready(client, url) == (503, "[-] database\n")
        checks.broken, checks.hangs = False, True
        assert await ready(client, url) == (503, "[-] database\n")


async def test_C01_a_draining_process_is_alive_and_not_ready() -> None:
    stage = Stage()
    async with running(Checks(), stage) as (client, url):
        async with client.get(f"{url}/startupz") as answer:
            assert answer.status == 503
        stage.started = True
        assert (await ready(client, url))[0] == 200
        stage.draining = True
        assert await ready(client, url) == (503, "[+] database\n[-] draining\n")
        async with client.get(f"{url}/livez") as answer:
            assert answer.status == 200
