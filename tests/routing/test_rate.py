import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.route import Rate
from gateway.routing.rate import Buckets

RATE = Rate(requests=5, per=10.0)


def test_a_full_bucket_lets_all_of_it_pass_and_then_one_after_the_other() -> None:
    buckets = Buckets()
    told = [buckets.take(RATE, "ann", now=100.0) for _ in range(7)]
    assert [verdict.passes for verdict in told] == [True] * 5 + [False] * 2
    assert [verdict.remaining for verdict in told] == [4, 3, 2, 1, 0, 0, 0]
    assert told[-1].retry_after == pytest.approx(2.0)
    assert not buckets.take(RATE, "ann", now=101.9).passes
    assert buckets.take(RATE, "ann", now=102.0).passes
    assert not buckets.take(RATE, "ann", now=102.0).passes
    assert buckets.take(RATE, "ann", now=1000.0).remaining == 4


@pytest.mark.parametrize("per", [1.0, 7.0, 60.0])
@pytest.mark.parametrize("requests", [3, 7, 10, 20])
@pytest.mark.parametrize("now", [0.0, 0.1, 1_234_567.89])
def test_the_last_of_a_full_bucket_passes_whatever_floats_make_of_it(
    requests: int, per: float, now: float
) -> None:
    buckets, rate = Buckets(), Rate(requests=requests, per=per)
    told = [buckets.take(rate, "ann", now=now) for _ in range(requests + 1)]
    assert [verdict.remaining for verdict in told if verdict.passes] == list(range(requests))[::-1]


def test_callers_have_a_bucket_each() -> None:
    buckets = Buckets()
    for _ in range(5):
        buckets.take(RATE, "ann", now=0.0)
    assert not buckets.take(RATE, "ann", now=0.0).passes
    assert buckets.take(RATE, "bob", now=0.0).passes


def test_what_is_kept_is_bounded_and_the_longest_unused_goes() -> None:
    buckets = Buckets(most=3)
    once = Rate(requests=1, per=100.0)
    for name in "abcd":
        assert buckets.take(once, name, now=0.0).passes
    assert buckets.take(once, "a", now=0.0).passes
    assert not buckets.take(once, "d", now=0.0).passes
    assert len(buckets._full_at) == 3


def test_who_has_asked_again_is_not_the_longest_unused() -> None:
    buckets = Buckets(most=2)
    asked = ("ann", "bob", "bob", "ann", "eve", "ann", "bob")
    told = [buckets.take(RATE, name, now=0.0).remaining for name in asked]
    assert told == [4, 4, 3, 3, 4, 2, 4]


@given(
    st.integers(1, 50),
    st.floats(0.1, 1000.0),
    st.lists(st.floats(0.0, 100.0), min_size=1, max_size=200),
)
def test_never_more_in_any_time_than_a_bucket_and_what_refills_it(
    requests: int, per: float, pauses: list[float]
) -> None:
    buckets, rate, now = Buckets(), Rate(requests=requests, per=per), 1000.0
    passed: list[float] = []
    for pause in pauses:
        now += pause
        verdict = buckets.take(rate, "x", now=now)
        if verdict.passes:
            passed.append(now)
            assert 0 <= verdict.remaining < requests
        else:
            assert 0 < verdict.retry_after <= per / requests + 1e-6
    for start in range(len(passed)):
        within = passed[-1] - passed[start]
        assert len(passed) - start <= requests + within * requests / per + 1


def test_a_caller_is_told_when_all_of_it_is_back() -> None:
    buckets = Buckets()
    told = [buckets.take(RATE, "ann", now=100.0) for _ in range(6)]
    assert [round(verdict.full_in) for verdict in told] == [2, 4, 6, 8, 10, 10]
