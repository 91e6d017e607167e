"""Locks between nodes: one holder, beats that keep it, and a takeover that one of two wins."""

from pathlib import Path

import pytest

from gateway.model.grant import Lease
from gateway.store.locks import LIFE, SKEW
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, opened

pytestmark = pytest.mark.usefixtures("kind")

NAME = b"n" * 32


async def test_one_holds_a_lock_and_others_are_told_by_whom(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database, opened(tmp_path, FakeClock()) as other:
        mine = await database.locks.take(NAME, holder="one")
        assert mine.holder == "one"
        assert await other.locks.take(NAME, holder="two") == mine
        assert (await other.locks.take(b"m" * 32, holder="two")).holder == "two"
        await other.locks.release(Lease(name=NAME, holder="two", beat=0, until=0))
        assert await other.locks.take(NAME, holder="two") == mine
        await database.locks.release(mine)
        assert (await other.locks.take(NAME, holder="two")).holder == "two"


async def test_B138_a_beat_moves_the_lease_and_only_its_holder_makes_it(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        mine = await database.locks.take(NAME, holder="one")
        clock.advance(2)
        longer = await database.locks.extend(mine)
        assert longer is not None
        assert (longer.beat, longer.until) == (mine.beat + 1, mine.until + 2)
        assert await database.locks.extend(Lease(name=NAME, holder="two", beat=0, until=0)) is None


async def test_B138_only_a_lease_seen_without_a_beat_is_overtaken_and_once(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock()) as database:
        seen = await database.locks.take(NAME, holder="one")
        await database.locks.extend(seen)
        moved = await database.locks.take(NAME, holder="two", dead=seen)
        assert moved.holder == "one", "it beat meanwhile"
        assert (await database.locks.take(NAME, holder="two", dead=moved)).holder == "two"
        assert (await database.locks.take(NAME, holder="three", dead=moved)).holder == "two"
        assert await database.locks.extend(moved) is None, "the first one learns of it"


async def test_B093_a_clock_that_is_ahead_takes_no_lease_from_a_living_holder(tmp_path: Path) -> None:
    late, early = FakeClock(), FakeClock()
    early.advance(SKEW - 1)
    async with opened(tmp_path, late) as database, opened(tmp_path, early) as ahead:
        mine = await database.locks.take(NAME, holder="one")
        assert await ahead.locks.take(NAME, holder="two") == mine
        early.advance(LIFE + 2)
        assert (await ahead.locks.take(NAME, holder="two")).holder == "two", "over by any clock"


async def test_locks_that_nobody_released_are_swept(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path, clock) as database:
        await database.locks.take(NAME, holder="dead")
        clock.advance(LIFE + SKEW + 1)
        await database.locks.take(b"m" * 32, holder="one")
        assert [row[0] for row in hand(tmp_path, "SELECT holder FROM locks")] == ["one"]
