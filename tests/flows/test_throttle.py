"""The throttle: buckets that fill, empty with time, and never grow without bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TooManyAttempts
from gateway.flows.throttle import WINDOW, Limits, Throttle, network
from tests.fakes.clock import FakeClock

HOME, AWAY = "192.0.2.1", "198.51.100.7"


def throttle(clock: FakeClock | None = None, **limits: int) -> Throttle:
    return Throttle(monotonic=clock or FakeClock(), limits=Limits(**limits))


def failed(gate: Throttle, times: int, user: str = "ann", address: str = HOME) -> None:
    for _ in range(times):
        gate.attempt(user, address)


@given(st.integers(1, 512))
def test_O38_processes_together_bear_what_one_would_and_a_person_may_always_mistype(processes: int) -> None:
    whole, share = Limits(), Limits().shared(processes)
    for name in ("both", "user", "address", "everybody"):
        borne, least = getattr(whole, name), getattr(share, name)
        assert 5 <= least <= borne
        assert least * processes < borne + processes or least == 5
    assert Limits().shared(1) == whole
    assert Limits().shared(4) == Limits(both=5, user=25, address=25, everybody=1250)


@pytest.mark.parametrize(("times", "refused"), [(9, False), (10, True), (11, True)])
def test_B20_O38_ten_failures_of_one_user_at_one_address_close_that_way(times: int, refused: bool) -> None:
    gate = throttle()
    failed(gate, min(times, 10))
    if not refused:
        gate.attempt("ann", HOME)
        return
    with pytest.raises(TooManyAttempts):
        gate.attempt("ann", HOME)
    gate.attempt("ann", AWAY)
    gate.attempt("bob", HOME)


def test_B20_the_way_opens_when_the_oldest_failure_is_15_minutes_old() -> None:
    clock = FakeClock()
    gate = throttle(clock)
    failed(gate, 1)
    clock.advance(60)
    failed(gate, 9)
    clock.advance(100.5)
    with pytest.raises(TooManyAttempts) as refused:
        gate.attempt("ann", HOME)
    assert refused.value.retry_after == 740  # 15 min less 160.5 s, rounded up
    clock.advance(739)
    with pytest.raises(TooManyAttempts):
        gate.attempt("ann", HOME)
    clock.advance(0.5)
    gate.attempt("ann", HOME)


def test_who_is_turned_away_does_not_push_the_end_out() -> None:
    clock = FakeClock()
    gate = throttle(clock)
    failed(gate, 10)
    for _ in range(100):
        clock.advance(8)
        with pytest.raises(TooManyAttempts):
            gate.attempt("ann", HOME)
    clock.advance(WINDOW - 800)
    gate.attempt("ann", HOME)


@pytest.mark.parametrize(
    ("limits", "others"),
    [
        ({"user": 3}, [("ann", "203.0.113.9")]),
        ({"address": 3}, [("eve", HOME)]),
        ({"everybody": 3}, [("eve", "203.0.113.9")]),
    ],
)
def test_O38_user_address_and_everybody_have_buckets_too(
    limits: dict[str, int], others: list[tuple[str, str]]
) -> None:
    gate = throttle(**limits)
    failed(gate, 3)
    for user, address in others:
        with pytest.raises(TooManyAttempts):
            gate.attempt(user, address)


def test_O38_attempts_side_by_side_are_counted_before_any_is_judged() -> None:
    gate = throttle()
    begun = [gate.attempt("ann", HOME) for _ in range(10)]
    with pytest.raises(TooManyAttempts):
        gate.attempt("ann", HOME)
    gate.forgive(begun[0])
    gate.attempt("ann", HOME)


def test_a_right_password_clears_this_way_and_nobody_elses_failures() -> None:
    gate = throttle(address=20)
    failed(gate, 9)
    failed(gate, 5, user="bob")
    gate.clear(gate.attempt("ann", HOME))
    failed(gate, 6)  # 9 + 5 + 6 failures of this address
    with pytest.raises(TooManyAttempts):
        gate.attempt("ann", HOME)


def test_no_name_is_another_bucket() -> None:
    gate = throttle()
    failed(gate, 10, user="")
    gate.attempt("ann", HOME)
    gate.attempt(HOME, "")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("unix", "unix", True),
    ],
)
def test_O38_addresses_that_one_client_can_choose_among_are_one(one: str, other: str, same: bool) -> None:
    assert (network(one) == network(other)) is same


@given(st.text(max_size=60))
def test_any_text_is_an_address(text: str) -> None:
    assert network(network(text)) == network(text)


def test_O38_what_no_longer_counts_is_forgotten_and_successes_leave_nothing() -> None:
    clock = FakeClock()
    gate = throttle(clock)
    for number in range(200):
        gate.clear(gate.attempt(f"user{number}", f"10.0.0.{number}"))
    assert len(gate) == 0
    for number in range(200):
        gate.attempt(f"user{number}", f"10.0.0.{number}")
    clock.advance(WINDOW + 1)
    gate.attempt("ann", HOME)
    assert len(gate) == 4


def test_O38_memory_is_bounded_by_the_limit_of_everybody() -> None:
    gate = throttle(everybody=50)
    for number in range(500):
        try:
            gate.attempt(f"user{number}", f"2001:db8:{number:x}::1")
        except TooManyAttempts:
            continue
    assert len(gate) == 3 * 50 + 1


Act = tuple[str, str, str, int]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["fail", "clear", "forgive", "wait"]),
            st.sampled_from(["ann", "bob"]),
            st.sampled_from([HOME, AWAY]),
            st.integers(1, 400),
        ),
        max_size=80,
    )
)
def test_it_refuses_exactly_as_a_plain_list_of_failures_would(acts: list[Act]) -> None:
    clock = FakeClock()
    gate = throttle(clock, both=3, user=5, address=6, everybody=8)
    known: list[tuple[float, str, str]] = []
    for act, user, address, seconds in acts:
        if act == "wait":
            clock.advance(seconds)
            continue
        fresh = [each for each in known if each[0] > clock() - WINDOW]
        full = (
            sum(each[1:] == (user, address) for each in fresh) >= 3
            or sum(each[1] == user for each in fresh) >= 5
            or sum(each[2] == address for each in fresh) >= 6
            or len(fresh) >= 8
        )
        if full:
            with pytest.raises(TooManyAttempts) as refused:
                gate.attempt(user, address)
            assert 1 <= refused.value.retry_after <= WINDOW
            continue
        attempt = gate.attempt(user, address)
        if act == "forgive":
            gate.forgive(attempt)
        else:
            known.append((clock(), user, address))
            if act == "clear":
                known.pop()
                gate.clear(attempt)
                return  # what clearing does to the wider buckets has a test of its own


def test_B020_ten_failures_of_one_user_and_address_within_a_quarter_of_an_hour_are_borne() -> None:
    assert (Limits().both, WINDOW) == (10, 15 * 60)


def test_an_ipv6_client_is_its_64_bits_and_its_neighbour_is_another() -> None:
    assert network("2001:db8:0:1::1") == network("2001:db8:0:1:ffff:ffff:ffff:ffff") == "2001:db8:0:1::"
    assert network("2001:db8::1") == "2001:db8::"
