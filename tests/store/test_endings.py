import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import StoreUnavailable
from gateway.model.session import Session, session_key
from gateway.sessions.strategy import public_id
from gateway.store import endings
from gateway.store.database import Database
from gateway.store.endings import KEPT
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, made_in, opened
from tests.fakes.logins import ANN, BOB, session_of
from tests.fakes.records import record

pytestmark = pytest.mark.usefixtures("kind")


SPEND = """
import asyncio, sys
from gateway.store.database import Database

async def main():
    database = await Database.open(sys.argv[1], clock=lambda: 1_800_000_000.0)
    sys.stdin.readline()
    won = [await database.spend(b"login-%d" % number, 1_800_000_900) for number in range(20)]
    await database.close()
    print("".join("1" if each else "0" for each in won))

asyncio.run(main())
"""


def rows(directory: Path, table: str) -> int:
    [(found,)] = hand(directory, f"SELECT count(*) FROM {table}")
    assert isinstance(found, int)
    return found


async def test_A06_a_login_is_spent_once(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as one, opened(tmp_path, clock) as other:
        assert await one.spend(b"login", int(clock()) + 900)
        assert not await one.spend(b"login", int(clock()) + 900)
        assert not await other.spend(b"login", int(clock()) + 900)
        assert await other.spend(b"another", int(clock()) + 900)


async def test_A06_of_many_at_once_exactly_one_wins(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as one, opened(tmp_path, clock) as other:
        tries = [node.spend(b"login", int(clock()) + 900) for node in (one, other) for _ in range(10)]
        assert sum(await asyncio.gather(*tries)) == 1


async def test_A06_of_two_processes_exactly_one_wins_each_login(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SPEND, made_in(tmp_path)]
    nodes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for node in nodes:
        assert node.stdin is not None
        node.stdin.write("go\n")
        node.stdin.flush()
    one, other = (node.communicate(timeout=30)[0].strip() for node in nodes)
    assert [int(a) + int(b) for a, b in zip(one, other, strict=True)] == [1] * 20


async def test_the_record_of_logins_holds_no_key(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        await database.spend(b"canary", 1_800_000_900)
    [(kept,)] = hand(tmp_path, "SELECT login FROM spent_logins")
    assert isinstance(kept, bytes)
    assert len(kept) == 32
    assert b"canary" not in kept


async def test_a_session_may_be_denied_twice_and_the_later_end_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        for until in (1_800_000_100, 1_800_000_900, 1_800_000_500):
            await database.deny("sid", until)
    assert hand(tmp_path, "SELECT until FROM denied_sessions") == [(1_800_000_900,)]


@pytest.mark.parametrize(("late", "left"), [(0, 3), (1, 1)])
async def test_what_expired_a_day_ago_is_swept_by_the_next_write(
    tmp_path: Path, late: int, left: int
) -> None:
    clock = FakeClock()
    until = int(clock()) + 900
    async with opened(tmp_path, clock) as database:
        for number in range(2):
            await database.spend(b"%d" % number, until)
            await database.deny(f"sid-{number}", until)
        clock.now = until + KEPT + late
        await database.spend(b"new", int(clock()) + 900)
        await database.deny("new", int(clock()) + 900)
    assert rows(tmp_path, "spent_logins") == left
    assert rows(tmp_path, "denied_sessions") == left


async def test_B94_a_clock_that_jumps_an_hour_revives_nothing(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        await database.spend(b"login", int(clock()) + 900)
        clock.advance(3600)
        await database.spend(b"other", int(clock()) + 900)
        clock.advance(-3600)
        assert not await database.spend(b"login", int(clock()) + 900)


async def test_a_sweep_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "SWEEP", 3)
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        for number in range(10):
            await database.spend(b"%d" % number, int(clock()) + 900)
        clock.advance(900 + KEPT + 1)
        await database.spend(b"new", int(clock()) + 900)
    assert rows(tmp_path, "spent_logins") == 10 - 3 + 1


def of_issuer(user_id: str, name: str, at: float, **changes: object) -> Session:
    session = session_of(user_id, authenticated_at=int(at), session_id=name)
    return replace(session, issuer_sid="op-1", **changes)  # type: ignore[arg-type]


async def is_denied(database: Database, session: Session) -> bool:
    standing = await database.standing(session)
    if standing is None:
        raise LookupError("no user")
    return standing.denied or standing.epoch != session.epoch


async def ann_of(database: Database) -> str:
    async with database.users.ledger() as ledger:
        return (await ledger.create_user(ANN)).id


async def test_B113_one_session_ends_by_its_public_id_and_only_its_owner_s(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_of(database)
        session, other = (of_issuer(user_id, name, clock()) for name in ("sid-1", "sid-2"))
        for each in (session, other):
            await database.sign_ins.record(each, address="", browser="")
        name = public_id(session.id)
        assert not await database.endings.end(name, user_id="u_somebody_else")
        assert not await database.endings.end("0" * 16)
        assert await database.endings.end(name, user_id=user_id)
        assert await is_denied(database, session)
        assert not await is_denied(database, other)
        assert not await database.endings.end(name)


async def test_B112_the_epoch_ends_all_and_spares_the_one_that_is_issued_anew(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_of(database)
        mine, other = (of_issuer(user_id, name, clock()) for name in ("sid-1", "sid-2"))
        for each in (mine, other):
            await database.sign_ins.record(each, address="", browser="")
        epoch = await database.end_sessions_of(user_id, but=mine.id)
        assert epoch == 1
        assert await is_denied(database, other)
        assert not await is_denied(database, replace(mine, epoch=epoch))
        assert [shown.public_id for shown in await database.sign_ins.listed()] == [public_id(mine.id)]
        assert await database.end_sessions_of(user_id) == 2
        assert await database.sign_ins.listed() == ()
        assert await database.end_sessions_of("u_nobody") is None


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ("id", {"sid-2", "bob-1"}),
        ("public id", {"sid-2", "bob-1"}),
        ("issuer's sid", {"bob-1"}),
        ("all", {"bob-1"}),
        ("others", {"sid-1", "bob-1"}),
        ("disabled", {"bob-1"}),
        ("password", {"bob-1"}),
        ("deleted", {"bob-1"}),
    ],
)
async def test_B112_what_ends_here_is_kept_no_longer_whoever_ends_it(
    tmp_path: Path, how: str, left: set[str]
) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        ann = await ann_of(database)
        async with database.users.ledger() as ledger:
            bob = (await ledger.create_user(BOB)).id
        kept = {}
        for name, user_id in (("sid-1", ann), ("sid-2", ann), ("bob-1", bob)):
            session = kept[name] = of_issuer(user_id, name, clock())
            if user_id == bob:
                session = replace(session, issuer_sid="op-bob", subject=BOB.subject)
            facts = {"issuer_sid": session.issuer_sid, "subject": session.subject}
            await database.sessions.add(record(name, user_id, **facts))
            await database.sign_ins.record(session, address="", browser="")
        until, issuer = kept["sid-1"].ends_at, kept["sid-1"].issuer
        ending = {
            "id": lambda: database.deny("sid-1", until),
            "public id": lambda: database.endings.end(public_id("sid-1")),
            "issuer's sid": lambda: database.endings.end_by_issuer(
                issuer, sid="op-1", subject=None, notice=b"n", until=until
            ),
            "all": lambda: database.end_sessions_of(ann),
            "others": lambda: database.end_sessions_of(ann, but="sid-1"),
            "disabled": lambda: database.users.set_enabled(ann, enabled=False),
            "password": lambda: database.passwords.change(ann, "a hash"),
            "deleted": lambda: database.users.delete(ann),
        }[how]
        await ending()
        found = {name for name in kept if await database.sessions.find(session_key(name)) is not None}
    assert found == left


async def test_B121_everybody_s_sessions_up_to_now_are_refused_and_later_ones_hold(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_of(database)
        before = of_issuer(user_id, "sid-1", clock())
        await database.sign_ins.record(before, address="", browser="")
        assert await database.endings.end_everybody(until=before.ends_at) == 1
        assert await is_denied(database, before)
        assert not await is_denied(database, of_issuer(user_id, "sid-2", clock() + 1))


async def test_B119_a_later_word_lets_an_earlier_one_count_no_shorter(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        before = of_issuer(await ann_of(database), "sid-1", clock())
        for until in (before.ends_at, int(clock()) + 10):
            await database.endings.end_everybody(until=until)
        clock.advance(11 + KEPT)
        await database.endings.end_by_issuer("i", sid="s", subject=None, notice=b"n", until=int(clock()))
        assert await is_denied(database, before), "whoever swept found it still of use"


async def test_B119_B120_the_issuer_s_sid_ends_a_set_and_no_other_issuer_s(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_of(database)
        first, second = (of_issuer(user_id, name, clock()) for name in ("sid-1", "sid-2"))
        foreign = of_issuer(user_id, "sid-3", clock(), issuer="https://other.example")
        other_sid = replace(of_issuer(user_id, "sid-4", clock()), issuer_sid="op-2")
        without = replace(of_issuer(user_id, "sid-5", clock()), issuer_sid=None)
        everything = (first, second, foreign, other_sid, without)
        for each in everything:
            await database.sign_ins.record(each, address="", browser="")
        ended = await database.endings.end_by_issuer(
            first.issuer, sid="op-1", subject="ann-1", notice=b"n", until=first.ends_at
        )
        assert ended == 2
        assert [await is_denied(database, each) for each in everything] == [True, True, False, False, False]
        assert await is_denied(database, of_issuer(user_id, "sid-6", clock() + 30)), "by a fast node's clock"


async def test_B119_B120_a_sub_ends_what_began_up_to_now_and_hides_no_newer_one(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        user_id = await ann_of(database)
        old = of_issuer(user_id, "sid-1", clock())
        foreign = of_issuer(user_id, "sid-2", clock(), issuer="https://other.example")
        clock.advance(10)

        async def end(notice: bytes) -> int | None:
            return await database.endings.end_by_issuer(
                old.issuer, sid=None, subject="ann-1", notice=notice, until=old.ends_at
            )

        await end(b"n1")
        newer = of_issuer(user_id, "sid-3", clock() + 1)
        assert [await is_denied(database, each) for each in (old, foreign, newer)] == [True, False, False]
        clock.advance(20)
        await end(b"n2")
        assert await is_denied(database, newer)
        clock.advance(-25)
        await end(b"n3")
        assert await is_denied(database, newer), "a clock set back takes nothing back"


async def test_S17_a_notice_is_obeyed_once(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        verb = database.endings.end_by_issuer
        assert await verb("https://a.example", sid="x", subject=None, notice=b"n", until=int(clock())) == 0
        assert await verb("https://a.example", sid="y", subject=None, notice=b"n", until=int(clock())) is None


async def test_S17_a_notice_that_could_not_be_recorded_is_not_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        verb = database.endings.end_by_issuer

        async def failing(*_: object, **__: object) -> None:
            raise StoreUnavailable("disk full")

        with monkeypatch.context() as broken:
            broken.setattr(database.endings, "_cut_off", failing)
            with pytest.raises(StoreUnavailable):
                await verb("https://a.example", sid="x", subject=None, notice=b"n", until=int(clock()))
        assert await verb("https://a.example", sid="x", subject=None, notice=b"n", until=int(clock())) == 0
