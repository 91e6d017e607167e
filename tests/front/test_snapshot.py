"""A snapshot knows when its last request is over."""

import asyncio

from gateway.front.snapshot import Running


async def test_nothing_runs_at_first() -> None:
    await asyncio.wait_for(Running().over(), 1)


async def test_it_is_over_when_the_last_has_left() -> None:
    running = Running()
    with running:
        with running:
            waiting = asyncio.create_task(running.over())
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_a_request_that_fails_has_left_too() -> None:
    running = Running()
    try:
        with running:
            raise ValueError
    except ValueError:
        pass
    await asyncio.wait_for(running.over(), 1)


async def test_one_that_enters_before_the_waiter_wakes_is_waited_for() -> None:
    running = Running()
    with running:
        waiting = asyncio.create_task(running.over())
        await asyncio.sleep(0)
    with running:
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 1)


async def test_a_waiter_that_gives_up_harms_nobody() -> None:
    running = Running()
    with running:
        waiting = asyncio.create_task(running.over())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
    await asyncio.wait_for(running.over(), 1)
