"""Hashes: one spelling, the whole password, equal work, bounded and beside the loop."""

import asyncio
import os
import sys
import threading
from unicodedata import normalize

import pytest
from argon2 import extract_parameters
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Unavailable
from gateway.keys.password import (
    LAST,
    LONGEST,
    MODEST,
    OWASP,
    Passwords,
    Profile,
    is_hash,
    prepared,
)
from tests.fakes.passwords import CHEAP, RIGHT, CountedPasswords, hash_of


@given(st.text(max_size=300))
def test_what_is_prepared_is_bounded_one_spelling_and_its_own_preparation(password: str) -> None:
    raw = prepared(password)
    if raw is None:
        unfit = not password or "\0" in password or any("\ud800" <= c <= "\udfff" for c in password)
        assert unfit or len(password.encode()) > LONGEST
        return
    assert raw.decode() == normalize("NFKC", password)
    assert b"\0" not in raw


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        ("a" * (LONGEST - 1), True),
        ("a" * LONGEST, True),
        ("a" * (LONGEST + 1), False),
        ("ä" * (LONGEST // 2), True),
        ("ä" * (LONGEST // 2) + "a", False),
        ("", False),
        ("a\0b", False),
        ("a\ud800", False),
    ],
)
def test_O38_a_password_is_of_1_to_1024_bytes_without_nul(password: str, fits: bool) -> None:
    assert (prepared(password) is not None) is fits


def test_O38_a_password_of_a_megabyte_costs_nothing() -> None:
    assert prepared("\ufdfa" * 1_000_000) is None


def test_two_spellings_of_one_text_are_one_password() -> None:
    assert prepared("pässwörd of some length") == prepared(normalize("NFD", "pässwörd of some length"))
    assert prepared("\uff46\uff55\uff4c\uff4c width") == prepared("full width")


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_a_hash_is_matched_by_its_own_password_and_no_other(one: str, other: str) -> None:
    left, right = prepared(one), prepared(other)

    async def compared() -> tuple[bool, bool]:
        passwords = Passwords(profile=CHEAP, workers=1)
        try:
            stored = await passwords.hash(left or b"-")
            return await passwords.matches(stored, left or b"-"), await passwords.matches(stored, right)
        finally:
            await passwords.close()

    own, others = asyncio.run(compared())
    assert own
    assert others is (right is not None and right == (left or b"-"))


async def test_O38_nothing_is_cut_at_72_bytes() -> None:
    passwords = CountedPasswords()
    stored = await passwords.of("a" * 72 + "one end")
    assert not await passwords.matches(stored, prepared("a" * 72 + "another"))
    assert not await passwords.matches(stored, prepared("a" * 72))
    stored = await passwords.of("a" * (LONGEST - 1) + "b")
    assert not await passwords.matches(stored, prepared("a" * LONGEST))
    await passwords.close()


@pytest.mark.parametrize(
    "stored", [None, "", "x", "$argon2id$", "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA"]
)
async def test_O38_without_anything_to_compare_with_a_hash_of_todays_cost_is_made(
    stored: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = Passwords(profile=CHEAP, workers=1)
    seen = []
    honest = passwords._hasher.verify
    monkeypatch.setattr(
        type(passwords._hasher), "verify", lambda _, found, raw: seen.append(found) or honest(found, raw)
    )
    monkeypatch.setattr(passwords, "_hasher", passwords._hasher)
    for password in (prepared(RIGHT), None):
        assert not await passwords.matches(stored, password)
    await passwords.close()
    assert len(seen) == 2
    for found in seen:
        cost = extract_parameters(found)
        assert (cost.memory_cost, cost.time_cost, cost.parallelism) == (8, 1, 1)


def test_the_usual_profile_is_owasps() -> None:
    assert Profile(memory=19456, passes=2, lanes=1) == OWASP


async def test_a_hash_of_other_costs_still_holds_and_is_outdated() -> None:
    old = await hash_of(RIGHT, Profile(memory=16, passes=1))
    passwords = CountedPasswords()
    assert await passwords.matches(old, prepared(RIGHT))
    assert passwords.is_outdated(old)
    assert not passwords.is_outdated(await passwords.of(RIGHT))
    await passwords.close()


async def test_hashes_are_salted_argon2id() -> None:
    one, two = await hash_of(), await hash_of()
    assert one != two
    assert one.startswith("$argon2id$v=19$")
    assert is_hash(one)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$" + "a" * 43,
        "$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHRzb21l$" + "a" * 43,
        "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzb21l$" + "a" * 43,
        "$argon2id$v=19$m=8,t=1000,p=1$c29tZXNhbHRzb21l$" + "a" * 43,
        "$argon2id$v=19$m=8,t=0,p=1$c29tZXNhbHRzb21l$" + "a" * 43,
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$aGFzaA",
    ],
)
def test_what_is_no_hash_of_ours_or_costs_too_much_is_none(text: str) -> None:
    assert not is_hash(text)


@given(st.text(max_size=100))
def test_no_text_breaks_the_question_whether_it_is_a_hash(text: str) -> None:
    assert is_hash(text) in (True, False)


class Stalled(Passwords):
    """Every hash waits until it is let go; the most that were made at once is counted."""

    def __init__(self, *, workers: int, waiting: int) -> None:
        super().__init__(profile=CHEAP, workers=workers, waiting=waiting)
        self.go = threading.Event()
        self.running = self.most = 0
        self._count = threading.Lock()
        inner = self._hasher

        class Hasher:
            def hash(hasher, _: bytes) -> str:
                with self._count:
                    self.running += 1
                    self.most = max(self.most, self.running)
                self.go.wait()
                with self._count:
                    self.running -= 1
                return "done"

            verify = inner.verify

        self._hasher = Hasher()  # type: ignore[assignment]


async def test_O38_no_more_run_at_once_than_there_are_workers_and_a_full_queue_is_unavailable() -> None:
    passwords = Stalled(workers=2, waiting=3)
    tasks = [asyncio.create_task(passwords.hash(b"x")) for _ in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await passwords.hash(b"one more")
    passwords.go.set()
    assert await asyncio.gather(*tasks) == ["done"] * 8
    assert passwords.most <= 2
    assert await passwords.hash(b"there is room again") == "done"
    await passwords.close()


async def test_O38_that_there_is_no_room_is_told_before_anything_is_spent() -> None:
    passwords = Stalled(workers=1, waiting=0)
    passwords.check_room()
    hashing = asyncio.create_task(passwords.hash(b"x"))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        passwords.check_room()
    passwords.go.set()
    await hashing
    passwords.check_room()
    await passwords.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a niceness of its own on Linux alone")
async def test_O38_hashing_gives_way_to_traffic_and_nobody_else_does() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    passwords = Passwords(profile=CHEAP, workers=1)
    earlier = set(threading.enumerate())
    await passwords.hash(b"x")
    [worker] = set(threading.enumerate()) - earlier
    assert os.getpriority(os.PRIO_PROCESS, worker.native_id or 0) == LAST
    assert os.sched_getscheduler(worker.native_id or 0) == os.SCHED_IDLE
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    await passwords.close()


async def test_U24_the_loop_turns_while_a_hash_is_made() -> None:
    passwords = Stalled(workers=1, waiting=1)
    hashing = asyncio.create_task(passwords.hash(b"x"))
    for _ in range(100):  # the loop itself lets the hash go on: were it blocked, this would hang
        await asyncio.sleep(0)
    assert not hashing.done()
    passwords.go.set()
    assert await hashing == "done"
    await passwords.close()


async def test_O38_who_hangs_up_frees_no_place_before_the_hash_is_done() -> None:
    passwords = Stalled(workers=1, waiting=0)
    first = asyncio.create_task(passwords.hash(b"x"))
    while not passwords.running:
        await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(Unavailable):
        await passwords.hash(b"y")
    passwords.go.set()
    while passwords._taken:
        await asyncio.sleep(0)
    assert await passwords.hash(b"y") == "done"
    await passwords.close()


async def test_U24_where_nobody_leaves_a_core_hashes_are_made_all_the_same() -> None:
    passwords = Passwords(profile=CHEAP, workers=1, starved=0.01)
    core_is_free = threading.Event()
    earlier = set(threading.enumerate())
    passwords._pool.submit(core_is_free.wait)
    [starved] = set(threading.enumerate()) - earlier
    stored = await passwords.hash(b"x")
    assert [await passwords.matches(stored, raw) for raw in (b"x", b"y")] == [True, False]
    [modest] = set(threading.enumerate()) - earlier - {starved}
    if sys.platform == "linux":
        assert os.getpriority(os.PRIO_PROCESS, modest.native_id or 0) == MODEST
        assert os.sched_getscheduler(modest.native_id or 0) == os.SCHED_OTHER
    async with asyncio.timeout(10):
        while passwords._taken:  # what the starved one had not begun is taken from it
            await asyncio.sleep(0)
    core_is_free.set()
    assert await passwords.matches(stored, b"x")
    await passwords.close()


async def test_U24_who_waits_behind_others_is_not_starved() -> None:
    passwords = Stalled(workers=1, waiting=3)
    passwords._starved = 10.0
    tasks = [asyncio.create_task(passwords.hash(b"x")) for _ in range(3)]
    while not passwords.running:
        await asyncio.sleep(0)
    passwords.go.set()
    assert await asyncio.gather(*tasks) == ["done"] * 3
    assert not passwords._modest._threads
    await passwords.close()


async def test_a_hash_that_cannot_be_made_is_an_outage_not_a_wrong_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from argon2.exceptions import HashingError, VerificationError

    def no_memory(*_: object) -> bool:
        raise VerificationError("Memory allocation error")

    def none(*_: object) -> str:
        raise HashingError("Memory allocation error")

    passwords = Passwords(profile=CHEAP, workers=1)
    monkeypatch.setattr(type(passwords._hasher), "verify", no_memory)
    monkeypatch.setattr(type(passwords._hasher), "hash", none)
    with pytest.raises(Unavailable):
        await passwords.matches(None, b"x")
    with pytest.raises(Unavailable):
        await passwords.hash(b"x")
    await passwords.close()
