"""`gateway run` with several workers, as processes."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from gateway.supervision import _Admin
from tests.fakes.process import GatewayProcess
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.upstream import RecordingUpstream
from tests.test_workers import become, supervised, until

ANSWERED = 'gateway_http_requests_total{{code="200",method="GET",route="/"}} {}.0'


@asynccontextmanager
async def two_workers(
    folder: Path, environ: Mapping[str, str] = {}
) -> AsyncIterator[tuple[GatewayProcess, RecordingUpstream]]:
    async with RecordingUpstream() as app:
        gateway = GatewayProcess(folder=folder, environ=dict(environ))
        gateway.configure(f'[[routes]]\nupstream = "{app.url}"\naccess = "public"\n')
        gateway.config.write_text("workers = 2\n" + gateway.config.read_text())
        await gateway.start()
        try:
            await gateway.until_ready()
            yield gateway, app
        finally:
            if gateway.process is not None and gateway.process.returncode is None:
                gateway.signal()
                assert await gateway.ended() == 0


def ask(gateway: GatewayProcess) -> bytes:
    return get("/page", host=f"localhost:{gateway.port}")


async def test_one_admin_port_tells_of_all_workers(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (gateway, app):
        for _ in range(20):
            async with await RawConnection.open(gateway.port) as client:
                await client.write(ask(gateway))
                assert (await client.answer()).status == 200
        assert len(app.requests) == 20
        metrics = (await gateway.admin("/metrics")).text
        assert ANSWERED.format(20) in metrics
        assert "gateway_workers 2.0" in metrics
        told = (await gateway.admin("/readyz?verbose")).text
        assert "[+] worker-1" in told
        assert "[+] worker-2" in told
        assert json.loads((await gateway.admin("/.well-known/jwks.json")).text)["keys"]
        assert (await gateway.admin("/startupz")).status == (await gateway.admin("/livez")).status == 200


async def test_a_reload_and_a_replacement_lose_no_request(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (gateway, app):
        done = asyncio.Event()

        async def ask_on() -> int:
            asked = 0
            while not done.is_set():
                async with await RawConnection.open(gateway.port) as client:
                    await client.write(ask(gateway))
                    assert (await client.answer()).status == 200
                asked += 1
            return asked

        asking = [asyncio.create_task(ask_on()) for _ in range(4)]
        gateway.signal(signal.SIGHUP)
        await logged(gateway, "configuration.reloaded", 2)
        gateway.signal(signal.SIGUSR2)
        await logged(gateway, "workers.replaced", 1)
        done.set()
        assert sum(await asyncio.gather(*asking)) == len(app.requests)


async def logged(gateway: GatewayProcess, event: str, times: int) -> None:
    async with asyncio.timeout(30):
        while gateway.log.count(f'"event":"{event}"') < times:
            await asyncio.sleep(0.02)


async def asking(gateway: GatewayProcess, app: RecordingUpstream, count: int) -> list[RawConnection]:
    """Return so many connections, each with a request under way that *app* answers once released."""
    app.fault = "late"
    before = len(app.requests)
    clients = await knocking(gateway, count)
    async with asyncio.timeout(20):
        while len(app.requests) < before + count:
            await app.request()
    app.fault = ""
    return clients


async def knocking(gateway: GatewayProcess, count: int) -> list[RawConnection]:
    """Return so many connections, each of which has asked."""
    clients = [await RawConnection.open(gateway.port) for _ in range(count)]
    for client in clients:
        await client.write(ask(gateway))
    return clients


async def until_both_serve(gateway: GatewayProcess) -> None:
    async with asyncio.timeout(30):
        while (told := await gateway.admin("/readyz?verbose")).text.count("[+] worker-") < 2:
            assert told.status == 200, "one serves, and the other is none yet"
            await asyncio.sleep(0.02)


async def until_refused(gateway: GatewayProcess) -> None:
    async with asyncio.timeout(20):
        with suppress(ConnectionRefusedError):
            while True:
                (await RawConnection.open(gateway.port)).close()
                await asyncio.sleep(0.02)


async def outcome(client: RawConnection) -> int:
    """Return the status that comes, 0 where the connection ends instead."""
    try:
        return (await client.answer()).status
    except (ConnectionError, asyncio.IncompleteReadError):
        return 0


async def test_C07_a_crash_of_a_worker_ends_its_own_connections_and_no_others(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (gateway, app), AsyncExitStack() as stack:
        for client in await knocking(gateway, 24):
            assert await outcome(client) == 200
            client.close()
        assert ANSWERED.format(24) in (await gateway.admin("/metrics")).text
        under_way = await asking(gateway, app, 24)
        os.kill(children(gateway.pid)[0], signal.SIGKILL)
        await logged(gateway, "worker.ended", 1)
        newcomers = await knocking(gateway, 24)
        for client in (*under_way, *newcomers):
            stack.callback(client.close)
        await until_both_serve(gateway)
        assert [await outcome(client) for client in newcomers] == [200] * 24
        app.release.set()
        kept = [client for client in under_way if await outcome(client) == 200]
        assert 0 < len(kept) < len(under_way)
        for client in kept:
            await client.write(ask(gateway))
            assert await outcome(client) == 200
        metrics = (await gateway.admin("/metrics")).text
        assert ANSWERED.format(24 + 24 + 2 * len(kept)) in metrics
        assert "gateway_worker_restarts_total 1.0" in metrics
        assert "gateway_workers 2.0" in metrics


async def test_C01_sigterm_drains_every_worker(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (gateway, app), AsyncExitStack() as stack:
        clients = await asking(gateway, app, 8)
        for client in clients:
            stack.callback(client.close)
        gateway.signal()
        await gateway.until("/readyz", 503)
        await logged(gateway, "gateway.draining", 2)
        assert "[-] draining" in (await gateway.admin("/readyz?verbose")).text
        await until_refused(gateway)
        app.release.set()
        assert [await outcome(client) for client in clients] == [200] * 8
        assert await gateway.ended() == 0


async def test_C01_a_second_sigterm_ends_every_worker_at_once(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (gateway, app):
        clients = await asking(gateway, app, 8)
        gateway.signal()
        await logged(gateway, "gateway.draining", 2)
        gateway.signal()
        assert await gateway.ended() == 0
        assert gateway.log.count('"event":"gateway.stopped_at_once"') == 2
        assert "Traceback" not in gateway.complaints
        for client in clients:
            client.close()


async def test_nobody_is_ready_while_the_first_ones_start(tmp_path: Path) -> None:
    async with supervised(tmp_path, "mute") as (supervisor, _):
        starting = asyncio.create_task(supervisor.start())
        await until(lambda: all(place.serving is not None for place in supervisor.places))
        told = {name: await check() for name, check in _Admin(supervisor).checks.items()}
        assert told == {"workers": False}
    assert await starting == 1


async def test_one_that_finishes_is_still_asked_what_it_counts(tmp_path: Path) -> None:
    async with supervised(tmp_path, "patient", count=1) as (supervisor, _):
        assert await supervisor.start() == 0
        [place] = supervisor.places
        former = place.worker
        assert former is not None
        become(place, "ready")
        supervisor.replace()
        await until(lambda: place.worker is not former)
        assert await _Admin(supervisor)._asked("/metrics") == {former: b"ok\n", place.worker: b"ok\n"}
        assert await former.answers("/finish")


async def test_workers_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (gateway, _):
        gateway.signal(signal.SIGKILL)
        await gateway.ended()
        async with asyncio.timeout(20):
            while gateway.log.count('"event":"gateway.stopped"') < 2:
                await asyncio.sleep(0.02)


async def test_a_configuration_that_no_worker_can_serve_ends_the_start(tmp_path: Path) -> None:
    gateway = GatewayProcess(folder=tmp_path)
    gateway.configure('[[routes]]\nupstream = "http://127.0.0.1:9"\naccess = "public"\n')
    gateway.config.write_text("workers = 2\n" + gateway.config.read_text())
    (tmp_path / "gateway.db").write_bytes(b"no database" * 100)
    await gateway.start()
    assert await gateway.ended() == 1
    assert "cannot start" in gateway.complaints


async def test_C01_one_that_is_told_to_end_while_workers_start_ends_in_peace(tmp_path: Path) -> None:
    gateway = GatewayProcess(folder=tmp_path)
    gateway.configure('[[routes]]\nupstream = "http://127.0.0.1:9"\naccess = "public"\n')
    gateway.config.write_text("workers = 2\n" + gateway.config.read_text())
    await gateway.start()
    await gateway.until("/livez", 200)
    gateway.signal()
    assert await gateway.ended() == 0
    assert "Traceback" not in gateway.complaints


async def test_C07_a_crash_loop_leaves_readyz_red_until_it_is_over(tmp_path: Path) -> None:
    async with two_workers(tmp_path) as (gateway, _):
        sound = gateway.config.read_text()
        gateway.config.write_text("no toml at all")
        for pid in children(gateway.pid):
            os.kill(pid, signal.SIGKILL)
        await logged(gateway, "worker.ended", 4)
        assert (await gateway.admin("/readyz")).status == 503
        assert (await gateway.admin("/livez")).status == 200
        gateway.config.write_text(sound)
        await gateway.until_ready()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
