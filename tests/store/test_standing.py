import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.session import Standing, session_key
from gateway.store.database import Database
from gateway.store.standing import Lookup
from tests.fakes.databases import hand, opened
from tests.fakes.logins import ANN, session_of

pytestmark = pytest.mark.usefixtures("kind")

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
        hand(tmp_path, "UPDATE users SET epoch = 7")
        found = await database.standing(session)
    assert found is not None
    assert found.epoch == 7


async def test_S12_the_denylist_holds_no_session_id(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        await database.deny("sid-canary", NOW)
    assert hand(tmp_path, "SELECT session FROM denied_sessions") == [(session_key("sid-canary"),)]


async def test_S14_an_answer_for_another_user_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Lookup._ask
    async with opened(tmp_path) as database:
        user_id = await ann_in(database)

        async def misled(self: Lookup, values: dict[str, object]) -> Any:
            return await ask(self, {**values, "user_id": user_id})

        monkeypatch.setattr(Lookup, "_ask", misled)
        with pytest.raises(StoreUnavailable, match="another user"):
            await database.standing(session_of("u_somebody_else", authenticated_at=NOW))


async def test_C50_a_lookup_that_fails_is_an_outage_and_the_next_one_recovers(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await ann_in(database), authenticated_at=NOW)
        hand(tmp_path, "ALTER TABLE users RENAME TO elsewhere")
        with pytest.raises(StoreUnavailable):
            await database.standing(session)
        hand(tmp_path, "ALTER TABLE elsewhere RENAME TO users")
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
