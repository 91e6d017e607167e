import asyncio
import io
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from gateway import workers
from gateway.observe.log import configure
from gateway.worker import Worker
from gateway.workers import Place, Plan, Supervisor, listening
from tests.fakes.ports import free_port

STAND_IN = (sys.executable, "-m", "tests.fakes.stand_in")


@asynccontextmanager
async def supervised(
    folder: Path, how: str, count: int = 2, *, told: io.BytesIO | None = None
) -> AsyncIterator[tuple[Supervisor, int]]:
    port = free_port()
    log = configure(form="json", level="info", stream=told or io.BytesIO(), clock=lambda: 0.0)
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


@pytest.mark.parametrize(("how", "status"), [("dies", 3), ("killed", 1)])
async def test_one_that_cannot_start_ends_all_with_its_status(tmp_path: Path, how: str, status: int) -> None:
    async with supervised(tmp_path, how) as (supervisor, _):
        assert await supervisor.start() == status


async def test_one_that_hangs_at_the_first_start_is_killed_told_and_ends_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "START", 0.3)
    told = io.BytesIO()
    async with supervised(tmp_path, "mute", told=told) as (supervisor, _):
        assert await supervisor.start() == 1
        assert [place.worker.status for place in supervisor.places if place.worker] == [-signal.SIGKILL] * 2
        assert running(supervisor) == []
    for name in ("worker-1", "worker-2"):
        assert f'"event":"worker.not_serving","worker":"{name}","pid":' in told.getvalue().decode()
    assert b"workers.started" not in told.getvalue()


async def test_C07_one_that_answers_now_and_then_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "EVERY", 0.01)
    async with supervised(tmp_path, "moody", count=1) as (supervisor, _):
        assert await supervisor.start() == 0
        [place] = supervisor.places
        moody = place.worker
        assert moody is not None
        async with asyncio.timeout(20):
            while int((await moody.ask("/asked"))[1]) < 9:
                await asyncio.sleep(0.01)
        assert (moody.status, place.restarts) == (None, 0)


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


async def replaced(supervisor: Supervisor, before: set[int]) -> bool:
    """Say whether each place has one process, and none of those *before*."""
    return before.isdisjoint(running(supervisor)) and len(running(supervisor)) == len(supervisor.places)


def running(supervisor: Supervisor) -> list[int]:
    return [worker.pid for place in supervisor.places for worker in place.running]


