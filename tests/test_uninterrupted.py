"""Work goes on to its end whoever stops waiting, and the cancellation is raised only then."""

import asyncio

import pytest

from gateway.uninterrupted import uninterrupted


async def test_what_is_not_cancelled_is_as_if_it_were_awaited() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await uninterrupted(work()) == 7


async def test_a_cancellation_waits_for_the_end_however_often_it_comes() -> None:
    done, begun, go_on = [], asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        done.append("all of it")

    waiting = asyncio.ensure_future(uninterrupted(work()))
    await begun.wait()
    for _ in range(3):
        waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == ["all of it"]


async def test_what_fails_after_a_cancellation_is_no_complaint_of_the_loop() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        raise ValueError("too late for anybody")

    waiting = asyncio.ensure_future(uninterrupted(work()))
    await begun.wait()
    waiting.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ValueError, match="in time"):
        await uninterrupted(_failing())


async def _failing() -> None:
    raise ValueError("in time")
