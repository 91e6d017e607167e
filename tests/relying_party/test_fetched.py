import asyncio

import pytest

from gateway.errors import IssuerUnavailable
from gateway.model.issuer_health import FetchedDocument
from gateway.relying_party.fetched import Fetched
from tests.fakes.login import Hands


class Source:
    """A document that is a new object at each fetch, or an outage."""

    def __init__(self) -> None:
        self.fetches = 0
        self.down = False
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> list[int]:
        self.fetches += 1
        await self.open.wait()
        if self.down:
            raise IssuerUnavailable("down")
        return [self.fetches]


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def fetched(source: Source, clock: Hands) -> Fetched[list[int]]:
    return Fetched(source, clock=clock, jitter=lambda: 1.0)


async def test_a_document_is_kept_for_an_hour(
    fetched: Fetched[list[int]], source: Source, clock: Hands
) -> None:
    first = await fetched.current()
    clock.now += 3599
    assert await fetched.current() is first
    clock.now += 1
    assert await fetched.current() is not first
    assert source.fetches == 2


async def test_callers_that_come_together_share_a_fetch(fetched: Fetched[list[int]], source: Source) -> None:
    source.open.clear()
    callers = [asyncio.create_task(fetched.current()) for _ in range(20)]
    await asyncio.sleep(0)
    source.open.set()
    assert len({id(document) for document in await asyncio.gather(*callers)}) == 1
    assert source.fetches == 1


async def test_a_caller_that_leaves_ends_nothing_for_the_others(
    fetched: Fetched[list[int]], source: Source
) -> None:
    source.open.clear()
    leaving, staying = (asyncio.create_task(fetched.current()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    source.open.set()
    assert await staying == [1]


async def test_a_failure_is_the_answer_until_a_growing_pause_is_over(
    fetched: Fetched[list[int]], source: Source, clock: Hands
) -> None:
    source.down = True
    for pause in (1, 2, 4, 8, 16, 30, 30):
        before = source.fetches
        with pytest.raises(IssuerUnavailable):
            await fetched.current()
        assert source.fetches == before + 1
        clock.now += pause - 0.01
        with pytest.raises(IssuerUnavailable):
            await fetched.current()
        assert source.fetches == before + 1
        clock.now += 0.01
    source.down = False
    assert await fetched.current()


async def test_jitter_shortens_a_pause_by_half_at_most(source: Source, clock: Hands) -> None:
    fetched = Fetched(source, clock=clock, jitter=lambda: 0.0)
    source.down = True
    with pytest.raises(IssuerUnavailable):
        await fetched.current()
    source.down = False
    clock.now += 0.5
    assert await fetched.current()


async def test_T21_a_newer_document_is_asked_for_once_a_minute(
    fetched: Fetched[list[int]], source: Source, clock: Hands
) -> None:
    first = await fetched.current()
    second = await fetched.newer(than=first)
    assert second is not first
    assert await fetched.newer(than=first) is second
    clock.now += 59
    assert await fetched.newer(than=second) is second
    clock.now += 1
    assert await fetched.newer(than=second) is not second
    assert source.fetches == 3


async def test_T20_who_comes_while_a_newer_one_is_fetched_waits_for_it(
    fetched: Fetched[list[int]], source: Source
) -> None:
    first = await fetched.current()
    source.open.clear()
    callers = [asyncio.create_task(fetched.newer(than=first)) for _ in range(5)]
    await asyncio.sleep(0)
    source.open.set()
    assert await asyncio.gather(*callers) == [[2]] * 5


async def test_a_failed_look_for_a_newer_one_is_an_outage_and_keeps_what_there_is(
    fetched: Fetched[list[int]], source: Source, clock: Hands
) -> None:
    first = await fetched.current()
    source.down = True
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await fetched.newer(than=first)
        clock.now += 5
    assert source.fetches == 2
    assert await fetched.current() is first


async def test_how_fetching_went_is_known_without_fetching(
    fetched: Fetched[list[int]], source: Source, clock: Hands
) -> None:
    assert fetched.document == FetchedDocument()
    clock.now = 1000.5
    await fetched.current()
    assert fetched.document == FetchedDocument(fetched_at=1000)
    source.down = True
    clock.now += 3600
    for _ in range(2):
        with pytest.raises(IssuerUnavailable):
            await fetched.current()
        clock.now += 60
    assert fetched.document == FetchedDocument(fetched_at=1000, failed_at=4660, failures=2)
    source.down = False
    await fetched.current()
    assert fetched.document == FetchedDocument(fetched_at=4720, failed_at=4660, failures=0)
    assert source.fetches == 4
