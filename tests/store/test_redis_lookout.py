import asyncio
import time
from collections.abc import Awaitable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import StoreUnavailable
from gateway.store.redis_lookout import LOOK_AGAIN, LOOK_EVERY, Lookout, agreed, place_of, understood
from gateway.store.redis_server import Place
from tests.fakes.clock import FakeClock


async def said(answer: str, *, after: float = 0.0) -> str:
    await asyncio.sleep(after)
    if not answer:
        raise StoreUnavailable("down")
    return answer


def asked(*answers: str) -> list[Awaitable[str]]:
    return [said(answer) for answer in answers]


async def test_more_than_half_agree_and_nobody_else_is_waited_for() -> None:
    began = time.monotonic()
    assert await agreed([said("a"), said("a"), said("b", after=60)]) == "a"
    assert time.monotonic() - began < 30


async def test_D03_one_that_was_cut_off_is_outvoted() -> None:
    assert await agreed(asked("old", "new", "new")) == "new"
    assert await agreed(asked("", "", "new")) == "new"


async def test_nobody_is_an_outage() -> None:
    with pytest.raises(StoreUnavailable):
        await agreed(asked("", ""))


async def test_looks_are_made_one_at_a_time_and_no_more_often_than_is_of_use() -> None:
    clock, looks = FakeClock(), 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)

    lookout = Lookout(look, monotonic=clock)
    for advance, doubted, total in (
        (0.0, False, 1),
        (LOOK_AGAIN * 1.1, False, 1),
        (0.0, True, 2),
        (LOOK_AGAIN / 2, True, 2),
        (LOOK_AGAIN * 0.6, False, 3),
        (LOOK_EVERY * 1.1, False, 4),
    ):
        clock.now += advance
        if doubted:
            lookout.doubt()
        lookout.when_due()
        await asyncio.sleep(0.01)
        assert looks == total
    await lookout.close()


async def test_a_look_that_failed_is_made_again_soon_and_the_first_is_waited_for() -> None:
    clock, looks = FakeClock(), 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        raise StoreUnavailable("down")

    lookout = Lookout(look, monotonic=clock)
    await lookout.first()
    assert looks == 1
    clock.now += LOOK_AGAIN * 1.1
    await lookout.first()
    assert looks == 2
    await lookout.close()


TOLD = st.recursive(
    st.none() | st.binary() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@given(TOLD, TOLD)
def test_whatever_is_told_of_a_place_is_one_or_an_outage(host: object, port: object) -> None:
    try:
        with understood():
            place = place_of(host, port)  # type: ignore[arg-type]
    except StoreUnavailable:
        return
    assert place.host.isascii()
    assert place.host.isprintable()
    assert 1 <= place.port <= 65535


def test_a_place_is_understood() -> None:
    assert place_of(b"10.0.0.1", b"6379") == place_of(b"10.0.0.1", 6379) == Place("10.0.0.1", 6379)


async def test_who_is_closed_looks_no_more() -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    lookout = Lookout(look, monotonic=FakeClock())
    await lookout.close()
    lookout.doubt()
    await lookout.first()
    assert looks == 0
