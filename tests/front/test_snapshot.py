"""A snapshot knows when its last request is over."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.front.snapshot import Running
from tests.fakes.front import Door, ask, front
from tests.fakes.gateway import HOST
from tests.fakes.raw_client import get, send_raw


@contextmanager
def one(running: Running) -> Iterator[None]:
    passage = object()
    running.enter(passage)
    try:
        yield
    finally:
        running.leave(passage)


async def test_nothing_runs_at_first() -> None:
    await asyncio.wait_for(Running().over(), 1)


async def test_it_is_over_when_the_last_has_left() -> None:
    running = Running()
    with one(running):
        with one(running):
            waiting = asyncio.create_task(running.over())
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_a_request_that_fails_has_left_too() -> None:
    running = Running()
    try:
        with one(running):
            raise ValueError
    except ValueError:
        pass
    await asyncio.wait_for(running.over(), 1)


async def test_one_that_enters_before_the_waiter_wakes_is_waited_for() -> None:
    running = Running()
    with one(running):
        waiting = asyncio.create_task(running.over())
        await asyncio.sleep(0)
    with one(running):
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_a_waiter_that_gives_up_harms_nobody() -> None:
    running = Running()
    with one(running):
        waiting = asyncio.create_task(running.over())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    await asyncio.wait_for(running.over(), 1)


async def test_an_end_that_is_told_twice_is_one() -> None:
    running, passage, other = Running(), object(), object()
    running.enter(passage)
    running.enter(other)
    running.leave(passage)
    running.leave(passage)
    waiting = asyncio.create_task(running.over())
    await asyncio.sleep(0)
    assert not waiting.done()
    running.leave(other)
    await asyncio.wait_for(waiting, 1)


@contextmanager
def left_to_the_collector() -> Iterator[list[str]]:
    """Give the classes of ours whose objects nothing but the collector frees, once the block is over."""
    found: list[str] = []
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        found += {type(each).__name__ for each in gc.garbage if type(each).__module__.startswith("gateway.")}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


async def nobody_connected(door: Door) -> None:
    async with asyncio.timeout(15):
        while True:
            answer, _ = await send_raw(door.gateway.admin_port, get("/metrics", host="127.0.0.1"))
            if b"\ngateway_connections_open 0.0\n" in answer.body:
                return


async def asked_and_gone(door: Door) -> None:
    """Ask for what is there, what is not, and what is none, each on a connection that ends."""
    last = b"Connection: close"
    for request in (
        ask(b"GET / HTTP/1.1", last),
        ask(b"POST / HTTP/1.1", last, b"Content-Length: 2", body=b"hi"),
        get("/.gateway/nothing", last.decode(), host=HOST),
        get("/.gateway/account", last.decode(), host=HOST),
        get("/", last.decode(), host="elsewhere.example"),
        ask(b"GET /%2f HTTP/1.1", last),
    ):
        await door.send(request)


async def test_a_request_is_freed_with_its_end_answered_or_refused(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        await asked_and_gone(door)  # what is made once is made
        with left_to_the_collector() as left:
            await asked_and_gone(door)
            door.upstream.fault = "no answer"
            await door.send(ask(b"GET / HTTP/1.1", b"Connection: close"))
            await nobody_connected(door)
    assert left == []
