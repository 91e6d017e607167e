"""Transaction cookies: bound, bounded, and gone in time."""

import secrets
from dataclasses import replace

import pytest

from gateway.errors import LoginFailed
from gateway.flows.transactions import BUDGET, LIFE, MOST, Binding, Transactions
from gateway.keys.keyring import KeyRing
from gateway.model.cookies import CookieNames
from gateway.model.login import LinkIntent, PendingLogin, StepUp
from tests.fakes.clock import FakeClock
from tests.fakes.jar import Jar

RING = KeyRing([b"s" * 32], scope="https://gw.example.com")
NAMES = CookieNames(base="session", secure=True)
BINDING = Binding(
    provider="demo",
    issuer="https://issuer.example",
    client_id="gateway",
    redirect_uri="https://gw.example.com/.gateway/callback/demo",
)


def transactions(clock: FakeClock) -> Transactions:
    return Transactions(sealer=RING.sealer("login"), names=NAMES, clock=clock)


def pending(clock: FakeClock, **changes: object) -> PendingLogin:
    made = PendingLogin(
        provider="demo",
        issuer=BINDING.issuer,
        client_id=BINDING.client_id,
        redirect_uri=BINDING.redirect_uri,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(32),
        return_to="/x?y=1",
        started_at=int(clock()),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_what_was_left_in_the_browser_is_found_again_whole() -> None:
    clock, jar = FakeClock(), Jar()
    kept = transactions(clock)
    login = pending(
        clock,
        persistent=False,
        restarted=True,
        link=LinkIntent(user_id="u", session_id="s"),
        return_to="/" * 1,
        route="/payroll",
    )
    jar.take(kept.begin(login, BINDING, jar.headers()))
    assert kept.find(login.state, BINDING, jar.headers()) == login


@pytest.mark.parametrize("field", ["provider", "issuer", "client_id", "redirect_uri"])
def test_O04_another_registration_does_not_find_it(field: str) -> None:
    clock, jar = FakeClock(), Jar()
    kept = transactions(clock)
    login = pending(clock)
    jar.take(kept.begin(login, BINDING, jar.headers()))
    with pytest.raises(LoginFailed):
        kept.find(login.state, replace(BINDING, **{field: "other"}), jar.headers())


def test_a_transaction_moved_under_another_states_name_does_not_count() -> None:
    clock, jar = FakeClock(), Jar()
    kept = transactions(clock)
    mine, planted = pending(clock), pending(clock)
    jar.take(kept.begin(planted, BINDING, jar.headers()))
    value = next(iter(jar.cookies.values()))
    jar.take(kept.begin(mine, BINDING, jar.headers()))
    name = next(name for name in jar.names if jar.cookies[(name, "")] != value)
    jar.plant(name, value)
    with pytest.raises(LoginFailed):
        kept.find(mine.state, BINDING, jar.headers())


def test_S25_the_cookie_is_lax_bound_to_the_host_and_lives_as_long_as_the_login() -> None:
    clock = FakeClock()
    line = transactions(clock).begin(pending(clock), BINDING, ())[0].decode()
    assert line.startswith("__Host-session-login-")
    assert line.endswith(f"; Path=/; Max-Age={LIFE}; Secure; HttpOnly; SameSite=Lax")


def test_a_target_of_the_greatest_length_fits_one_cookie() -> None:
    clock, jar = FakeClock(), Jar()
    kept = transactions(clock)
    login = pending(clock, return_to="/" + secrets.token_urlsafe(1600)[:2047])
    (line,) = kept.begin(login, BINDING, ())
    assert len(line) <= 4096
    jar.take([line])
    assert kept.find(login.state, BINDING, jar.headers()) == login


def test_B025_the_oldest_goes_when_there_are_too_many_or_they_take_too_much() -> None:
    clock, jar = FakeClock(), Jar()
    kept = transactions(clock)
    for _ in range(MOST + 3):
        jar.take(kept.begin(pending(clock), BINDING, jar.headers()))
        clock.advance(1)
    assert len(jar.cookies) == MOST
    large = pending(clock, return_to="/" + secrets.token_urlsafe(1600)[:1000])
    jar.take(kept.begin(large, BINDING, jar.headers()))
    assert len(jar.cookies) < MOST
    assert len(dict(jar.headers())[b"Cookie"]) <= BUDGET
    assert kept.find(large.state, BINDING, jar.headers()) == large


def test_expired_and_unreadable_ones_are_swept_and_others_stay() -> None:
    clock, jar = FakeClock(), Jar()
    kept = transactions(clock)
    jar.take(kept.begin(pending(clock), BINDING, jar.headers()))
    clock.advance(LIFE + 1)
    login = pending(clock)
    jar.take([kept.begin(login, BINDING, ())[0]])
    jar.plant("__Host-session-login-0123456789abcdef", "garbage")
    jar.plant("__Host-session", "not-ours-to-sweep")
    jar.take(kept.sweep(jar.headers()))
    assert len(jar.cookies) == 2
    jar.take(kept.sweep(jar.headers(), state=login.state))
    assert jar.names == ["__Host-session"]


@pytest.mark.parametrize(
    ("age", "fresh"), [(0, True), (LIFE, True), (LIFE + 1, False), (-60, True), (-61, False)]
)
def test_freshness_ends_with_the_life_and_forgives_a_minute_of_skew(age: int, fresh: bool) -> None:
    clock = FakeClock()
    login = pending(clock)
    clock.advance(age)
    assert transactions(clock).is_fresh(login) is fresh


def test_a_step_up_travels_with_its_transaction() -> None:
    clock, jar = FakeClock(), Jar()
    for step_up in (
        None,
        StepUp(user_id="u", route="/admin"),
        StepUp(user_id="u", route="/a", insisted=True),
    ):
        made = pending(clock, step_up=step_up)
        jar.take(transactions(clock).begin(made, BINDING, jar.headers()))
        assert transactions(clock).find(made.state, BINDING, jar.headers()) == made


def test_B005_B025_a_browser_keeps_seven_of_them_for_a_quarter_of_an_hour() -> None:
    assert (MOST, LIFE, BUDGET) == (7, 15 * 60, 4096)
