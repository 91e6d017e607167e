"""SIGHUP to the real process: it reloads, whatever it is given it lives, and it says what was wrong."""

import asyncio
import json
import re
import signal
from itertools import count
from pathlib import Path

import pytest

from gateway.keys.key_file import make, rotate
from gateway.model.secret_file import secrets_in
from tests.fakes.gateway import provider, route
from tests.fakes.issuer import HostileIssuer
from tests.fakes.process import GatewayProcess, gateway_process
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.upstream import RecordingUpstream

PUBLIC = 'access = "public"'


async def told(gateway: GatewayProcess, event: str, times: int = 1) -> list[dict[str, object]]:
    """Wait until the log holds *event* so many times; return those lines."""
    async with asyncio.timeout(20):
        while True:
            lines = [json.loads(line) for line in gateway.log.splitlines(keepends=True) if line[-1] == "\n"]
            found = [line for line in lines if line["event"] == event]
            if len(found) >= times:
                return found
            await asyncio.sleep(0.02)


async def test_C02_C03_sighup_reloads_and_a_broken_file_ends_nothing(tmp_path: Path) -> None:
    async with RecordingUpstream() as app:
        kept, gone = route(app.url, PUBLIC), route(app.url, PUBLIC).replace('"/"', '"/gone"')
        async with (
            gateway_process(tmp_path, kept + gone) as gateway,
            await RawConnection.open(gateway.port) as client,
        ):
            host = gateway.url.partition("://")[2]

            async def status(path: str) -> int:
                await client.write(get(path, host=host))
                return (await client.answer()).status

            assert await status("/gone") == 200
            gateway.configure(kept.replace('"/"', '"/still"'))
            gateway.signal(signal.SIGHUP)
            await told(gateway, "configuration.reloaded")
            assert [await status(path) for path in ("/gone", "/still")] == [404, 200]
            gateway.config.write_text("routes = [\n")
            gateway.signal(signal.SIGHUP)
            await told(gateway, "configuration.kept")
            assert await status("/still") == 200
            assert "gateway_config_last_reload_successful 0" in (await gateway.admin("/metrics")).text
        [fault] = await told(gateway, "configuration.fault")
        assert (fault["file"], fault["line"]) == (str(gateway.config), 2)


async def test_B131_a_key_file_that_changes_is_taken_over_without_a_signal(tmp_path: Path) -> None:
    key = tmp_path / "secret.key"
    make(key)
    async with RecordingUpstream() as app, gateway_process(tmp_path, route(app.url, PUBLIC)) as gateway:
        text = gateway.config.read_text()
        gateway.config.write_text(re.sub(r"(?m)^secret = .*$", 'secret = { file = "secret.key" }', text))
        gateway.signal(signal.SIGHUP)
        await told(gateway, "configuration.reloaded")
        rotate(key)
        await told(gateway, "configuration.reloaded", times=2)
        [changed] = await told(gateway, "configuration.files_changed")
        assert changed["files"] == [str(key)]
        published = json.loads((await gateway.admin("/.well-known/jwks.json")).text)
        assert len(published["keys"]) == 2


async def test_B129_B130_a_key_file_rotated_and_then_shortened_under_a_running_gateway(
    tmp_path: Path,
) -> None:
    key = tmp_path / "secret.key"
    make(key)
    async with HostileIssuer() as issuer, RecordingUpstream() as app:
        environ = {"ISSUER_SECRET": issuer.client_secret}
        async with gateway_process(tmp_path, provider(issuer) + route(app.url), environ=environ) as gateway:
            gateway.places[issuer.url] = int(issuer.url.rpartition(":")[2])
            reloads = count(1)

            async def reload() -> None:
                gateway.signal(signal.SIGHUP)
                await told(gateway, "configuration.reloaded", times=next(reloads))

            text = gateway.config.read_text()
            gateway.config.write_text(re.sub(r"(?m)^secret = .*$", 'secret = { file = "secret.key" }', text))
            await reload()
            alice = gateway.browser()
            assert (await alice.navigate(gateway.url + "/")).text == "hello"
            rotate(key)
            await reload()
            assert (await alice.fetch(gateway.url + "/")).status == 200
            rotate(key, keep=1)
            await reload()
            assert (await alice.fetch(gateway.url + "/")).status == 401
            assert (await alice.navigate(gateway.url + "/")).text == "hello"
        for secret in secrets_in(key.read_bytes()):
            assert secret.decode() not in gateway.log


async def test_sighup_before_the_gateway_serves_is_not_the_end(tmp_path: Path) -> None:
    gateway = GatewayProcess(folder=tmp_path)
    gateway.configure(route("http://127.0.0.1:9", PUBLIC))
    await gateway.start()
    async with asyncio.timeout(20):
        while not await _ignores_hangups(gateway):
            await asyncio.sleep(0.01)
        while '"gateway.started"' not in gateway.log:
            gateway.signal(signal.SIGHUP)
            await asyncio.sleep(0.02)
    gateway.signal()
    assert await gateway.ended() == 0, gateway.complaints + gateway.log


async def _ignores_hangups(gateway: GatewayProcess) -> bool:
    """Say whether the process has come far enough to outlive a SIGHUP."""
    status = Path(f"/proc/{gateway.pid}/status")
    if not status.exists():
        pytest.skip("this system does not tell what a process ignores")
    for line in status.read_text().splitlines():
        name, _, mask = line.partition(":")
        if name in ("SigIgn", "SigCgt") and int(mask, 16) & 1 << (signal.SIGHUP - 1):
            return True
    return False
