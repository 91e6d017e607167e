"""Places at an issuer: bounded, and closed for a while where it fails."""

import asyncio

import pytest

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.flows import places
from gateway.flows.places import AT_ONCE, FAILURES, PAUSE, Places
from tests.fakes.clock import FakeClock


async def call(at: Places, *, fault: Exception | None = None, gate: asyncio.Event | None = None) -> str:
    async with at.one_at("corp"):
        if gate is not None:
            await gate.wait()
        if fault is not None:
            raise fault
        return "called"


async def test_so_many_calls_are_under_way_and_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "WAITING", 2)
    at, gate = Places(["corp"], monotonic=FakeClock()), asyncio.Event()
    calls = [asyncio.create_task(call(at, gate=gate)) for _ in range(AT_ONCE + 2)]
    await asyncio.sleep(0)
    with pytest.raises(IssuerUnavailable):
        await call(at)
    gate.set()
    assert await asyncio.gather(*calls) == ["called"] * (AT_ONCE + 2)
    assert await call(at) == "called"


async def test_fewer_are_under_way_where_fewer_are_to_be() -> None:
    at, gate = Places(["corp"], monotonic=FakeClock(), at_once=1), asyncio.Event()
    first, second = asyncio.create_task(call(at, gate=gate)), asyncio.create_task(call(at))
    await asyncio.wait([second], timeout=0.05)
    assert not second.done()
    gate.set()
    assert await asyncio.gather(first, second) == ["called"] * 2


async def test_a_place_is_given_back_by_whoever_stops_waiting_for_it() -> None:
    at, gate = Places(["corp"], monotonic=FakeClock()), asyncio.Event()
    calls = [asyncio.create_task(call(at, gate=gate)) for _ in range(AT_ONCE + 1)]
    await asyncio.sleep(0)
    for each in calls:
        each.cancel()
    await asyncio.wait(calls)
    assert await call(at) == "called"


async def test_an_issuer_that_fails_is_left_alone_for_a_while_and_then_tried() -> None:
    clock = FakeClock()
    at = Places(["corp"], monotonic=clock)
    for _ in range(FAILURES):
        with pytest.raises(IssuerUnavailable, match="down"):
            await call(at, fault=IssuerUnavailable("down"))
    with pytest.raises(IssuerUnavailable, match="a moment ago"):
        await call(at)
    clock.advance(PAUSE)
    with pytest.raises(IssuerUnavailable, match="down"):
        await call(at, fault=IssuerUnavailable("down"))
    with pytest.raises(IssuerUnavailable, match="a moment ago"):
        await call(at)
    clock.advance(PAUSE)
    assert await call(at) == "called"


async def test_who_waits_for_an_issuer_that_is_found_to_fail_is_told_at_once() -> None:
    at, gate = Places(["corp"], monotonic=FakeClock()), asyncio.Event()
    down = IssuerUnavailable("down")
    first = [asyncio.create_task(call(at, fault=down, gate=gate)) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    later = [asyncio.create_task(call(at)) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()
    results = await asyncio.gather(*first, *later, return_exceptions=True)
    assert {type(each) for each in results[AT_ONCE:]} == {IssuerUnavailable}


async def test_only_outages_one_after_the_other_count() -> None:
    at = Places(["corp"], monotonic=FakeClock())
    for _ in range(3):
        for _ in range(FAILURES - 1):
            with pytest.raises(IssuerUnavailable):
                await call(at, fault=IssuerUnavailable("down"))
        assert await call(at) == "called"
    for _ in range(FAILURES + 1):
        with pytest.raises(LoginFailed):
            await call(at, fault=LoginFailed("no"))


async def test_there_is_no_place_at_an_issuer_that_is_not_configured() -> None:
    with pytest.raises(IssuerUnavailable):
        await call(Places([], monotonic=FakeClock()))
