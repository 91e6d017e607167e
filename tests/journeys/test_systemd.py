"""A gateway that systemd started tells how it fares: alone, and as several workers."""

from pathlib import Path

import pytest

from tests.fakes.process import gateway_process
from tests.fakes.systemd import systemd


@pytest.mark.parametrize("workers", [1, 2])
async def test_C07_systemd_hears_when_it_serves_that_it_lives_and_when_it_ends(
    tmp_path: Path, workers: int
) -> None:
    async with systemd(tmp_path) as listening:
        told = {
            "NOTIFY_SOCKET": listening.address,
            "WATCHDOG_USEC": "100000",
            "GATEWAY_WORKERS": str(workers),
        }
        route = '[[routes]]\nupstream = "http://127.0.0.1:9"\naccess = "public"\n'
        async with gateway_process(tmp_path, route, environ=told):
            assert set(await listening.until("READY=1")) <= {"WATCHDOG=1"}
            for _ in range(3):
                assert await listening.told() == "WATCHDOG=1"
        assert set(await listening.until("STOPPING=1")) <= {"WATCHDOG=1"}
