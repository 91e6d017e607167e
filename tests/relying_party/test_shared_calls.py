"""One call for all who wait for it, a bounded number of calls, and who hangs up spoils it for nobody."""

import asyncio
from contextvars import ContextVar

import pytest

from gateway.errors import IssuerBusy, IssuerUnavailable
from gateway.relying_party.shared_calls import AT_ONCE, MOST, SharedCalls
from tests.fakes.login import Hands


class Calls:
    """Calls that wait until they are let go."""

    def __init__(self, *, fails: Exception | None = None) -> None:
        self.made = 0
        self.under_way = 0
        self.most = 0
        self.go = asyncio.Event()
        self.fails = fails

    async def __call__(self) -> int:
        self.made += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
        finally:
            self.under_way -= 1
        if self.fails is not None:
            raise self.fails
        return self.made


def shared(
    *, per_second: int = 1000, clock: Hands | None = None, longest_wait: float = 60
) -> SharedCalls[int]:
    return SharedCalls(per_second=per_second, clock=clock or Hands(), longest_wait=longest_wait)


async def started(tasks: list[asyncio.Task[int]]) -> None:
    """Let *tasks* run as far as they can; none of them waits for anything but a call."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_waits_for_the_same_key_shares_one_call() -> None:
    calls, calling = shared(), Calls()
    tasks = [asyncio.create_task(calls.share(b"a", calling)) for _ in range(50)]
    await started(tasks)
    calling.go.set()
    assert await asyncio.gather(*tasks) == [1] * 50
    assert await calls.share(b"a", calling) == 2  # a later one is answered anew


async def test_what_a_call_finds_out_is_told_of_none_of_those_who_wait() -> None:
    noted: ContextVar[str] = ContextVar("noted", default="nothing")
    noted.set("of a request")

    async def seen() -> int:
        return len(noted.get())

    assert await SharedCalls(per_second=9, clock=Hands()).share(b"a", seen) == len("nothing")


async def test_a_failure_is_everybodys_and_is_not_kept() -> None:
    calls, calling = shared(), Calls(fails=IssuerUnavailable("down"))
    calling.go.set()
    tasks = [asyncio.create_task(calls.share(b"a", calling)) for _ in range(3)]
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in found] == [IssuerUnavailable] * 3
    assert calling.made == 1
    calling.fails = None
    assert await calls.share(b"a", calling) == 2


async def test_who_hangs_up_takes_the_call_from_nobody() -> None:
    calls, calling = shared(), Calls()
    first, second = (asyncio.create_task(calls.share(b"a", calling)) for _ in range(2))
    await started([first, second])
    first.cancel()
    await asyncio.wait([first], timeout=10)
    calling.go.set()
    assert await second == 1
    assert calling.made == 1


async def test_few_calls_are_made_at_once_and_the_others_wait_for_their_turn() -> None:
    calls, calling = shared(), Calls()
    tasks = [asyncio.create_task(calls.share(b"%d" % number, calling)) for number in range(MOST)]
    await started(tasks)
    assert (calling.under_way, calling.made) == (AT_ONCE, AT_ONCE)
    with pytest.raises(IssuerBusy):
        await calls.share(b"one more", calling)
    calling.go.set()
    await asyncio.gather(*tasks)
    assert (calling.made, calling.most) == (MOST, AT_ONCE)


async def test_nobody_waits_for_a_turn_without_end() -> None:
    calls, calling = shared(longest_wait=0.01), Calls()
    tasks = [asyncio.create_task(calls.share(b"%d" % number, calling)) for number in range(AT_ONCE)]
    await started(tasks)
    with pytest.raises(IssuerBusy):
        await calls.share(b"one more", calling)
    calling.go.set()
    await asyncio.gather(*tasks)
    assert await calls.share(b"one more", calling) == AT_ONCE + 1


async def test_more_calls_a_second_are_not_made_and_time_brings_them_back() -> None:
    clock = Hands()
    calls, calling = shared(per_second=10, clock=clock), Calls()
    calling.go.set()
    for number in range(10):
        await calls.share(b"%d" % number, calling)
    with pytest.raises(IssuerBusy):
        await calls.share(b"x", calling)
    clock.now += 0.1
    await calls.share(b"x", calling)
    with pytest.raises(IssuerBusy):
        await calls.share(b"y", calling)
    assert calling.made == 11


async def test_a_clock_that_goes_back_keeps_nobody_waiting() -> None:
    clock = Hands()
    calls, calling = shared(per_second=2, clock=clock), Calls()
    calling.go.set()
    for number in range(2):
        await calls.share(b"%d" % number, calling)
    clock.now -= 3600
    with pytest.raises(IssuerBusy):
        await calls.share(b"x", calling)
    clock.now += 1
    assert await calls.share(b"x", calling) == 3
