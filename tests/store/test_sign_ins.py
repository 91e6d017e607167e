"""The list of sessions: what it shows, what leaves it, and the limit it holds."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.cursor import Cursor
from gateway.model.session import Session
from gateway.sessions.strategy import public_id
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, opened
from tests.fakes.logins import ANN, session_of

pytestmark = pytest.mark.usefixtures("kind")


async def ann_in(database: Database) -> str:
    async with database.users.ledger() as ledger:
        return (await ledger.create_user(ANN)).id


async def recorded(database: Database, user_id: str, name: str, at: float, *, most: int = 0) -> Session:
    session = session_of(user_id, authenticated_at=int(at), session_id=name)
    await database.sign_ins.record(session, address="192.0.2.1", browser="Probe/1", most=most)
    return session


async def test_B113_a_row_tells_all_and_no_usable_secret(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        session = await recorded(database, await ann_in(database), "sid-canary", clock())
        (shown,) = await database.sign_ins.listed(session.identity.user_id)
        assert shown.public_id == public_id(session.id)
        assert (shown.address, shown.browser, shown.provider) == ("192.0.2.1", "Probe/1", "corp")
        assert (shown.started_at, shown.last_seen_at) == (session.authenticated_at, session.issued_at)
    assert "canary" not in str(hand(tmp_path, "SELECT * FROM sign_ins"))


async def test_B113_only_sessions_within_max_age_are_listed_the_newest_first(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_in(database)
        start = int(clock())
        for day in range(3):
            await recorded(database, user_id, f"sid-{day}", start + day * 86_400)
        listed = await database.sign_ins.listed(begun_after=start)
        assert [shown.started_at - start for shown in listed] == [172_800, 86_400]
        clock.advance(2_592_000)
        assert len(await database.sign_ins.listed()) == 2, "the first has ended by itself"


async def test_B113_a_user_s_list_holds_nobody_else_s_sessions(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        ann = await ann_in(database)
        bob = await database.users.add("bob@example.com")
        assert bob is not None
        await recorded(database, ann, "sid-ann", clock())
        await recorded(database, bob.id, "sid-bob", clock())
        assert [each.user_id for each in await database.sign_ins.listed(bob.id)] == [bob.id]
        assert {each.user_id for each in await database.sign_ins.listed()} == {ann, bob.id}


async def test_a_sighting_moves_last_seen_forward_only(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        session = await recorded(database, await ann_in(database), "sid-1", clock())
        for moment in (700, 600):
            await database.sign_ins.seen({session.id: session.issued_at + moment, "unknown": 1})
        (shown,) = await database.sign_ins.listed()
        assert shown.last_seen_at == session.issued_at + 700


@pytest.mark.parametrize("how", ["denied", "epoch", "disabled", "deleted"])
async def test_what_ended_is_not_listed(tmp_path: Path, how: str) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        session = await recorded(database, await ann_in(database), "sid-1", clock())
        user_id = session.identity.user_id
        if how == "denied":
            await database.deny(session.id, session.ends_at)
        elif how == "epoch":
            await database.end_sessions_of(user_id)
        elif how == "disabled":
            await database.users.set_enabled(user_id, enabled=False)
            await database.users.set_enabled(user_id, enabled=True)
        else:
            await database.users.delete(user_id)
        assert await database.sign_ins.listed() == ()


async def test_B113_sessions_are_found_by_how_their_public_id_begins_while_they_hold(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        session = await recorded(database, await ann_in(database), "sid-1", clock())
        name = public_id(session.id)
        for beginning in (name[:8], name):
            assert [shown.public_id for shown in await database.sign_ins.named(beginning)] == [name]
        for other in (name + "0", "_" * 8, "%"):
            assert await database.sign_ins.named(other) == ()
        await database.deny(session.id, session.ends_at)
        assert await database.sign_ins.named(name) == ()


async def test_B118_beyond_the_limit_the_oldest_is_denied_and_never_the_newest(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_in(database)
        sessions = [
            await recorded(database, user_id, f"sid-{each}", clock() + each, most=3) for each in range(4)
        ]
        denied = [(await database.standing(session)).denied for session in sessions]  # type: ignore[union-attr]
        assert denied == [True, False, False, False]
        same_moment = [
            await recorded(database, user_id, f"more-{each}", clock() + 9, most=1) for each in range(3)
        ]
        standing = await database.standing(same_moment[-1])
        assert standing is not None
        assert not standing.denied
        assert [shown.public_id for shown in await database.sign_ins.listed()] == [public_id("more-2")]


async def test_B118_the_limit_counts_one_user_alone(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        ann = await recorded(database, await ann_in(database), "sid-ann", clock())
        async with database.users.ledger() as ledger:
            bob = await ledger.create_user(replace(ANN, subject="bob", email="bob@example.com"))
        await recorded(database, bob.id, "sid-bob", clock() + 1, most=1)
        standing = await database.standing(ann)
        assert standing is not None
        assert not standing.denied


async def test_the_kept_token_is_that_of_the_session_until_it_ends(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        session = session_of(await ann_in(database), authenticated_at=int(clock()))
        await database.sign_ins.record(session, address="", browser="", id_token="sealed")
        assert await database.sign_ins.id_token_of(session.id) == "sealed"
        assert await database.sign_ins.id_token_of("sid-2") is None
        await database.deny(session.id, session.ends_at)
        assert await database.sign_ins.id_token_of(session.id) is None


async def test_rows_past_their_end_are_swept_by_later_logins(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_in(database)
        await recorded(database, user_id, "sid-1", clock())
        clock.advance(2_592_000)
        await recorded(database, user_id, "sid-2", clock())
        assert await database.sign_ins.id_token_of("sid-1") is None
        assert len(await database.sign_ins.listed()) == 1


async def test_an_outage_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        hand(tmp_path, "ALTER TABLE sign_ins RENAME TO elsewhere")
        with pytest.raises(StoreUnavailable):
            await database.sign_ins.listed()


async def test_D03_B112_all_others_are_refused_and_listed_no_more(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        ann = await ann_in(database)
        kept, *others = [await recorded(database, ann, f"sid-{each}", clock()) for each in range(3)]
        await database.deny(others[0].id, until=others[0].authenticated_at + 1000)
        for _ in range(2):
            await database.sign_ins.forget_others(ann, but=kept.id)
        denied = [await database.standing(session) for session in (kept, *others)]
        assert [each and each.denied for each in denied] == [False, True, True]
        assert [shown.public_id for shown in await database.sign_ins.listed(ann)] == [public_id(kept.id)]


async def test_everybodys_sessions_come_by_pages_each_once_the_newest_first(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_in(database)
        for number in range(5):
            await recorded(database, user_id, f"sid-{number}", int(clock()) + number // 2)
        gone = await recorded(database, user_id, "sid-ended", clock())
        await database.endings.end(public_id(gone.id))
        whole = await database.sign_ins.page(limit=100)
        assert [each.started_at for each in whole] == sorted((e.started_at for e in whole), reverse=True)
        seen, after = [], None
        while found := await database.sign_ins.page(after=after, limit=2):
            seen += found
            after = Cursor(moment=found[-1].started_at, id=found[-1].public_id)
        assert tuple(seen) == whole
        assert len(whole) == 5
        assert await database.sign_ins.page(limit=9, begun_after=int(clock()) + 1) == whole[:1]
