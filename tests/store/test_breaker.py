import pytest

from gateway.errors import StoreUnavailable
from gateway.store.breaker import FAILURES, PROBE_EVERY, Breaker
from tests.fakes.clock import FakeClock


def opened(clock: FakeClock) -> Breaker:
    breaker = Breaker(monotonic=clock)
    for _ in range(FAILURES):
        breaker.admit()
        breaker.failed()
    return breaker


def test_D01_after_so_many_failures_nobody_is_let_through() -> None:
    clock = FakeClock(100.0)
    breaker = opened(clock)
    with pytest.raises(StoreUnavailable):
        breaker.admit()


def test_D01_one_probe_a_second_goes_through_and_its_success_closes() -> None:
    clock = FakeClock(100.0)
    breaker = opened(clock)
    clock.advance(PROBE_EVERY)
    breaker.admit()
    with pytest.raises(StoreUnavailable):
        breaker.admit()
    breaker.failed()
    clock.advance(PROBE_EVERY)
    breaker.admit()
    breaker.succeeded()
    for _ in range(10):
        breaker.admit()


def test_failures_between_successes_open_nothing() -> None:
    breaker = Breaker(monotonic=FakeClock())
    for _ in range(FAILURES * 3):
        breaker.admit()
        breaker.failed()
        breaker.succeeded()
    breaker.admit()
