"""Recent logins: two within a minute are somebody in a hurry, the third is a loop."""

import pytest

from gateway.errors import LoginLoop
from gateway.flows.recent import TOLERATED, WINDOW, RecentLogins
from gateway.keys.keyring import KeyRing
from gateway.model.cookies import CookieNames
from tests.fakes.clock import FakeClock
from tests.fakes.jar import Jar

NAMES = CookieNames(base="session", secure=True)


def recent(clock: FakeClock) -> RecentLogins:
    sealer = KeyRing([b"s" * 32], scope="https://gw.example.com").sealer("recent")
    return RecentLogins(sealer=sealer, names=NAMES, clock=clock)


@pytest.mark.parametrize(("pause", "loop"), [(WINDOW - 1, True), (WINDOW, False)])
def test_B031_the_third_login_within_the_window_is_a_loop(pause: int, loop: bool) -> None:
    clock, jar = FakeClock(), Jar()
    jar.take([recent(clock).note(jar.headers())])
    jar.take([recent(clock).note(jar.headers())])
    clock.advance(pause)
    if loop:
        with pytest.raises(LoginLoop):
            recent(clock).note(jar.headers())
        return
    assert recent(clock).note(jar.headers()).startswith(b"__Host-session-logins=")


def test_a_presented_session_ends_the_count() -> None:
    clock, jar = FakeClock(), Jar()
    jar.take([recent(clock).note(jar.headers())])
    jar.take(recent(clock).forget(jar.headers()))
    assert jar.cookies == {}
    assert recent(clock).forget(jar.headers()) == ()


def test_a_count_that_does_not_open_counts_nothing() -> None:
    clock, jar = FakeClock(), Jar()
    jar.plant("__Host-session-logins", "garbage")
    assert recent(clock).note(jar.headers())


def test_B031_the_third_login_within_a_minute_is_one_too_many() -> None:
    assert (WINDOW, TOLERATED) == (60, 2)


def test_B094_logins_noted_by_a_clock_that_was_ahead_make_no_loop() -> None:
    clock, jar = FakeClock(), Jar()
    jar.take([recent(clock).note(jar.headers())])
    jar.take([recent(clock).note(jar.headers())])
    clock.advance(-3600)
    assert recent(clock).note(jar.headers())
