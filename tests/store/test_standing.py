import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.session import Standing, session_key
from gateway.store import standing
from gateway.store.database import Database
from gateway.store.standing import ABANDONED, Lookup
from tests.fakes.databases import file_in, made_in, opened, raw
from tests.fakes.logins import ANN, session_of

NOW = 1_800_000_000


async def ann_in(database: Database, *roles: str) -> str:
    async with database.users.ledger() as ledger:
        user = await ledger.create_user(ANN)
        await ledger.grant(user.id, roles)
    return user.id


async def test_one_question_tells_everything(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        user_id = await ann_in(database, "editor", "admin")
        assert await database.standing(session_of(user_id, authenticated_at=NOW)) == Standing(
            enabled=True,
            epoch=0,
            denied=False,
            email="ann@example.com",
            email_verified=True,
            name="Ann",
            image=None,
            roles=("admin", "editor"),
        )


async def test_B82_a_missing_a_disabled_and_a_denied_user_are_told_apart(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        await database.deny(session.id, session.ends_at)
        denied = await database.standing(session)
        other = await database.standing(replace(session, id="sid-2"))
        await database.users.set_enabled(session.identity.user_id, enabled=False)
        disabled = await database.standing(session)
        await database.users.delete(session.identity.user_id)
        assert await database.standing(session) is None
    assert denied is not None
    assert denied.denied
    assert other is not None
    assert not other.denied
    assert disabled is not None
    assert not disabled.enabled
    assert disabled.epoch == 1


async def test_D67_a_role_taken_away_is_gone_at_the_next_question(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database, "admin"), authenticated_at=NOW)
        await database.users.change_roles(session.identity.user_id, revoke=["admin"])
        found = await database.standing(session)
        assert found is not None
        assert found.roles == ()


async def test_an_answer_includes_what_another_process_just_wrote(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        await database.standing(session)
        other = raw(tmp_path)
        other.execute("UPDATE users SET epoch = 7")
        found = await database.standing(session)
        other.close()
    assert found is not None
    assert found.epoch == 7


async def test_S12_the_denylist_holds_no_session_id(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        await database.deny("sid-canary", NOW)
    connection = raw(tmp_path)
    (kept,) = connection.execute("SELECT session FROM denied_sessions").fetchone()
    connection.close()
    assert kept == session_key("sid-canary")
    assert b"canary" not in file_in(tmp_path).read_bytes()


async def test_S14_an_answer_for_another_user_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_LOOKUP", standing._LOOKUP.replace("users.id = :user_id", "1 = 1"))
    async with opened(tmp_path) as database:
        await ann_in(database)
        with pytest.raises(StoreUnavailable, match="another user"):
            await database.standing(session_of("u_somebody_else", authenticated_at=NOW))


async def test_C50_a_lookup_that_fails_is_an_outage_and_the_next_one_recovers(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        other = raw(tmp_path)
        other.execute("ALTER TABLE users RENAME TO elsewhere")
        with pytest.raises(StoreUnavailable):
            await database.standing(session)
        other.execute("ALTER TABLE elsewhere RENAME TO users")
        other.close()
        assert await database.standing(session) is not None


async def test_a_lookup_has_250_ms_in_all(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        await database.standing(session)
        lookup: Lookup = database._lookup
        hanging = lookup._connection
        assert hanging is not None
        slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i+1 FROM n LIMIT 2000000) SELECT max(i) FROM n"
        stuck = asyncio.ensure_future(hanging.execute_fetchall(slow))
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        with pytest.raises(StoreUnavailable):
            await database.standing(session)
        assert asyncio.get_running_loop().time() - began < 0.5
        assert await database.standing(session) is not None, "on a new connection"
        await hanging.interrupt()
        await asyncio.wait([stuck])


async def test_connections_that_hang_are_bounded(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        lookup: Lookup = database._lookup
        hung = [asyncio.get_running_loop().create_future() for _ in range(ABANDONED)]
        lookup._abandoned.update(hung)
        with pytest.raises(StoreUnavailable, match="hang"):
            await database.standing(session)
        lookup._abandoned.difference_update(hung)
        assert await database.standing(session) is not None


async def test_a_cancelled_lookup_disturbs_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        asked = [asyncio.ensure_future(database.standing(session)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in asked[::2]:
            task.cancel()
        await asyncio.wait(asked)
        assert all(task.result() is not None for task in asked[1::2])
        assert await database.standing(session) is not None


async def test_a_closed_database_answers_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
    with pytest.raises(StoreUnavailable):
        await database.standing(session)


async def test_a_ping_says_whether_the_database_answers(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        await database.ping()
    with pytest.raises(StoreUnavailable):
        await database.ping()


async def test_a_replaced_file_is_an_outage_once_and_then_the_truth(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database, "admin"), authenticated_at=NOW)
        assert await database.standing(session) is not None
        (tmp_path / "new").mkdir()
        made_in(tmp_path / "new")
        for name in ("gateway.db-wal", "gateway.db-shm"):
            (tmp_path / name).unlink()
        (tmp_path / "new" / "gateway.db").replace(file_in(tmp_path))
        with pytest.raises(StoreUnavailable):
            await database.standing(session)
        assert await database.standing(session) is None, "the new file does not know her"
        assert await ann_in(database), "a write reaches the new file at once"
        (known,) = await database.users.everyone()
        assert known.name == "Ann"


async def test_a_deleted_file_is_an_outage_until_it_is_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        assert await database.standing(session) is not None
        file_in(tmp_path).rename(tmp_path / "away")
        for _ in range(6):
            with pytest.raises(StoreUnavailable):
                await database.standing(session)
        with pytest.raises(StoreUnavailable):
            await database.ping()
        (tmp_path / "away").rename(file_in(tmp_path))
        assert await database.standing(session) is not None
