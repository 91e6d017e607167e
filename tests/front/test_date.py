"""Our answers say when they were made, in the one format that every client reads."""

from gateway.front.date import HttpDate
from tests.fakes.clock import FakeClock


def test_a_date_is_the_clocks_in_gmt() -> None:
    clock = FakeClock(784_111_777.9)
    date = HttpDate(clock)
    assert date() == b"Sun, 06 Nov 1994 08:49:37 GMT"
    clock.advance(0.1)
    assert date() == b"Sun, 06 Nov 1994 08:49:38 GMT"


def test_a_clock_that_goes_back_is_followed() -> None:
    clock = FakeClock(784_111_777)
    date = HttpDate(clock)
    date()
    clock.advance(-1)
    assert date() == b"Sun, 06 Nov 1994 08:49:36 GMT"
