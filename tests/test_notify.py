"""What systemd is told, whoever it is that listens."""

import asyncio
import socket
from pathlib import Path

import pytest

from gateway.notify import Notify
from tests.fakes.systemd import systemd

PID = 4711


@pytest.mark.parametrize("abstract", [False, True])
async def test_it_tells_of_beginning_and_end(tmp_path: Path, abstract: bool) -> None:
    async with systemd(tmp_path, abstract=abstract) as listening:
        notify = Notify.of({"NOTIFY_SOCKET": listening.address}, pid=PID)
        notify.ready()
        notify.stopping()
        assert [await listening.told(), await listening.told()] == ["READY=1", "STOPPING=1"]


async def test_who_was_followed_by_another_says_nothing_more(tmp_path: Path) -> None:
    async with systemd(tmp_path) as listening:
        notify = Notify.of({"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "2000"}, pid=PID)
        living = asyncio.create_task(notify.stay_alive())
        assert await listening.told() == "WATCHDOG=1"
        notify.followed_by(12)
        await living
        notify.stopping()
        assert (await listening.until("MAINPID=12"))[1:] == []
        assert listening.heard.empty()


async def test_C07_one_that_listens_and_does_not_hear_keeps_nobody_waiting(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "s"))
        notify = Notify.of({"NOTIFY_SOCKET": str(tmp_path / "s")}, pid=PID)
        async with asyncio.timeout(10):
            await asyncio.to_thread(lambda: [notify.ready() for _ in range(2000)])


@pytest.mark.parametrize("environ", [{}, {"WATCHDOG_PID": str(PID)}])
async def test_C07_signs_of_life_go_on_until_cancelled(tmp_path: Path, environ: dict[str, str]) -> None:
    async with systemd(tmp_path) as listening:
        asked = {"NOTIFY_SOCKET": listening.address, "WATCHDOG_USEC": "2000", **environ}
        living = asyncio.create_task(Notify.of(asked, pid=PID).stay_alive())
        assert [await listening.told() for _ in range(3)] == ["WATCHDOG=1"] * 3
        living.cancel()
        with pytest.raises(asyncio.CancelledError):
            await living


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "2000", "WATCHDOG_PID": "1"},
    ],
)
async def test_where_no_signs_of_life_are_awaited_none_are_given(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    async with systemd(tmp_path) as listening:
        notify = Notify.of({"NOTIFY_SOCKET": listening.address, **environ}, pid=PID)
        await notify.stay_alive()
        notify.stopping()
        assert await listening.told() == "STOPPING=1"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "2000"},
        {"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "2000"},
        {"NOTIFY_SOCKET": "relative", "WATCHDOG_USEC": "2000"},
    ],
)
async def test_where_nobody_listens_nothing_is_told(environ: dict[str, str]) -> None:
    notify = Notify.of(environ, pid=PID)
    notify.ready()
    await notify.stay_alive()
    notify.stopping()


async def test_one_who_listens_no_more_is_missed_by_nobody(tmp_path: Path) -> None:
    notify = Notify(str(tmp_path / "gone"))
    notify.ready()
    notify.stopping()
