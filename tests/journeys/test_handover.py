"""A gateway replaced by its successor, as processes: under load, on a Unix socket, and where it fails."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.fakes.gateway import provider, route
from tests.fakes.issuer import HostileIssuer
from tests.fakes.process import GatewayProcess, gateway_process
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.systemd import systemd
from tests.fakes.upstream import RecordingUpstream

PUBLIC = 'access = "public"'


async def logged(gateway: GatewayProcess, event: str, times: int = 1) -> dict[str, object]:
    """Return the last of so many *event*s of the old one and its successors, which share one log."""
    async with asyncio.timeout(50):
        while True:
            lines = [line for line in gateway.log.splitlines(keepends=True) if f'"event":"{event}"' in line]
            if len(lines) >= times and lines[times - 1].endswith("\n"):
                found: dict[str, object] = json.loads(lines[times - 1])
                return found
            await asyncio.sleep(0.02)


async def gone(gateway: GatewayProcess) -> None:
    """Wait until nobody listens at the admin port."""
    async with asyncio.timeout(50):
        with suppress(ConnectionRefusedError):
            while True:
                with suppress(asyncio.IncompleteReadError, ConnectionResetError):  # it is just closing
                    await gateway.admin("/livez")
                await asyncio.sleep(0.02)


@asynccontextmanager
async def no_orphans(gateway: GatewayProcess) -> AsyncIterator[None]:
    """Kill whatever successor is left where the test fails."""
    try:
        yield
    except BaseException:
        for pid in re.findall(r'"successor.started","pid":(\d+)', gateway.log):
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        raise


class Load:
    """Clients that ask without pause: on kept connections, on a new one each time, and at the admin port.

    Whatever is not answered with 200 fails, unless the connection had said that it ends.
    """

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._over = asyncio.Event()
        self.asked = 0
        self._kept = get("/public", host=f"localhost:{gateway.port}")
        self._once = get("/public", "Connection: close", host=f"localhost:{gateway.port}")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        asking = [self._ask_on(self._kept), self._ask_on(self._kept), self._ask_on(self._once), self._probe()]
        tasks = [asyncio.create_task(each) for each in asking]
        try:
            yield
        finally:
            self._over.set()
            await asyncio.gather(*tasks)

    async def _ask_on(self, request: bytes) -> None:
        while not self._over.is_set():
            async with await RawConnection.open(self._gateway.port) as connection:
                stays = True
                while stays and not self._over.is_set():
                    await connection.write(request)
                    answer = await connection.answer()
                    assert answer.status == 200
                    self.asked += 1
                    stays = answer.values("connection") != [b"close"]
                    await asyncio.sleep(0)

    async def _probe(self) -> None:
        while not self._over.is_set():
            assert (await self._gateway.admin("/startupz")).status == 200
            told = (await self._gateway.admin("/readyz?verbose")).text
            assert "draining" not in told, "nobody is to send less here"
            await asyncio.sleep(0.05)


async def test_nobody_is_refused_while_a_successor_takes_over_and_a_logout_holds_for_both(
    tmp_path: Path,
) -> None:
    async with HostileIssuer() as issuer, RecordingUpstream() as app, systemd(tmp_path) as heard:
        tables = (
            '[session]\nstrategy = "stateful"\n'
            + provider(issuer)
            + route(app.url)
            + route(app.url, PUBLIC).replace('path = "/"', 'path = "/public"')
        )
        environ = {"ISSUER_SECRET": issuer.client_secret, "NOTIFY_SOCKET": heard.address}
        async with gateway_process(tmp_path, tables, environ=environ) as gateway, no_orphans(gateway):
            gateway.places[issuer.url] = int(issuer.url.rpartition(":")[2])
            alice = gateway.browser()
            assert (await alice.navigate(gateway.url + "/")).status == 200
            csrf = json.loads((await alice.fetch(f"{gateway.url}/.gateway/csrf")).text)["csrfToken"]
            cookies = "; ".join(f"{name}={value}" for name, value in alice.cookies["localhost"].items())
            form = f"csrfToken={csrf}"
            async with Load(gateway).running(), await RawConnection.open(gateway.port) as leaving:
                head = get(
                    "/.gateway/signout",
                    f"Cookie: {cookies}",
                    f"Origin: {gateway.url}",
                    "Content-Type: application/x-www-form-urlencoded",
                    f"Content-Length: {len(form)}",
                    host=f"localhost:{gateway.port}",
                    method="POST",
                )
                await leaving.write(head + form[:5].encode())
                gateway.signal(signal.SIGUSR2)
                await logged(gateway, "successor.started")
                gateway.signal(signal.SIGUSR2)
                ignored = await logged(gateway, "gateway.not_replaced")
                assert ignored["reason"] == "a successor is on its way"
                replaced = await logged(gateway, "gateway.replaced")
                assert await status(gateway, cookies) == 200, "the new one knows her"
                await leaving.write(form[5:].encode())
                left = await leaving.answer()
                assert left.status == 303, "the old one finishes"
                leaving.close()
                async with asyncio.timeout(20):
                    while await status(gateway, cookies) == 200:
                        await asyncio.sleep(0.01)
                assert await gateway.ended() == 0
            pid = int(str(replaced["pid"]))
            told = [await heard.told() for _ in range(3)]
            assert sorted(told) == sorted(["READY=1", f"MAINPID={pid}", "READY=1"])
            assert (await gateway.admin("/readyz")).status == 200
            os.kill(pid, signal.SIGTERM)
            await gone(gateway)
            assert await heard.told() == "STOPPING=1"
            assert "Traceback" not in gateway.complaints


async def status(gateway: GatewayProcess, cookies: str) -> int:
    async with await RawConnection.open(gateway.port) as connection:
        asked = get("/", f"Cookie: {cookies}", "Connection: close", host=f"localhost:{gateway.port}")
        await connection.write(asked)
        return (await connection.answer()).status


async def test_C01_C02_a_unix_socket_outlives_who_made_it_and_a_successor_ends_with_whom_it_follows(
    tmp_path: Path,
) -> None:
    place = tmp_path / "gateway.sock"
    async with RecordingUpstream() as app:
        environ = {"GATEWAY_LISTEN": f"unix:{place}"}
        async with (
            gateway_process(tmp_path, route(app.url, PUBLIC), environ=environ) as gateway,
            no_orphans(gateway),
        ):
            sound = gateway.config.read_text()
            gateway.config.write_text(sound + "no toml")
            gateway.signal(signal.SIGUSR2)
            failed = await logged(gateway, "gateway.not_replaced")
            assert (failed["reason"], failed["status"]) == ("it ended", 2)
            assert await served(place, gateway)
            gateway.config.write_text(sound)
            gateway.signal(signal.SIGUSR2)
            second = int(str((await logged(gateway, "gateway.replaced"))["pid"]))
            assert await gateway.ended() == 0
            assert await served(place, gateway)
            third = await begun_by(second, gateway)
            os.kill(second, signal.SIGTERM)
            await gone(gateway)
            await logged(gateway, "gateway.stopped", 2)
            async with asyncio.timeout(20):
                while place.exists() or Path(f"/proc/{third}").exists():
                    await asyncio.sleep(0.02)
            assert gateway.log.count('"event":"gateway.replaced"') == 1


async def begun_by(pid: int, gateway: GatewayProcess) -> int:
    """Have the successor *pid* begin a handover too, and return whom it has started."""
    async with asyncio.timeout(50):
        while gateway.log.count('"event":"successor.started"') < 3:
            os.kill(pid, signal.SIGUSR2)  # it hears of it once it has taken over
            await asyncio.sleep(0.05)
    return int(str((await logged(gateway, "successor.started", 3))["pid"]))


async def served(place: Path, gateway: GatewayProcess) -> bool:
    async with await RawConnection.open_unix(str(place)) as connection:
        await connection.write(get("/", host=f"localhost:{gateway.port}"))
        return (await connection.answer()).status == 200
