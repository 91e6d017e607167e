import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.store import endings
from gateway.store.endings import KEPT
from tests.fakes.clock import FakeClock
from tests.fakes.databases import made_in, opened, raw

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
    connection = raw(directory)
    (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
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
    connection = raw(tmp_path)
    (kept,) = connection.execute("SELECT login FROM spent_logins").fetchone()
    connection.close()
    assert len(kept) == 32
    assert b"canary" not in kept


async def test_a_session_may_be_denied_twice_and_the_later_end_stays(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        for until in (1_800_000_100, 1_800_000_900, 1_800_000_500):
            await database.deny("sid", until)
    connection = raw(tmp_path)
    assert connection.execute("SELECT until FROM denied_sessions").fetchall() == [(1_800_000_900,)]
    connection.close()


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
