import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.identity import AccountClaims, VerifiedLogin
from gateway.model.session import FoundSession, Standing, session_key
from gateway.store.database import Database
from gateway.store.standing import Lookup
from tests.fakes.databases import hand, opened
from tests.fakes.logins import ANN, BOB, session_of
from tests.fakes.records import record

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
            claims=AccountClaims(),
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


STAFF = replace(ANN, groups=("wiki", "staff"), claims=(("department", ("it",)), ("area", ())))
SAID = AccountClaims(groups=STAFF.groups, claims=STAFF.claims)


async def signed_in(database: Database, login: VerifiedLogin) -> str:
    async with database.users.ledger() as ledger:
        account = await ledger.account(login.provider, login.issuer, login.subject)
        if account is None:
            return (await ledger.create_user(login)).id
        return (await ledger.record_login(account, login)).id


async def test_B012_it_tells_what_the_provider_said_last_of_the_account_and_of_no_other(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as database:
        user_id = await ann_in(database, "editor", "admin")
        await signed_in(database, STAFF)
        async with database.users.ledger() as ledger:
            await ledger.link(user_id, replace(ANN, provider="other", groups=("elsewhere",)))
        mine = session_of(user_id, authenticated_at=NOW)
        found = await database.standing(mine)
        other = await database.standing(replace(mine, provider="other"))
        none = await database.standing(replace(mine, issuer="https://issuer.example.org"))
    assert found is not None
    assert (found.claims, found.roles) == (SAID, ("admin", "editor"))
    assert other is not None
    assert other.claims == AccountClaims(groups=("elsewhere",))
    assert none is not None
    assert none.claims is None


async def test_an_account_that_is_somebody_else_s_by_now_tells_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        ann, bob = await signed_in(database, STAFF), await signed_in(database, BOB)
        hand(tmp_path, f"UPDATE accounts SET user_id = '{bob}'")
        found = await database.standing(session_of(ann, authenticated_at=NOW))
    assert found is not None
    assert found.claims is None


async def test_B133_what_an_earlier_release_wrote_of_an_account_is_not_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        session = session_of(await signed_in(database, STAFF), authenticated_at=NOW)
        hand(tmp_path, """UPDATE accounts SET claims = '{"groups": ["a"], "department": ["it"]}'""")
        found = await database.standing(session)
    assert found is not None
    assert found.claims is None


async def test_S09_whatever_is_asked_of_a_session_is_one_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    async with opened(tmp_path) as database:
        named = {"provider": ANN.provider, "issuer": ANN.issuer, "subject": ANN.subject}
        kept = record("one", await signed_in(database, STAFF), **named)
        await database.sessions.add(kept)
        rows = database._lookup._reader.rows

        async def counted(query: Any, values: Any) -> Any:
            asked.append(query)
            return await rows(query, values)

        monkeypatch.setattr(database._lookup._reader, "rows", counted)
        found = await database.sessions.find(kept.key)
        standing = await database.standing_of(kept)
    assert len(asked) == 2
    assert isinstance(found, FoundSession)
    assert found.standing == standing
    assert standing is not None
    assert standing.claims == SAID


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
