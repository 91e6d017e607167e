"""One thread for the loop: shared trips, fresh answers, nobody kept waiting by who went away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event, current_thread

import pytest

from gateway.store.strand import Strand


class Echo:
    """Answers by what was asked, once *gate* is open; notes what it did and in which trip."""

    def __init__(self) -> None:
        self.gate = Event()
        self.gate.set()
        self.done: list[int] = []
        self.closed = 0
        self.threads: set[str] = set()

    def do(self, asked: int, /) -> int:
        self.gate.wait(5)
        self.threads.add(current_thread().name)
        self.done.append(asked)
        if asked < 0:
            raise ValueError(asked)
        return asked * 2

    def close(self) -> None:
        self.closed += 1


@asynccontextmanager
async def working() -> AsyncIterator[tuple[Strand[int, int], Echo]]:
    echo = Echo()
    strand: Strand[int, int] = Strand(echo, name="echo")
    try:
        yield strand, echo
    finally:
        echo.gate.set()
        await strand.end()


def trips(strand: Strand[int, int]) -> list[int]:
    """Count how many questions each trip takes from now on."""
    sizes: list[int] = []
    depart = strand._depart

    def counted() -> None:
        sizes.append(len(strand._asked))
        depart()

    strand._depart = counted  # type: ignore[method-assign]
    return sizes


async def test_what_is_asked_in_one_turn_of_the_loop_is_one_trip() -> None:
    async with working() as (strand, echo):
        sizes = trips(strand)
        answers = await asyncio.gather(*map(strand.ask, range(50)))
        assert answers == [number * 2 for number in range(50)]
        assert sizes == [50]
        assert echo.threads == {"echo"}


async def test_what_is_asked_meanwhile_goes_along_on_the_next_trip() -> None:
    async with working() as (strand, echo):
        sizes = trips(strand)
        echo.gate.clear()
        first = strand.ask(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        later = []
        for number in range(2, 7):
            later.append(strand.ask(number))
            await asyncio.sleep(0)
        echo.gate.set()
        assert [await each for each in (first, *later)] == [2, 4, 6, 8, 10, 12]
        assert sizes == [1, 5]


async def test_B066_no_answer_is_of_work_that_began_before_the_question() -> None:
    async with working() as (strand, echo):
        echo.gate.clear()
        first = strand.ask(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second = strand.ask(1)
        echo.gate.set()
        await first
        await second
        assert echo.done == [1, 1], "the second question was asked by itself"


async def test_a_failure_is_one_question_s_and_no_other_s() -> None:
    async with working() as (strand, _):
        answers = await asyncio.gather(*map(strand.ask, (1, -1, 2)), return_exceptions=True)
        assert (answers[0], answers[2]) == (2, 4)
        assert isinstance(answers[1], ValueError)


async def test_who_went_away_is_passed_over() -> None:
    async with working() as (strand, echo):
        gone, stays = strand.ask(1), strand.ask(2)
        gone.cancel()
        assert await stays == 4
        assert echo.done == [2]


async def test_who_goes_away_meanwhile_disturbs_nobody() -> None:
    async with working() as (strand, echo):
        echo.gate.clear()
        gone, stays = strand.ask(1), strand.ask(2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gone.cancel()
        echo.gate.set()
        assert await stays == 4
        assert await strand.ask(3) == 6


async def test_the_end_comes_after_what_was_under_way_and_lets_go_once() -> None:
    async with working() as (strand, echo):
        answer = strand.ask(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await strand.end()
        assert (await answer, echo.closed) == (2, 1)
        await strand.end()
        assert echo.closed == 1


async def test_a_strand_that_never_worked_ends_at_once() -> None:
    echo = Echo()
    await asyncio.wait_for(Strand(echo, name="echo").end(), 1)
    assert echo.threads == set()


def test_a_loop_that_is_gone_hurts_no_thread() -> None:
    echo = Echo()
    echo.gate.clear()

    async def leave() -> Strand[int, int]:
        strand: Strand[int, int] = Strand(echo, name="echo")
        strand.ask(1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return strand

    strand = asyncio.run(leave())
    thread = strand._thread
    assert thread is not None
    echo.gate.set()
    strand._trips.put(None)
    thread.join(5)
    assert not thread.is_alive()
    assert echo.closed == 1


@pytest.mark.parametrize("count", [1, 3])
async def test_the_thread_holds_up_no_process_that_ends(count: int) -> None:
    async with working() as (strand, _):
        await asyncio.gather(*map(strand.ask, range(count)))
        assert strand._thread is not None
        assert strand._thread.daemon
