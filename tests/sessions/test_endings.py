import asyncio

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.event import AuditEvent
from gateway.sessions.endings import Endings
from gateway.sessions.strategy import public_id
from tests.fakes.clock import FakeClock
from tests.fakes.directory import FakeDirectory


class Ledger:
    def __init__(self, *, retry_every: float = 0.0, most: int = 10) -> None:
        self.clock = FakeClock(1000)
        self.directory = FakeDirectory()
        self.events: list[AuditEvent] = []
        self.endings = Endings(
            self.directory,
            clock=self.clock,
            audit=self.events.append,
            retry_every=retry_every,
            most=most,
        )


async def test_an_ending_is_known_here_and_recorded() -> None:
    ledger = Ledger()
    await ledger.endings.record("s1", until=2000)
    assert "s1" in ledger.endings
    assert "s2" not in ledger.endings
    assert ledger.directory.denied == {"s1": 2000}
    ledger.directory.denied.clear()
    assert await ledger.endings.settle()
    await ledger.endings.close()
    assert ledger.directory.denied == {}, "what was recorded is not recorded again"
    assert ledger.events == []


async def test_B107_an_unrecorded_ending_is_told_and_retried_until_it_is() -> None:
    ledger = Ledger()
    ledger.directory.down = True
    with pytest.raises(StoreUnavailable):
        await ledger.endings.record("s1", until=2000)
    assert "s1" in ledger.endings
    assert [(event.outcome, event.reason) for event in ledger.events] == [("failure", "store_unavailable")]
    assert ledger.events[0].session_id == public_id("s1")
    ledger.directory.down = False
    async with asyncio.timeout(5):
        await ledger.directory.recorded.wait()
    assert ledger.directory.denied == {"s1": 2000}
    await ledger.endings.record("s1", until=2000)
    await ledger.endings.close()
    told = [(event.name, event.outcome, event.session_id) for event in ledger.events[1:]]
    assert told == [("session.ending_recorded", "success", public_id("s1"))]


async def test_a_client_that_hangs_up_does_not_lose_the_ending() -> None:
    ledger = Ledger()
    never = asyncio.Event()
    deny = ledger.directory.deny

    async def hang(session_id: str, until: int) -> None:
        await never.wait()

    ledger.directory.deny = hang  # type: ignore[method-assign]
    task = asyncio.create_task(ledger.endings.record("s1", until=2000))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ledger.directory.deny = deny  # type: ignore[method-assign]
    async with asyncio.timeout(5):
        await ledger.directory.recorded.wait()
    await ledger.endings.close()


async def test_close_records_what_it_can_and_stops() -> None:
    ledger = Ledger(retry_every=3600)
    ledger.directory.down = True
    with pytest.raises(StoreUnavailable):
        await ledger.endings.record("s1", until=2000)
    ledger.directory.down = False
    await ledger.endings.close()
    assert ledger.directory.denied == {"s1": 2000}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_close_tells_what_stays_unrecorded() -> None:
    ledger = Ledger(retry_every=3600)
    ledger.directory.down = True
    with pytest.raises(StoreUnavailable):
        await ledger.endings.record("s1", until=2000)
    await ledger.endings.close()
    assert [event.name for event in ledger.events] == ["session.ending_unrecorded"] * 2


async def test_an_ending_past_the_sessions_own_end_is_no_longer_retried() -> None:
    ledger = Ledger(retry_every=3600)
    ledger.directory.down = True
    with pytest.raises(StoreUnavailable):
        await ledger.endings.record("s1", until=2000)
    ledger.clock.advance(1000)
    assert await ledger.endings.settle()
    assert ledger.directory.denied == {}
    await ledger.endings.close()


def test_G6_the_expired_make_room_at_the_bound_and_then_the_oldest() -> None:
    ledger = Ledger(most=2)
    ledger.endings.note("s1", until=3000)
    ledger.endings.note("s2", until=1000)
    ledger.endings.note("s2", until=1000)
    ledger.endings.note("s3", until=3000)
    assert "s1" in ledger.endings
    assert "s2" not in ledger.endings
    ledger.endings.note("s4", until=3000)
    assert "s1" not in ledger.endings
    ledger.endings.note("s4", until=3000)
    assert "s3" in ledger.endings
    assert "s4" in ledger.endings
