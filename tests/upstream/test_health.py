from typing import NoReturn

import pytest

from gateway.model.upstream import Health
from gateway.upstream.health import FAILURES, LEFT_OUT, LONGEST, Checks, Vitals
from gateway.upstream.members import Member
from gateway.upstream.outbound import Outbound
from tests.fakes.dressing import pool_at, upstream_at
from tests.fakes.members import Heard, Monotonic
from tests.fakes.upstream import RecordingUpstream, ok


def vitals(heard: Heard, time: Monotonic, *, slow_start: float = 0.0, may_leave: bool = True) -> Vitals:
    return Vitals("m", slow_start=slow_start, monotonic=time, heard=heard, may_leave=lambda: may_leave)


def test_the_first_answer_decides_and_later_two_in_a_row_do() -> None:
    heard = Heard()
    of = vitals(heard, Monotonic())
    of.found_ill()
    assert not of.well
    of.found_well()
    of.found_ill()
    of.found_well()
    assert not of.well
    of.found_well()
    assert of.well
    of.found_ill()
    assert of.well
    of.found_ill()
    assert not of.well
    of.found_ill()
    for _ in range(3):
        of.found_well()
    assert heard.told == ["m gone: health", "m back", "m gone: health", "m back"]


def test_a_member_that_fails_in_a_row_is_left_out_and_longer_each_time() -> None:
    heard, time = Heard(), Monotonic()
    of = vitals(heard, time)
    for turn in (1, 2, 3):
        for _ in range(FAILURES):
            assert not of.out
            of.failed()
        assert of.out
        time.now += LEFT_OUT * turn - 0.1
        assert of.out
        time.now += 0.1
        assert not of.out
    assert heard.told == ["m gone: failures"] * 3
    of.fared_well()
    for _ in range(FAILURES):
        of.failed()
    time.now += LEFT_OUT + 0.1
    assert not of.out


def test_one_that_is_left_out_and_asked_all_the_same_is_not_left_out_for_longer() -> None:
    heard, time = Heard(), Monotonic()
    of = vitals(heard, time)
    for _ in range(3 * FAILURES):
        of.failed()
    assert heard.told == ["m gone: failures"]
    time.now += LEFT_OUT
    assert not of.out


def test_it_is_never_left_out_for_longer_than_five_minutes() -> None:
    assert (FAILURES, LEFT_OUT, LONGEST) == (5, 10.0, 300.0)
    time = Monotonic()
    of = vitals(Heard(), time)
    for _ in range(50):
        for _ in range(FAILURES):
            of.failed()
        time.now += LONGEST + 0.1
        assert not of.out


def test_one_that_answers_now_and_then_stays() -> None:
    of = vitals(Heard(), Monotonic())
    for _ in range(20):
        for _ in range(FAILURES - 1):
            of.failed()
        of.fared_well()
    assert not of.out


def test_nobody_leaves_who_may_not() -> None:
    of = vitals(Heard(), Monotonic(), may_leave=False)
    for _ in range(3 * FAILURES):
        of.failed()
    assert not of.out


def test_one_that_comes_back_begins_slowly() -> None:
    time = Monotonic()
    of = vitals(Heard(), time, slow_start=10.0)
    assert of.share == 1.0
    of.found_ill()
    of.found_well()
    of.found_well()
    shares = []
    for _ in range(4):
        shares.append(of.share)
        time.now += 5.0
    assert shares == [0.1, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("answer", "well"),
    [
        (ok(b"fine"), True),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun", True),
        (b"garbage\r\n\r\n", False),
    ],
)
async def test_a_member_is_asked_in_plain_words(answer: bytes, *, well: bool) -> None:
    async with RecordingUpstream() as up:
        up.answer_with(answer)
        assert await asked(up) is well
        assert up.requests[0].startswith(b"GET /up?deep HTTP/1.1\r\nHost: app\r\n")


@pytest.mark.parametrize("fault", ["silent", "hang up"])
async def test_one_that_does_not_answer_is_ill(fault: str) -> None:
    async with RecordingUpstream() as up:
        up.fault = fault
        assert not await asked(up, timeout=0.05)


class Unfit:
    """A member about which asking itself fails."""

    def __init__(self) -> None:
        self.vitals = vitals(Heard(), Monotonic())

    def send(self, _outbound: Outbound) -> NoReturn:
        raise RuntimeError("nobody foresaw this")


async def test_whatever_nobody_foresaw_is_no_answer_and_ends_no_asking() -> None:
    member = Unfit()
    checks = Checks([], Health(path="/", interval=60.0, timeout=1.0), host="app")
    await checks.ask(member)
    assert not member.vitals.well
    await checks.close()


async def asked(up: RecordingUpstream, *, timeout: float = 5.0) -> bool:
    """Ask *up* once how it is, and say whether it is well."""
    member = Member(pool_at(upstream_at(up.port)), vitals(Heard(), Monotonic()))
    checks = Checks([member], Health(path="/up?deep", interval=60.0, timeout=timeout), host="app")
    try:
        await checks.ask(member)
    finally:
        await checks.close()
        await member.pool.close()
    return member.vitals.well
