import asyncio
import gc

import pytest

from gateway.errors import StoreUnavailable
from gateway.sessions.lookups import Lookups
from tests.fakes.clock import FakeClock
from tests.fakes.directory import FakeDirectory
from tests.fakes.sessions import ALICE, LOGIN, Node, Tallied

SESSION = Node().sessions.issue(LOGIN, ALICE, persistent=True)


class Desk:
    def __init__(self, *, patience: float = 5.0) -> None:
        self.clock = FakeClock(1000)
        self.directory = FakeDirectory(ALICE)
        self.tally = Tallied()
        self.lookups = Lookups(self.directory.standing, clock=self.clock, tally=self.tally, patience=patience)

    async def begun(self, *, fresh: bool = False) -> "asyncio.Task[object]":
        """Start a lookup and return once the directory has been asked."""
        self.directory.gate.clear()
        self.directory.asked.clear()
        task = asyncio.create_task(self.lookups.ask(SESSION, fresh=fresh))
        await self.directory.asked.wait()
        return task


async def test_an_answer_names_the_moment_before_the_question() -> None:
    desk = Desk()
    first = await desk.begun()
    desk.clock.advance(5)
    desk.directory.gate.set()
    answer = await first
    assert answer.asked_at == 1000  # type: ignore[attr-defined]


async def test_B86_requests_of_one_session_share_a_lookup() -> None:
    desk = Desk()
    first = await desk.begun()
    others = [asyncio.create_task(desk.lookups.ask(SESSION, fresh=False)) for _ in range(49)]
    desk.directory.gate.set()
    assert len({id(answer) for answer in await asyncio.gather(first, *others)}) == 1
    assert desk.directory.lookups == 1
    assert desk.tally.shared == 49
    await desk.lookups.ask(SESSION, fresh=False)
    assert desk.directory.lookups == 2


async def test_B66_a_fresh_question_never_gets_the_answer_to_an_earlier_one() -> None:
    desk = Desk()
    first = await desk.begun(fresh=True)
    desk.directory.change("u-alice", epoch=9)
    later = [asyncio.create_task(desk.lookups.ask(SESSION, fresh=True)) for _ in range(20)]
    await asyncio.sleep(0)
    desk.directory.gate.set()
    assert (await first).said.epoch == 3  # type: ignore[attr-defined]
    assert {(await task).said.epoch for task in later} == {9}  # type: ignore[union-attr]
    assert desk.directory.lookups == 2


async def test_a_queued_lookup_is_sent_although_the_one_before_it_failed() -> None:
    desk = Desk()
    first = await desk.begun()
    later = asyncio.create_task(desk.lookups.ask(SESSION, fresh=True))
    await asyncio.sleep(0)
    desk.directory.users.clear()
    desk.directory.gate.set()
    await first
    assert (await later).said is None


async def test_a_client_that_hangs_up_leaves_the_lookup_to_the_others() -> None:
    desk = Desk()
    first = await desk.begun()
    other = asyncio.create_task(desk.lookups.ask(SESSION, fresh=False))
    await asyncio.sleep(0)
    first.cancel()
    desk.directory.gate.set()
    assert (await other).said is not None
    assert desk.directory.lookups == 1


async def test_an_outage_is_told_to_all_and_not_remembered() -> None:
    desk = Desk()
    desk.directory.down = True
    answers = await asyncio.gather(
        *(desk.lookups.ask(SESSION, fresh=False) for _ in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [StoreUnavailable] * 3
    desk.directory.down = False
    assert (await desk.lookups.ask(SESSION, fresh=False)).said


async def test_no_answer_in_time_is_an_outage() -> None:
    desk = Desk(patience=0.01)
    desk.directory.gate.clear()
    with pytest.raises(StoreUnavailable):
        await desk.lookups.ask(SESSION, fresh=False)


async def test_a_failure_that_nobody_waits_for_any_more_disturbs_nobody() -> None:
    desk = Desk(patience=0.01)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    task = await desk.begun()
    task.cancel()
    with pytest.raises(StoreUnavailable):
        await desk.lookups.ask(SESSION, fresh=True)
    gc.collect()
    assert complaints == []


async def test_D02_who_waited_for_a_lookup_that_failed_does_not_wait_as_long_again() -> None:
    desk = Desk(patience=0.05)
    first = await desk.begun()
    later = [asyncio.create_task(desk.lookups.ask(SESSION, fresh=True)) for _ in range(3)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    answers = await asyncio.gather(first, *later, return_exceptions=True)
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert desk.directory.lookups == 1
    assert loop.time() - began < 1
