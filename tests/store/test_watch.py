"""What is remembered of a session is what a lookup would find at this moment, or it is forgotten."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.model.session import Session, Standing
from gateway.store.database import Database
from gateway.store.watch import Remembered, Watch
from tests.fakes.databases import file_in, made_in, opened, raw
from tests.fakes.logins import ANN, session_of

NOW = 1_800_000_000


@dataclass
class Home:
    """A database in which Ann is an editor, and one session of hers."""

    database: Database
    session: Session
    directory: Path

    async def known(self) -> Standing | None:
        """Ask once, then return what is remembered of the answer."""
        await self.database.standing(self.session)
        return self.database.known(self.session)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with opened(tmp_path) as database:
        async with database.users.ledger() as ledger:
            user = await ledger.create_user(ANN)
            await ledger.grant(user.id, ["editor"])
        yield Home(database, session_of(user, authenticated_at=NOW), tmp_path)


async def test_an_answer_is_remembered_as_it_was(home: Home) -> None:
    assert home.database.known(home.session) is None
    asked = await home.database.standing(home.session)
    assert home.database.known(home.session) == asked
    assert home.database.known(home.session) == asked


async def test_D67_a_change_of_another_connection_is_seen_at_the_very_next_question(home: Home) -> None:
    other = raw(home.directory)
    for _ in range(200):
        assert await home.known() is not None
        other.execute("UPDATE users SET epoch = epoch + 1")
        assert home.database.known(home.session) is None
    other.close()


async def test_D67_what_was_known_before_the_watch_was_opened_anew_is_asked_for(home: Home) -> None:
    watch = Watch(file_in(home.directory))
    watch.open()
    remembered = Remembered(watch)
    asked = await home.database.standing(home.session)
    assert asked is not None
    remembered.keep(home.session, asked, since=watch.version())
    assert remembered.known(home.session) == asked
    watch.close()
    other = raw(home.directory)
    other.execute("UPDATE users SET epoch = epoch + 1")
    other.close()
    watch.open()
    assert remembered.known(home.session) is None
    watch.close()


async def test_D67_an_answer_that_is_kept_after_a_change_renews_no_earlier_one(home: Home) -> None:
    watch = Watch(file_in(home.directory))
    watch.open()
    remembered = Remembered(watch)
    asked = await home.database.standing(home.session)
    assert asked is not None
    remembered.keep(home.session, asked, since=(before := watch.version()))
    other = raw(home.directory)
    other.execute("UPDATE users SET epoch = epoch + 1")
    other.close()
    later, stale = (replace(home.session, id=name) for name in ("later", "stale"))
    remembered.keep(stale, asked, since=before)
    remembered.keep(later, asked, since=watch.version())
    assert remembered.known(later) == asked
    assert remembered.known(home.session) is None
    assert remembered.known(stale) is None
    watch.close()


async def test_D67_a_change_of_another_process_is_seen_as_soon_as_it_is_over(home: Home) -> None:
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('DELETE FROM user_roles')"
    )
    other = raw(home.directory)
    for _ in range(5):
        other.execute("DELETE FROM user_roles")
        other.execute("INSERT INTO user_roles VALUES (?, 'editor', '', '')", (home.session.identity.user_id,))
        remembered = await home.known()
        assert remembered is not None
        assert remembered.roles == ("editor",)
        subprocess.run([sys.executable, "-c", script, str(file_in(home.directory))], check=True)
        assert home.database.known(home.session) is None
        asked = await home.database.standing(home.session)
        assert asked is not None
        assert asked.roles == ()
    other.close()


@pytest.mark.parametrize("change", ["role", "disable", "deny", "delete"])
async def test_S09_our_own_changes_are_seen_too(home: Home, change: str) -> None:
    assert await home.known() is not None
    user_id = home.session.identity.user_id
    if change == "role":
        await home.database.users.change_roles(user_id, revoke=["editor"])
    elif change == "disable":
        await home.database.users.set_enabled(user_id, enabled=False)
    elif change == "deny":
        await home.database.deny(home.session.id, home.session.ends_at)
    else:
        await home.database.users.delete(user_id)
    assert home.database.known(home.session) is None


async def test_a_change_that_is_undone_makes_nothing_forgotten_but_is_never_believed(home: Home) -> None:
    assert await home.known() is not None
    other = raw(home.directory)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM user_roles")
    remembered = home.database.known(home.session)
    assert remembered is not None
    assert remembered.roles == ("editor",), "nothing is committed"
    other.execute("ROLLBACK")
    assert home.database.known(home.session) == remembered
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM user_roles")
    other.execute("COMMIT")
    assert home.database.known(home.session) is None
    other.close()


async def test_an_answer_that_a_change_overtook_is_not_kept(home: Home) -> None:
    other = raw(home.directory)
    asked = asyncio.ensure_future(home.database.standing(home.session))
    await asyncio.sleep(0)  # the version is taken
    other.execute("DELETE FROM user_roles")
    await asked
    assert home.database.known(home.session) is None
    other.close()


async def test_S14_an_answer_serves_no_other_session_and_no_other_user(home: Home) -> None:
    assert await home.known() is not None
    assert home.database.known(replace(home.session, id="sid-2")) is None
    identity = replace(home.session.identity, user_id="u_else")
    assert home.database.known(replace(home.session, identity=identity)) is None


async def test_nothing_is_remembered_of_somebody_who_is_gone(home: Home) -> None:
    await home.database.users.delete(home.session.identity.user_id)
    assert await home.known() is None


async def test_what_is_remembered_is_bounded_and_the_oldest_goes(home: Home) -> None:
    watch = Watch(file_in(home.directory))
    watch.open()
    remembered = Remembered(watch, most=2)
    standing = await home.database.standing(home.session)
    assert standing is not None
    sessions = [replace(home.session, id=f"sid-{number}") for number in range(3)]
    for session in sessions:
        remembered.keep(session, standing, since=watch.version())
    assert [remembered.known(session) is not None for session in sessions] == [False, True, True]
    watch.close()


async def test_a_replaced_file_is_noticed_before_anything_is_used(home: Home) -> None:
    assert await home.known() is not None
    (home.directory / "new").mkdir()
    made_in(home.directory / "new")
    file_in(home.directory / "new").replace(file_in(home.directory))
    assert home.database.known(home.session) is None


async def test_a_watch_that_was_lost_is_opened_anew(home: Home) -> None:
    assert await home.known() is not None
    home.database._standings._watch.close()
    assert home.database.known(home.session) is None
    await home.database.standing(home.session)
    opening = home.database._standings._opening
    assert opening is not None
    await opening
    assert await home.known() is not None


async def test_no_snapshot_is_held_that_would_keep_the_log_from_being_emptied(home: Home) -> None:
    assert await home.known() is not None
    assert home.database.known(home.session) is not None
    other = raw(home.directory)
    other.execute("UPDATE users SET epoch = epoch + 1")
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    other.close()


def test_without_a_database_nothing_is_known(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "gateway.db")
    watch.open()
    assert watch.version() is None
    assert not (tmp_path / "gateway.db").exists()


@given(steps=st.lists(st.sampled_from(["ask", "grant", "revoke", "disable", "enable", "other"]), max_size=12))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_known_is_always_what_would_be_found(tmp_path: Path, steps: list[str]) -> None:
    async with opened(tmp_path) as database:
        async with database.users.ledger() as ledger:
            user_id = await ledger.add_user(email=None, verified=False, name="Ann")
        session = session_of(user_id, authenticated_at=NOW)
        other = raw(tmp_path)
        for step in steps:
            if step == "grant":
                await database.users.change_roles(user_id, grant=["editor"])
            elif step == "revoke":
                await database.users.change_roles(user_id, revoke=["editor"])
            elif step in ("disable", "enable"):
                await database.users.set_enabled(user_id, enabled=step == "enable")
            elif step == "other":
                other.execute("UPDATE users SET epoch = epoch + 1")
            known = database.known(session)
            found = await database.standing(session)
            assert known in (None, found)
        other.close()


async def test_the_version_is_known_and_changes_with_every_commit(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as database:
        async with asyncio.timeout(5):
            while (before := database.version()) is None:
                await asyncio.sleep(0.001)
        assert database.version() == before
        await database.users.add("ann@example.com")
        assert database.version() != before
