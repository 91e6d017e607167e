import asyncio
import io
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway import workers
from gateway.observe.log import configure
from gateway.workers import Plan, Supervisor
from tests.fakes.ports import free_port

STAND_IN = (sys.executable, "-m", "tests.fakes.stand_in")


@asynccontextmanager
async def supervised(folder: Path, how: str, count: int = 2) -> AsyncIterator[tuple[Supervisor, int]]:
    port = free_port()
    log = configure(form="json", level="info", stream=io.BytesIO(), clock=lambda: 0.0)
    plan = Plan(command=(*STAND_IN, how), where=("127.0.0.1", port), workers=count, folder=folder)
    supervisor = Supervisor(plan, log=log)
    try:
        yield supervisor, port
    finally:
        await supervisor.end()
        log.close()


def pids(supervisor: Supervisor) -> set[int]:
    return {place.serving.pid for place in supervisor.places if place.serving is not None}


async def answered(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(20):
            return int(await reader.read())
    finally:
        writer.close()


async def test_connections_reach_every_worker(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready") as (supervisor, port):
        assert await supervisor.start() == 0
        assert {await answered(port) for _ in range(64)} == pids(supervisor)


async def test_C07_a_worker_that_dies_is_replaced_and_what_waited_for_it_is_served(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready") as (supervisor, port):
        assert await supervisor.start() == 0
        before = pids(supervisor)
        lost = supervisor.places[0].serving
        assert lost is not None
        lost.signal(signal.SIGKILL)
        seen = set(await asyncio.gather(*[answered(port) for _ in range(32)]))
        assert lost.pid not in seen
        assert seen == pids(supervisor)
        assert len(before & seen) == 1
        assert [place.restarts for place in supervisor.places] == [1, 0]


async def test_one_that_cannot_start_ends_all_with_its_status(tmp_path: Path) -> None:
    async with supervised(tmp_path, "dies") as (supervisor, _):
        assert await supervisor.start() == 3


async def test_C07_one_that_answers_no_more_is_killed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "EVERY", 0.05)
    async with supervised(tmp_path, "ready", count=1) as (supervisor, port):
        assert await supervisor.start() == 0
        hung = supervisor.places[0].serving
        assert hung is not None
        (tmp_path / "worker-1.1").unlink()  # nobody finds its admin port any more
        async with asyncio.timeout(20):
            assert await hung.ended() == -signal.SIGKILL
        assert await answered(port) != hung.pid


async def test_all_are_replaced_one_after_the_other_and_nobody_is_refused(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready") as (supervisor, port):
        assert await supervisor.start() == 0
        before = pids(supervisor)
        replacing = asyncio.create_task(supervisor.replace())
        seen = set()
        while not replacing.done():
            seen.add(await answered(port))
        await replacing
        assert before.isdisjoint(pids(supervisor))
        assert seen <= before | pids(supervisor)
        assert {await answered(port) for _ in range(64)} == pids(supervisor)
        assert [place.restarts for place in supervisor.places] == [0, 0]


async def test_a_successor_that_does_not_serve_takes_nobodys_place(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready", count=1) as (supervisor, port):
        assert await supervisor.start() == 0
        before = pids(supervisor)
        place = supervisor.places[0]
        object.__setattr__(place._plan, "command", (*STAND_IN, "dies"))
        assert not await place.replace()
        assert pids(supervisor) == before
        assert await answered(port) in before


async def test_after_the_end_nobody_listens(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready") as (supervisor, port):
        assert await supervisor.start() == 0
    with pytest.raises(OSError, match=r".*"):
        await answered(port)
