"""A snapshot knows when its last request is over."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.front.snapshot import Running


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
