"""A gateway from its start to its end, in one process and over real sockets."""

import asyncio
import errno
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from gateway import app
from gateway.app import FLOORS, Gateway, check_versions, fastest_loop, serve
from gateway.errors import SchemaMismatch
from gateway.observe.log import configure
from gateway.predecessor import VARIABLE, Predecessor, Will
from gateway.rooms import Surroundings
from gateway.settings.loader import Loaded, load
from tests.fakes.gateway import KeptLog, running_gateway
from tests.fakes.ports import free_port, listening_socket
from tests.fakes.raw_client import RawConnection, get, send_raw
from tests.fakes.upstream import RecordingUpstream

PUBLIC = 'access = "public"'
_TOML = """
public_url = "http://localhost:{port}"
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
secret = "a-secret-of-more-than-32-bytes-for-tests"
[database]
url = "sqlite:///gateway.db"
[[routes]]
upstream = "http://127.0.0.1:9"
access = "public"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """A gateway that was not started, and its log."""

    gateway: Gateway
    loaded: Loaded
    written: KeptLog
    port: int
    admin_port: int


@asynccontextmanager
async def idle(
    folder: Path, *, port: int | None = None, admin_port: int | None = None
) -> AsyncIterator[Idle]:
    public, admin = port or free_port(), admin_port or free_port()
    path = folder / "gateway.toml"
    path.write_text(_TOML.format(port=public, admin_port=admin))
    written = KeptLog()
    log = configure(form="json", level="info", stream=written, clock=time.time)
    loaded = load(path, environ={})
    gateway = Gateway(loaded.settings, Surroundings(log=log))
    try:
        yield Idle(gateway=gateway, loaded=loaded, written=written, port=public, admin_port=admin)
    finally:
        await gateway.stop(drain=0.5)
        log.close()


async def taken(port: int) -> bool:
    try:
        connection = await RawConnection.open(port)
    except OSError:
        return False
    connection.close()
    return True


async def test_it_listens_on_both_ports_until_it_is_stopped(tmp_path: Path) -> None:
    async with idle(tmp_path) as house:
        await house.gateway.start()
        assert await taken(house.port)
        assert await taken(house.admin_port)
        await house.gateway.stop(drain=0.5)
        assert not await taken(house.port)
        assert not await taken(house.admin_port)
    events = [json.loads(line)["event"] for line in house.written.getvalue().splitlines()]
    assert events[:3] == ["gateway.started", "gateway.draining", "gateway.stopped"]


@pytest.mark.parametrize("which", ["port", "admin_port"])
async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path, which: str) -> None:
    with listening_socket() as other:
        other.listen()
        number = other.getsockname()[1]
        ports = {which: number}
        async with idle(tmp_path, **ports) as house:
            with pytest.raises(OSError) as caught:  # noqa: PT011 - held by its number
                await house.gateway.start()
            assert caught.value.errno == errno.EADDRINUSE
            rest = house.admin_port if which == "port" else house.port
            assert not await taken(rest)


async def test_D11_an_unusable_database_opens_no_port(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"no database at all\n" * 400)
    async with idle(tmp_path) as house:
        with pytest.raises(SchemaMismatch):
            await house.gateway.start()
        assert not await taken(house.port)
        assert not await taken(house.admin_port)


async def test_C01_what_runs_is_finished_and_nothing_new_begun(tmp_path: Path) -> None:
    async with (
        RecordingUpstream() as up,
        running_gateway(tmp_path, upstream=up.url, route_keys=PUBLIC) as gateway,
    ):
        async with await RawConnection.open(gateway.port) as slow:
            await slow.write(get("/", "Content-Length: 4", host=gateway.host, method="POST"))
            while b"in_flight 1" not in gateway.app._metrics.exposition().replace(b".0", b""):
                await asyncio.sleep(0.01)
            stopping = asyncio.create_task(gateway.app.stop(drain=10))
            while await taken(gateway.port):
                await asyncio.sleep(0.01)
            answer, _ = await send_raw(
                gateway.admin_port, get("/readyz", "Connection: close", host="127.0.0.1")
            )
            assert answer.status == 503
            await slow.write(b"done")
            assert (await slow.answer()).body == b"hello"
            await stopping
        assert up.requests[-1].endswith(b"done")


async def test_C01_where_another_took_over_each_client_may_ask_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "PATIENCE", 60.0)
    async with (
        RecordingUpstream() as up,
        running_gateway(tmp_path, upstream=up.url, route_keys=PUBLIC) as gateway,
        await RawConnection.open(gateway.port) as idle,
        await RawConnection.open(gateway.port) as busy,
        await RawConnection.open(gateway.admin_port) as probe,
    ):
        request, asked = get("/", host=gateway.host), get("/readyz?verbose", host="127.0.0.1")
        for client, once in ((idle, request), (probe, asked)):
            await client.write(once)
            assert (await client.answer()).values("connection") == []
        await busy.write(get("/", "Content-Length: 4", host=gateway.host, method="POST"))
        while b"in_flight 1" not in gateway.app._metrics.exposition().replace(b".0", b""):
            await asyncio.sleep(0.01)
        leaving = asyncio.create_task(gateway.app.leave())
        while await taken(gateway.port) or await taken(gateway.admin_port):
            await asyncio.sleep(0.01)
        await busy.write(b"done")
        assert (await busy.answer()).values("connection") == []
        for client, once in ((busy, request), (idle, request), (probe, asked)):
            await client.write(once)
            answer = await client.answer()
            assert (answer.status, answer.values("connection")) == (200, [b"close"])
            assert b"draining" not in answer.body
            assert await client.rest() == b""
        async with asyncio.timeout(20):
            await leaving


async def test_a_successor_takes_no_connection_before_its_stores_answer(tmp_path: Path) -> None:
    public, admin, (mine, its) = listening_socket(), listening_socket(), socket.socketpair()
    path = tmp_path / "gateway.toml"
    toml = _TOML.format(port=public.getsockname()[1], admin_port=admin.getsockname()[1])
    path.write_text(toml.replace("sqlite:///gateway.db", f"postgresql://g:p@127.0.0.1:{free_port()}/g"))
    loaded, written = load(path, environ={}), KeptLog()
    log = configure(form="json", level="info", stream=written, clock=time.time)
    will = Will(
        public=(public.detach(),),
        admin=(admin.detach(),),
        channel=its.detach(),
        listen=loaded.settings.listen,
        admin_listen=loaded.settings.admin_listen,
    )
    environ = {VARIABLE: msgspec.json.encode(will).decode()}
    serving = asyncio.create_task(
        serve(
            loaded,
            Surroundings(log=log, predecessor=(before := Predecessor.of(environ, loaded))),
            read=lambda: loaded,
        )
    )
    try:
        async with asyncio.timeout(20):
            while b"database.awaited" not in written.getvalue():
                await asyncio.sleep(0.01)
        mine.setblocking(False)
        with pytest.raises(BlockingIOError):
            mine.recv(1)
        assert b"gateway.started" not in written.getvalue()
    finally:
        mine.close()  # and so it ends
        async with asyncio.timeout(20):
            await serving
        log.close()
    assert b"gateway.stopped" in written.getvalue()
    assert before is not None
    for each in (*before.public, *before.admin):
        each.close()


async def test_C01_what_does_not_end_in_time_is_cut(tmp_path: Path) -> None:
    async with (
        RecordingUpstream() as up,
        running_gateway(tmp_path, upstream=up.url, route_keys=PUBLIC) as gateway,
    ):
        up.fault = "silent"
        async with await RawConnection.open(gateway.port) as hanging:
            await hanging.write(get("/", host=gateway.host))
            await up.request()
            async with asyncio.timeout(5):
                await gateway.app.stop(drain=0.1)
                assert await hanging.rest() == b""


async def test_C01_a_cancelled_stop_still_closes_everything(tmp_path: Path) -> None:
    async with (
        RecordingUpstream() as up,
        running_gateway(tmp_path, upstream=up.url, route_keys=PUBLIC) as gateway,
    ):
        up.fault = "silent"
        async with await RawConnection.open(gateway.port) as hanging:
            await hanging.write(get("/", host=gateway.host))
            await up.request()
            stopping = asyncio.create_task(gateway.app.stop(drain=60))
            while await taken(gateway.port):
                await asyncio.sleep(0.01)
            stopping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stopping
            assert not await taken(gateway.admin_port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_signal_ends_the_serving(tmp_path: Path, number: signal.Signals) -> None:
    async with idle(tmp_path) as house:
        serving = asyncio.create_task(serve(house.loaded, house.gateway._around, read=lambda: house.loaded))
        while not await taken(house.port):
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await serving
        assert not await taken(house.port)


async def test_an_orphan_hears_of_it_once() -> None:
    loop, asked, (lifeline, held) = asyncio.get_running_loop(), asyncio.Event(), os.pipe()
    loop.add_reader(lifeline, app._orphaned, loop, lifeline, asked)
    os.close(held)
    async with asyncio.timeout(10):
        await asked.wait()
    assert not loop.remove_reader(lifeline)
    os.close(lifeline)


def test_the_installed_libraries_are_young_enough() -> None:
    check_versions()


@pytest.mark.parametrize("installed", ["0.0.1", "1", "3.14.4"])
def test_C11_a_library_with_known_flaws_is_not_started_with(
    monkeypatch: pytest.MonkeyPatch, installed: str
) -> None:
    monkeypatch.setattr(app, "installed_version", lambda name: installed)
    monkeypatch.setattr(app, "FLOORS", {"aiohttp": FLOORS["aiohttp"]})
    with pytest.raises(RuntimeError, match=f"aiohttp {installed} has known flaws: install 3.14.5 or newer"):
        check_versions()


@pytest.mark.parametrize("installed", ["3.14.5", "3.15.0", "4.0.0rc1", "10.0"])
def test_a_younger_library_will_do(monkeypatch: pytest.MonkeyPatch, installed: str) -> None:
    monkeypatch.setattr(app, "installed_version", lambda name: installed)
    monkeypatch.setattr(app, "FLOORS", {"aiohttp": FLOORS["aiohttp"]})
    check_versions()


def test_without_uvloop_it_is_asyncios_own_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    assert fastest_loop() is None
