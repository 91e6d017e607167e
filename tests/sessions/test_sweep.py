"""What a sweep removes of sessions that nobody presents any more, and what it says of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.session import Session, SessionRecord, Validity, session_key
from gateway.sessions import sweep
from gateway.sessions.strategy import public_id
from tests.fakes.session_store import StatefulNode
from tests.fakes.sessions import ALICE, POLICY

IDLE = replace(POLICY, idle_timeout=600)
STANDS = Validity(enabled=True, epoch=ALICE.epoch, denied=False)
ENDED = {
    "user_missing": None,
    "user_disabled": replace(STANDS, enabled=False),
    "epoch": replace(STANDS, epoch=ALICE.epoch + 1),
    "revoked": replace(STANDS, denied=True),
}


def told(node: StatefulNode) -> list[str]:
    return [event.reason for event in node.events if event.name == "session.swept"]


async def test_B103_a_sweep_tells_each_session_that_is_over_and_why() -> None:
    node = StatefulNode(policy=IDLE)
    await node.sign_in()
    node.clock.advance(601)
    await node.sign_in()
    await node.sessions.sweep()
    assert told(node) == ["idle"]
    node.clock.advance(POLICY.max_age)
    await node.sessions.sweep()
    assert told(node) == ["idle", "absolute"]


@pytest.mark.parametrize("reason", ENDED)
async def test_B144_what_the_database_ended_goes_unpresented_and_is_told_by_its_reason(reason: str) -> None:
    node = StatefulNode(pushed=True)
    node.prove()
    session = await node.sign_in()
    key = session_key(session.id)
    await node.sessions.renew(session)
    await node.sessions.sweep()
    assert told(node) == []
    assert key in node.store.records
    assert node.store.calls["discard"] == 0, "a write for nothing"
    node.book.validity = ENDED[reason]
    await node.sessions.sweep()
    assert told(node) == [reason]
    assert node.events[-1].session_id == public_id(session.id)
    assert node.events[-1].user_id == ALICE.id
    assert (node.store.records, node.book.forgotten) == ({}, [key])
    assert node.cache.find(key) is None


@pytest.mark.parametrize("reason", ENDED)
async def test_B144_what_had_ended_before_its_time_is_not_called_idle(reason: str) -> None:
    node = StatefulNode(policy=IDLE)
    await node.sign_in()
    node.clock.advance(601)
    node.book.validity = ENDED[reason]
    await node.sessions.sweep()
    assert told(node) == [reason]


async def test_B103_what_is_over_goes_also_where_the_database_does_not_tell_why() -> None:
    node = StatefulNode(policy=IDLE)
    await node.sign_in()
    node.clock.advance(601)
    node.book.down = True
    await node.sessions.sweep()
    assert told(node) == ["idle"]
    assert node.store.records == {}


async def test_a_session_that_was_kept_anew_while_it_was_judged_stays() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    key = session_key(session.id)

    async def validities(records: Sequence[SessionRecord]) -> Mapping[bytes, Validity | None]:
        node.store.records[key] = replace(node.store.records[key], sealed="kept anew")
        return {record.key: ENDED["epoch"] for record in records}

    node.book.validities = validities  # type: ignore[method-assign]
    await node.sessions.sweep()
    assert told(node) == []
    assert key in node.store.records


async def test_C06_a_session_of_a_form_that_is_not_known_here_stays() -> None:
    node = StatefulNode()
    session = await node.sign_in()
    key = session_key(session.id)
    node.store.records[key] = replace(node.store.records[key], sealed="of another release")
    node.book.validity = None
    await node.sessions.sweep()
    assert key in node.store.records


async def test_one_sweep_looks_through_so_many_pages_and_the_next_goes_on() -> None:
    node = StatefulNode()
    sessions: list[Session] = [await node.sign_in() for _ in range(2)]
    first, second = (node.store.records[session_key(each.id)] for each in sessions)
    node.store.pages = [(first,), *[()] * (sweep.PAGES - 1), (second,), None]
    node.book.validity = None
    await node.sessions.sweep()
    assert list(node.store.records) == [second.key]
    await node.sessions.sweep()
    assert node.store.records == {}


async def test_sessions_are_asked_for_a_bounded_number_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "AT_ONCE", 2)
    node = StatefulNode()
    for _ in range(5):
        await node.sign_in()
    asked: list[int] = []

    async def validities(records: Sequence[SessionRecord]) -> Mapping[bytes, Validity | None]:
        asked.append(len(records))
        return dict.fromkeys(record.key for record in records)

    node.book.validities = validities  # type: ignore[method-assign]
    await node.sessions.sweep()
    assert asked == [2, 2, 1]
    assert told(node) == ["user_missing"] * 5


async def test_neither_an_outage_nor_what_nobody_foresaw_ends_the_sweeping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "EVERY", 0.0)
    node = StatefulNode()
    await node.sign_in()
    faults: list[Exception] = [StoreUnavailable("down"), ZeroDivisionError()]

    async def validities(records: Sequence[SessionRecord]) -> Mapping[bytes, Validity | None]:
        if faults:
            raise faults.pop(0)
        return dict.fromkeys(record.key for record in records)

    node.book.validities = validities  # type: ignore[method-assign]
    node.sessions.start()
    async with asyncio.timeout(20):
        while node.store.records:
            await asyncio.sleep(0)
    await node.close()
    unswept = [event for event in node.events if event.name == "sessions.unswept"]
    assert [(event.outcome, event.reason) for event in unswept] == [("failure", "ZeroDivisionError")]
    assert told(node) == ["user_missing"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
