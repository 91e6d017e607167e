"""The audit trail is appended to and read, and nothing leaves it before its time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.event import AuditEntry, AuditEvent
from gateway.store import audit
from gateway.store.database import Database
from tests.fakes.databases import hand, opened

pytestmark = pytest.mark.usefixtures("kind")

NOON = 1_800_000_000
WHOLE = AuditEvent(
    name="auth.login.refused",
    outcome="refused",
    reason="AccessDenied",
    actor="root",
    user_id="u_ann",
    session_id="0123456789abcdef",
    provider="corp",
    route="/wiki",
    client_ip="192.0.2.1",
    request_id="req-1",
    detail="granted admin",
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(tmp_path) as database:
        yield database


async def filled(database: Database, *names: str, ts: int = NOON, user_id: str = "") -> None:
    await database.audit.append([(ts, AuditEvent(name=name, user_id=user_id)) for name in names])


def names(entries: tuple[AuditEntry, ...]) -> list[str]:
    return [entry.event.name for entry in entries]


async def test_an_entry_comes_back_as_it_was_told(database: Database) -> None:
    await database.audit.append([(NOON, WHOLE)])
    assert await database.audit.entries() == (AuditEntry(id=1, ts=NOON, event=WHOLE),)


async def test_entries_are_numbered_as_they_came_and_the_newest_are_listed_last(database: Database) -> None:
    await filled(database, "a", "b", "c")
    await filled(database, "d", ts=NOON - 5)  # a clock that was set back changes no order
    listed = await database.audit.entries(limit=3)
    assert [(entry.id, entry.event.name) for entry in listed] == [(2, "b"), (3, "c"), (4, "d")]


async def test_a_list_is_narrowed_by_user_event_and_time(database: Database) -> None:
    await filled(database, "auth.login.success", "auth.login.failure", "authx", ts=NOON, user_id="u_ann")
    await filled(database, "auth.login.success", ts=NOON + 10, user_id="u_bob")
    assert names(await database.audit.entries(user_id="u_bob")) == ["auth.login.success"]
    assert len(await database.audit.entries(event="auth")) == 3
    assert len(await database.audit.entries(event="auth.login.")) == 3
    assert names(await database.audit.entries(event="auth.login.failure")) == ["auth.login.failure"]
    assert await database.audit.entries(event="auth.log") == ()
    assert await database.audit.entries(event="%") == ()
    assert len(await database.audit.entries(since=NOON + 10)) == 1


async def test_a_batch_is_written_whole_or_not_at_all(database: Database, tmp_path: Path) -> None:
    broken = AuditEvent(name="b", detail=None)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await database.audit.append([(NOON, WHOLE), (NOON, broken)])
    assert await database.audit.entries() == ()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET outcome = 'success'",
        "UPDATE audit SET ts = 0",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE id = 1",
        "REPLACE INTO audit SELECT * FROM audit",
        "INSERT OR REPLACE INTO audit SELECT id, 0, event, outcome, reason, actor, user_id, session_id,"
        " provider, route, client_ip, request_id, detail FROM audit",
    ],
)
async def test_the_database_itself_refuses_to_change_or_remove_an_entry(
    database: Database, tmp_path: Path, statement: str
) -> None:
    await database.audit.append([(NOON, WHOLE)])
    with pytest.raises(Exception, match=r"append only|syntax error"):
        hand(tmp_path, statement)
    assert await database.audit.entries() == (AuditEntry(id=1, ts=NOON, event=WHOLE),)


async def test_a_sweep_removes_what_is_too_old_and_nothing_else(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "SWEEP", 2)
    await filled(database, "a", "b", "c", ts=NOON)
    await filled(database, "d", ts=NOON + 1)
    assert await database.audit.sweep(NOON) == 0
    assert await database.audit.sweep(NOON + 1) == 2
    assert await database.audit.sweep(NOON + 1) == 1
    assert await database.audit.sweep(NOON + 1) == 0
    assert names(await database.audit.entries()) == ["d"]


async def test_after_a_sweep_what_is_younger_is_as_safe_as_before(database: Database, tmp_path: Path) -> None:
    await filled(database, "a", ts=NOON)
    await filled(database, "b", ts=NOON + 10)
    await database.audit.sweep(NOON + 5)
    await database.audit.sweep(NOON + 6)
    with pytest.raises(Exception, match="append only"):
        hand(tmp_path, "DELETE FROM audit")
    assert names(await database.audit.entries()) == ["b"]


async def test_a_number_is_never_given_twice(database: Database) -> None:
    await filled(database, "a", "b", ts=NOON)
    await database.audit.sweep(NOON + 1)
    await filled(database, "c")
    (entry,) = await database.audit.entries()
    assert entry.id == 3


async def test_what_somebody_did_outlives_them(database: Database) -> None:
    user = await database.users.add("ann@example.com")
    assert user is not None
    await filled(database, "a", user_id=user.id)
    await database.users.delete(user.id)
    assert names(await database.audit.entries(user_id=user.id)) == ["a"]


@pytest.mark.hurried
async def test_B145_an_entry_takes_no_turn_among_the_writes_of_requests(database: Database) -> None:
    async with database.users.ledger() as ledger:
        with pytest.raises(StoreUnavailable):  # the file is locked: it waits for the lock, for no turn
            await filled(database, "a")
        await ledger.add_user(email=None, verified=False, name="Ann")
    await filled(database, "b")
    assert names(await database.audit.entries()) == ["b"]


async def test_older_entries_come_before_the_one_that_is_named(database: Database) -> None:
    await filled(database, "a", "b", "c", "b.d")
    assert names(await database.audit.entries(before=3)) == ["a", "b"]
    assert names(await database.audit.entries(before=3, limit=1)) == ["b"]
    assert names(await database.audit.entries(before=4, event="b")) == ["b"]
    assert await database.audit.entries(before=1) == ()