async def test_C07_all_are_replaced_one_after_the_other_and_nobody_is_refused(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready") as (supervisor, port):
        assert await supervisor.start() == 0
        before = pids(supervisor)
        supervisor.replace()
        supervisor.replace()  # once is enough
        seen = set()
        async with asyncio.timeout(30):
            while not await replaced(supervisor, before):
                seen.add(await answered(port))
        assert seen <= before | pids(supervisor)
        assert {await answered(port) for _ in range(64)} == pids(supervisor)
        assert [place.restarts for place in supervisor.places] == [0, 0]


async def test_nothing_is_replaced_before_all_serve(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready") as (supervisor, _):
        supervisor.replace()
        assert await supervisor.start() == 0
        assert len(running(supervisor)) == 2


@pytest.mark.parametrize("how", ["dies", "mute"])
async def test_C07_a_successor_that_does_not_serve_takes_nobodys_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    told = io.BytesIO()
    async with supervised(tmp_path, "ready", count=1, told=told) as (supervisor, port):
        assert await supervisor.start() == 0
        before = pids(supervisor)
        [place] = supervisor.places
        if how == "mute":  # one that dies is waited for, however long it takes to
            monkeypatch.setattr(workers, "START", 0.3)
        become(place, how)
        assert not await place.replace()
        assert running(supervisor) == list(before)
        assert await answered(port) in before
    assert (b"worker.not_serving" in told.getvalue()) == (how == "mute")
    status = 3 if how == "dies" else -signal.SIGKILL
    assert f'"event":"worker.not_replaced","worker":"worker-1","status":{status}' in told.getvalue().decode()


async def test_C07_a_replacement_stops_at_the_first_that_does_not_serve(tmp_path: Path) -> None:
    told = io.BytesIO()
    async with supervised(tmp_path, "ready", told=told) as (supervisor, _):
        assert await supervisor.start() == 0
        before = running(supervisor)
        become(supervisor.places[0], "dies")
        supervisor.replace()
        assert supervisor._replacing is not None
        await supervisor._replacing
        assert running(supervisor) == before
    assert b"workers.replaced" not in told.getvalue()


def become(place: Place, how: str) -> None:
    """Have the next process at *place* be of that kind."""
    place._plan = replace(place._plan, command=(*STAND_IN, how))


async def test_C01_the_end_waits_for_one_that_is_being_replaced(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready", count=1) as (supervisor, _):
        assert await supervisor.start() == 0
        [place] = supervisor.places
        former = place.worker
        become(place, "mute")
        supervisor.replace()
        await until(lambda: len(running(supervisor)) == 2)
    assert former is not None
    assert former.status == 0
    assert running(supervisor) == []


async def test_C01_the_end_lets_one_finish_that_was_replaced(tmp_path: Path) -> None:
    async with supervised(tmp_path, "patient", count=1) as (supervisor, _):
        assert await supervisor.start() == 0
        [place] = supervisor.places
        former = place.worker
        become(place, "ready")
        supervisor.replace()
        await until(lambda: place.worker is not former)
        assert former is not None
        assert place.worker is not None
        finishing = asyncio.create_task(finish(former, once_ended=place.worker))
    await finishing
    assert (former.status, running(supervisor)) == (0, [])


async def test_C01_asked_again_the_end_waits_for_nobody(tmp_path: Path) -> None:
    async with supervised(tmp_path, "patient") as (supervisor, _):
        assert await supervisor.start() == 0
        kept = [place.worker for place in supervisor.places]
        asking = asyncio.create_task(end_once_ending(supervisor))
    await asking
    assert [worker.status for worker in kept if worker is not None] == [5, 5]


async def end_once_ending(supervisor: Supervisor) -> None:
    """Ask for the end at once, as soon as every worker knows of the end."""
    async with asyncio.timeout(20):
        for place in supervisor.places:
            while place.worker is not None and (await place.worker.ask("/signals"))[1] != b"1":
                await asyncio.sleep(0.01)
    supervisor.end_at_once()


async def finish(worker: Worker, *, once_ended: Worker) -> None:
    async with asyncio.timeout(20):
        await once_ended.ended()
        assert await worker.answers("/finish")


async def test_C07_one_that_dies_while_its_successor_starts_is_replaced_by_that(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready", count=1) as (supervisor, port):
        assert await supervisor.start() == 0
        [place] = supervisor.places
        former = place.worker
        assert former is not None
        supervisor.replace()
        await until(lambda: len(running(supervisor)) == 2)
        former.signal(signal.SIGKILL)
        await until(lambda: place.worker is not former)
        [successor] = running(supervisor)
        assert await answered(port) == successor
        assert await place.replace()
        assert len(running(supervisor)) == 1
        assert len(list(tmp_path.glob("worker-1.*"))) == 3, "nobody else was started"


async def test_C07_where_no_process_can_be_started_it_is_tried_again(tmp_path: Path) -> None:
    told = io.BytesIO()
    async with supervised(tmp_path, "ready", count=1, told=told) as (supervisor, port):
        assert await supervisor.start() == 0
        [place] = supervisor.places
        place._plan = replace(place._plan, command=(str(tmp_path / "nowhere"),))
        assert not await place.replace()
        assert place.worker is not None
        place.worker.signal(signal.SIGKILL)
        await until(lambda: told.getvalue().count(b'"event":"worker.not_started"') > 2)
        for again_in in (b"", b',"again_in":0.4', b',"again_in":0.8'):
            assert b'"reason":"No such file or directory"%s}' % again_in in told.getvalue()
        become(place, "ready")
        assert await answered(port) in running(supervisor)
        assert place.restarts == 1


async def test_C07_a_crash_loop_ends_with_a_process_that_serves(tmp_path: Path) -> None:
    told = io.BytesIO()
    async with supervised(tmp_path, "ready", count=1, told=told) as (supervisor, port):
        assert await supervisor.start() == 0
        [place] = supervisor.places
        become(place, "dies")
        assert place.worker is not None
        place.worker.signal(signal.SIGKILL)
        await until(lambda: place.restarts > 1)
        become(place, "ready")
        assert await place.replace()
        [serving] = running(supervisor)
        assert await answered(port) == serving
        assert len(list(tmp_path.glob("worker-1.*"))) == place.restarts + 2, "it waited for its turn"
    assert b'"status":-9,"again_in":0.2}' in told.getvalue()
    assert b'"status":3,"again_in":0.4}' in told.getvalue()


async def test_C07_nobody_waits_for_one_that_never_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = io.BytesIO()
    async with supervised(tmp_path, "ready", told=told) as (supervisor, port):
        assert await supervisor.start() == 0
        lost, other = supervisor.places
        become(lost, "dies")
        assert lost.worker is not None
        assert other.worker is not None
        lost.worker.signal(signal.SIGKILL)
        await until(lambda: lost.restarts > 0)
        monkeypatch.setattr(workers, "_LASTED", 0.0)
        monkeypatch.setattr(workers, "_SHORTEST", 60.0)
        await until(lambda: b'"again_in":60.0' in told.getvalue())
        assert {await answered(port) for _ in range(64)} == {other.worker.pid}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def test_ports_are_shared_and_free_again_at_once() -> None:
    with listening("127.0.0.1", 0) as one:
        for option in (socket.SO_REUSEPORT, socket.SO_REUSEADDR):
            assert one.getsockopt(socket.SOL_SOCKET, option)
        with listening(*one.getsockname()) as other:
            assert other.getsockname() == one.getsockname()


def test_an_ipv6_address_takes_no_ipv4_whether_one_process_serves_or_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = MagicMock()  # not every machine that runs tests has IPv6
    monkeypatch.setattr("gateway.workers.socket.socket", made)
    listening("::", 8080)
    made.return_value.setsockopt.assert_any_call(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.return_value.bind.assert_called_once_with(("::", 8080, 0, 0))


def test_a_name_of_several_addresses_is_refused_rather_than_served_by_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr("gateway.workers.socket.getaddrinfo", lambda *_, **__: both)
    with pytest.raises(OSError, match="several addresses"):
        listening("localhost", 0)
    monkeypatch.setattr("gateway.workers.socket.getaddrinfo", lambda *_, **__: both[1:] * 2)
    with listening("localhost", 0) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


async def test_after_the_end_nobody_listens_and_nobody_is_kept(tmp_path: Path) -> None:
    async with supervised(tmp_path, "ready") as (supervisor, port):
        assert await supervisor.start() == 0
    assert all(task.done() for task in supervisor._keeping)
    with pytest.raises(OSError, match=r".*"):
        await answered(port)
