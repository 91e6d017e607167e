"""`gateway run` with several workers, as processes."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.process import GatewayProcess
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.upstream import RecordingUpstream


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
        assert 'gateway_http_requests_total{code="200",method="GET",route="/"} 20.0' in metrics
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
