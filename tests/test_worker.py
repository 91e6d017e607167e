import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.worker import VARIABLE, Inheritance, Worker
from gateway.workers import listening

STAND_IN = (sys.executable, "-m", "tests.fakes.stand_in")


@asynccontextmanager
async def worker(folder: Path, how: str) -> AsyncIterator[tuple[Worker, socket.socket, int]]:
    """Start a stand-in; gives it, its public socket, and the held end of its lifeline."""
    public = listening("127.0.0.1", 0)
    lifeline, held = os.pipe()
    made = await Worker.start(
        (*STAND_IN, how), public=public, port=folder / "admin", lifeline=lifeline, workers=2
    )
    try:
        yield made, public, held
    finally:
        made.signal(signal.SIGKILL)
        await made.ended()
        public.close()
        os.close(lifeline)


async def test_it_serves_the_socket_that_it_is_given(tmp_path: Path) -> None:
    async with worker(tmp_path, "ready") as (made, public, held):
        assert await made.until_started()
        assert made.served
        assert os.getsid(made.pid) == made.pid, "Ctrl-C reaches the supervisor alone"
        reader, writer = await asyncio.open_connection(*public.getsockname())
        assert await reader.read() == b"%d" % made.pid
        writer.close()
        assert await made.ask("/metrics") == (200, b"ok\n")
        await made.drain()
        assert made.status == 0
        os.close(held)


async def test_it_ends_when_its_supervisor_is_gone(tmp_path: Path) -> None:
    async with worker(tmp_path, "ready") as (made, _, held):
        assert await made.until_started()
        os.close(held)
        async with asyncio.timeout(10):
            assert await made.ended() == 0


async def test_C02_a_reload_waits_until_it_serves(tmp_path: Path) -> None:
    async with worker(tmp_path, "ready") as (made, _, held):
        made.reload()  # now the signal would be its end
        assert await made.until_started()
        await reloaded(made, 1)
        made.reload()
        await reloaded(made, 2)
        os.close(held)


async def reloaded(made: Worker, times: int) -> None:
    async with asyncio.timeout(20):
        while await made.ask("/reloads") != (200, b"%d" % times):
            await asyncio.sleep(0.02)


async def test_only_200_is_a_yes(tmp_path: Path) -> None:
    async with worker(tmp_path, "moody") as (made, _, held):
        assert await made.until_started()
        assert [await made.answers("/livez") for _ in range(3)] == [False, False, True]
        os.close(held)


async def test_C01_who_waits_for_its_end_beside_another_does_not_hasten_it(tmp_path: Path) -> None:
    async with worker(tmp_path, "patient") as (made, _, held):
        assert await made.until_started()
        waiting = [asyncio.create_task(made.drain()) for _ in range(2)]
        assert await made.answers("/livez")
        assert await made.answers("/finish")
        await asyncio.gather(*waiting)
        assert made.status == 0
        os.close(held)


async def test_C01_one_that_takes_too_long_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.worker.DRAIN", 0.05)
    async with worker(tmp_path, "patient") as (made, _, held):
        assert await made.until_started()
        await made.drain()
        assert made.status == -signal.SIGKILL
        os.close(held)


async def test_one_that_dies_did_not_start(tmp_path: Path) -> None:
    async with worker(tmp_path, "dies") as (made, _, held):
        assert not await made.until_started()
        assert (made.status, made.served) == (3, False)
        assert not await made.answers("/livez")
        made.signal(signal.SIGTERM)  # too late, and no fault
        os.close(held)


async def test_one_that_says_nothing_answers_no(tmp_path: Path) -> None:
    async with worker(tmp_path, "mute") as (made, _, held):
        with pytest.raises(TimeoutError):
            await made.ask("/livez", patience=0.05)
        os.close(held)


def test_who_is_nobodys_worker_inherits_nothing() -> None:
    assert Inheritance.of({}) is None


def test_what_is_inherited_is_told_in_one_variable() -> None:
    one, other = socket.socketpair()
    mine = Inheritance.of({VARIABLE: f"{one.detach()},{other.detach()},9,4"})
    assert mine is not None
    assert (mine.lifeline, mine.workers) == (9, 4)
    mine.public.close()
    mine.admin.close()
