"""Events reach the audit trail in order, and whatever becomes of it is nobody's problem."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import StoreUnavailable
from gateway.model.event import AuditEvent
from gateway.observe.trail import BATCH, Allowance, Trail, fit
from tests.fakes.clock import FakeClock

DAY = 86_400


@dataclass
class Kept:
    """A store in memory that can be slow, down, or broken; `written` is set with every batch."""

    entries: list[tuple[int, AuditEvent]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    old: list[int] = field(default_factory=list)
    swept_before: list[int] = field(default_factory=list)
    fault: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    tried: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def append(self, entries: Sequence[tuple[int, AuditEvent]]) -> None:
        self.tried.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.batches.append(len(entries))
        self.entries += entries

    async def sweep(self, before: int) -> int:
        if self.fault is not None:
            raise self.fault
        self.swept_before.append(before)
        return self.old.pop() if self.old else 0


@dataclass
class Told:
    """What the trail said and counted."""

    audited: list[AuditEvent] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)

    def audit(self, event: AuditEvent) -> None:
        self.audited.append(event)

    def event(self, _level: str, name: str, _facts: dict[str, object]) -> None:
        self.events.append(name)

    def audit_dropped(self, reason: str, count: int) -> None:
        self.dropped[reason] += count


@asynccontextmanager
async def trail(
    store: Kept, told: Told, *, clock: FakeClock | None = None, keep: int | None = None, capacity: int = 4096
) -> AsyncIterator[Trail]:
    opened = Trail(
        store,
        clock=clock or FakeClock(),
        keep=keep,
        log=told,
        counts=told,
        capacity=capacity,
        retry=0.01,
        gather=0.0,
    )
    opened.start()
    try:
        yield opened
    finally:
        await opened.close(patience=1.0)


def named(number: int) -> AuditEvent:
    return AuditEvent(name=f"event.{number}", user_id="u_ann")


async def test_events_are_written_in_order_with_the_second_they_happened_in() -> None:
    store, told, clock = Kept(), Told(), FakeClock(1000.9)
    async with trail(store, told, clock=clock) as on:
        for number in range(3 * BATCH):
            on.put(named(number))
            clock.advance(1)
    assert [event.name for _, event in store.entries] == [f"event.{number}" for number in range(3 * BATCH)]
    assert [ts for ts, _ in store.entries[:3]] == [1000, 1001, 1002]
    assert max(store.batches) <= BATCH
    assert not told.dropped


async def test_an_event_is_written_without_waiting_for_the_end() -> None:
    store = Kept()
    async with trail(store, Told()) as on:
        on.put(named(1))
        async with asyncio.timeout(5):
            await store.tried.wait()


async def test_B145_a_store_that_hangs_keeps_nobody_waiting_and_the_queue_is_bounded() -> None:
    store, told = Kept(), Told()
    store.gate.clear()
    async with trail(store, told, capacity=10) as on:
        on.put(named(0))
        await store.tried.wait()
        for number in range(1, 15):
            on.put(named(number))
        assert told.dropped == {"full": 5}
        store.gate.set()
    assert [event.name for _, event in store.entries] == [f"event.{number}" for number in range(10)]


async def test_D10_B145_an_outage_is_told_once_and_what_waited_is_written_after_it() -> None:
    store, told = Kept(fault=StoreUnavailable("SQLITE_FULL")), Told()
    async with trail(store, told) as on:
        for number in range(5):
            on.put(named(number))
        for _ in range(3):
            store.tried.clear()
            await store.tried.wait()
        assert store.entries == []
        store.fault = None
    assert len(store.entries) == 5
    assert told.events == ["audit.unwritten", "audit.resumed"]
    assert not told.dropped


async def test_D10_what_could_not_be_written_by_the_end_is_counted_and_told() -> None:
    store, told = Kept(fault=StoreUnavailable("SQLITE_FULL")), Told()
    async with trail(store, told) as on:
        on.put(named(1))
        on.put(named(2))
    assert told.dropped == {"unwritten": 2}
    assert told.events[-1] == "audit.dropped"


async def test_B145_a_store_that_never_answers_does_not_hold_up_the_end() -> None:
    store, told = Kept(), Told()
    store.gate.clear()
    on = Trail(store, clock=FakeClock(), keep=None, log=told, counts=told, gather=0.0)
    on.start()
    on.put(named(1))
    await store.tried.wait()
    async with asyncio.timeout(2):
        await on.close(patience=0.05)
    assert told.dropped == {"unwritten": 1}


async def test_a_fault_of_ours_loses_its_batch_and_no_other() -> None:
    store, told = Kept(fault=RuntimeError("a bug")), Told()
    async with trail(store, told) as on:
        on.put(named(1))
        await store.tried.wait()
        await asyncio.sleep(0)
        store.fault = None
        on.put(named(2))
    assert [event.name for _, event in store.entries] == ["event.2"]
    assert told.dropped == {"unwritten": 1}


async def test_what_strangers_cause_without_end_has_an_allowance() -> None:
    store, told, clock = Kept(), Told(), FakeClock()
    async with trail(store, told, clock=clock) as on:
        for _ in range(1000):
            on.put(AuditEvent(name="auth.login.failure", outcome="failure", reason="OAuthCallbackError"))
        for number in range(200):
            on.put(named(number))  # what went well is always kept
        clock.advance(3)
        for _ in range(10):
            on.put(AuditEvent(name="auth.login.failure", outcome="failure", reason="OAuthCallbackError"))
    kept = [event.name for _, event in store.entries]
    assert kept.count("auth.login.failure") == 103
    assert len(kept) == 303
    assert told.dropped == {"limit": 907}


async def test_S26_what_strangers_send_is_not_stored_at_all() -> None:
    store, told = Kept(), Told()
    async with trail(store, told) as on:
        on.put(AuditEvent(name="session.rejected", outcome="refused", reason="invalid"))
        on.put(AuditEvent(name="auth.login.failure", outcome="failure", reason="LoginExpired"))
        on.put(AuditEvent(name="session.rejected", outcome="refused", reason="epoch", user_id="u_ann"))
        on.put(AuditEvent(name="session.rejected", outcome="refused", reason="unknown", session_id="01ab"))
    assert [event.reason for _, event in store.entries] == ["epoch", "unknown"]
    assert not told.dropped


async def test_refusals_of_nobody_do_not_use_up_those_of_somebody() -> None:
    store, told = Kept(), Told()
    async with trail(store, told) as on:
        for _ in range(1000):
            on.put(AuditEvent(name="auth.login.failure", outcome="failure"))
        on.put(AuditEvent(name="auth.login.refused", outcome="refused", user_id="u_ann"))
        on.put(AuditEvent(name="session.ending_unrecorded", outcome="failure", session_id="01ab"))
    assert [event.user_id or event.session_id for _, event in store.entries[-2:]] == ["u_ann", "01ab"]


async def test_B144_what_is_too_old_is_swept_and_that_is_an_event() -> None:
    store, told, clock = Kept(old=[3, 1000, 1000]), Told(), FakeClock()
    async with trail(store, told, clock=clock, keep=DAY):
        async with asyncio.timeout(5):
            while not told.audited:
                await asyncio.sleep(0.005)
    assert set(store.swept_before) == {int(clock()) - DAY}
    assert told.audited == [AuditEvent(name="audit.swept", detail="2003 entries older than 86400 s")]
    assert store.entries[-1][1] == told.audited[0]


async def test_how_long_entries_stay_can_be_changed_while_it_writes() -> None:
    store, clock = Kept(old=[1]), FakeClock()
    async with trail(store, Told(), clock=clock, keep=None) as on:
        on.keep_for(DAY)
        async with asyncio.timeout(5):
            while not store.swept_before:
                await asyncio.sleep(0.005)
    assert set(store.swept_before) == {int(clock()) - DAY}


async def test_nothing_is_swept_where_entries_stay_for_ever() -> None:
    store = Kept(old=[3])
    async with trail(store, Told(), keep=None) as on:
        on.put(named(1))
        await store.tried.wait()
    assert store.swept_before == []


@pytest.mark.parametrize("fault", [StoreUnavailable("locked"), RuntimeError("a bug")])
async def test_a_sweep_that_fails_is_told_and_stops_nothing(fault: Exception) -> None:
    store, told = Kept(fault=fault), Told()
    async with trail(store, told, keep=DAY) as on:
        async with asyncio.timeout(5):
            while not told.events:
                await asyncio.sleep(0)
        store.fault = None
        on.put(named(1))
    assert told.events == ["audit.unswept"]
    assert len(store.entries) == 1


def test_an_allowance_fills_up_again_and_never_over() -> None:
    allowance = Allowance(burst=2, per_second=1)
    assert [allowance.admits(100.0) for _ in range(3)] == [True, True, False]
    assert allowance.admits(101.0)
    assert not allowance.admits(101.5)
    assert not allowance.admits(50.0), "a clock that goes back gives nothing"
    assert [allowance.admits(10_000.0) for _ in range(3)] == [True, True, False]


@given(st.text())
def test_an_entry_is_bounded_and_printable(text: str) -> None:
    event = fit(AuditEvent(name="x", detail=text * 50, reason=text))
    assert len(event.detail.encode()) <= 256
    assert event.detail == "" or event.detail.isprintable()


@pytest.mark.parametrize("secret", ["eyJhbGciOiJIUzI1NiJ9.e30.abc", "Bearer abcdef", "code=abcdef"])
def test_B144_what_looks_like_a_secret_is_hidden(secret: str) -> None:
    assert "abc" not in fit(AuditEvent(name="x", detail=f"saw {secret}")).detail
