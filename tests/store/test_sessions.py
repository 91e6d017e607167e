from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.session import session_key
from gateway.store import sessions
from gateway.store.database import Database
from tests.fakes.databases import locked, opened
from tests.fakes.records import NOW, record

pytestmark = pytest.mark.usefixtures("kind")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(tmp_path) as database:
        yield database


async def user_in(database: Database, email: str = "ann@example.com") -> str:
    user = await database.users.add(email, roles=["admin", "editor"])
    if user is None:
        raise LookupError(email)
    return user.id


async def test_what_is_added_is_found_with_its_user(database: Database) -> None:
    mine = record("one", await user_in(database))
    await database.sessions.add(mine)
    found = await database.sessions.find(mine.key)
    assert found is not None
    assert found.record == mine
    assert found.standing is not None
    assert found.standing.roles == ("admin", "editor")
    assert await database.sessions.find(session_key("two")) is None


async def test_a_touch_moves_forward_only_and_makes_nothing(database: Database) -> None:
    mine = record("one", await user_in(database))
    await database.sessions.add(mine)
    for moment in (NOW + 60, NOW + 30):
        await database.sessions.touch({mine.key: moment, session_key("gone"): moment})
    found = await database.sessions.find(mine.key)
    assert found is not None
    assert found.record.seen_at == NOW + 60
    assert await database.sessions.find(session_key("gone")) is None


async def test_B110_a_removal_may_be_repeated(database: Database) -> None:
    mine = record("one", await user_in(database))
    await database.sessions.add(mine)
    for _ in range(2):
        await database.sessions.remove(mine.key)
    assert await database.sessions.find(mine.key) is None


async def test_B103_a_sweep_takes_what_is_over_and_returns_it(database: Database) -> None:
    ann = await user_in(database)
    await database.sessions.add(record("over", ann, ends_at=NOW))
    await database.sessions.add(record("old", ann, created_at=NOW - 500))
    await database.sessions.add(record("idle", ann, seen_at=NOW - 100))
    await database.sessions.add(record("well", ann))
    gone = await database.sessions.sweep(now=NOW, begun_before=NOW - 500, seen_before=NOW - 99)
    assert {each.key for each in gone} == {session_key(name) for name in ("over", "old", "idle")}
    assert await database.sessions.sweep(now=NOW, begun_before=NOW - 500, seen_before=None) == ()


async def test_pages_hold_each_session_once_and_begin_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PAGE", 2)
    assert await database.sessions.page() is None
    ann = await user_in(database)
    kept = [record(name, ann) for name in ("one", "two", "three", "four", "five")]
    for each in kept:
        await database.sessions.add(each)
    for _ in range(2):
        pages = []
        while (page := await database.sessions.page()) is not None:
            pages.append(page)
        assert list(map(len, pages)) == [2, 2, 1]
        assert {each.key: each for page in pages for each in page} == {each.key: each for each in kept}


async def test_only_what_is_as_it_was_read_is_discarded(database: Database) -> None:
    ann = await user_in(database)
    read = [record(name, ann) for name in ("one", "two", "gone")]
    for each in read[:2]:
        await database.sessions.add(each)
    await database.sessions.touch({read[0].key: NOW + 60})
    await database.sessions.add(replace(read[1], sealed="kept anew"))
    assert await database.sessions.discard(read) == (read[0],)
    kept = [await database.sessions.find(each.key) is not None for each in read]
    assert kept == [False, True, False]


async def test_B112_a_user_who_goes_takes_their_sessions_along(database: Database) -> None:
    ann = await user_in(database)
    await database.sessions.add(record("one", ann))
    await database.users.delete(ann)
    assert await database.sessions.find(session_key("one")) is None


@pytest.mark.hurried
async def test_D09_a_lock_is_an_outage_for_writes_alone(database: Database, tmp_path: Path) -> None:
    mine = record("one", await user_in(database))
    await database.sessions.add(mine)
    with locked(tmp_path):
        with pytest.raises(StoreUnavailable):
            await database.sessions.remove(mine.key)
        assert await database.sessions.find(mine.key) is not None


async def test_B112_all_of_a_user_go_but_the_one_that_is_kept(database: Database) -> None:
    ann = await user_in(database)
    for name in ("one", "two", "three"):
        await database.sessions.add(record(name, ann))
    await database.sessions.remove_all(ann, but=session_key("two"))
    kept = [await database.sessions.find(session_key(name)) for name in ("one", "two", "three")]
    assert [found is not None for found in kept] == [False, True, False]
    await database.sessions.remove_all(ann, but=None)
    assert await database.sessions.find(session_key("two")) is None


async def test_B112_a_session_that_is_denied_goes_with_its_row_and_stays_denied(database: Database) -> None:
    mine = record("one", await user_in(database))
    await database.sessions.add(mine)
    await database.deny("one", NOW + 1000)
    assert await database.sessions.find(mine.key) is None
    standing = await database.standing_of(mine)
    assert standing is not None
    assert standing.denied


@pytest.mark.parametrize("how", ["issuer's sid", "issuer's subject", "everybody", "another's"])
async def test_B116_B119_B121_whatever_ends_sessions_is_found_with_them(database: Database, how: str) -> None:
    mine = record("one", await user_in(database), issuer_sid="op-1")
    await database.sessions.add(mine)
    endings, until = database.endings, NOW + 1000
    if how == "everybody":
        await endings.end_everybody(until)
    else:
        sid = {"issuer's sid": "op-1", "another's": "op-2"}.get(how)
        await endings.end_by_issuer(mine.issuer, sid=sid, subject=mine.subject, notice=b"n", until=until)
    found = await database.sessions.find(mine.key)
    assert found is not None
    assert found.standing is not None
    assert found.standing.denied is (how != "another's")
    assert await database.standing_of(mine) == found.standing
