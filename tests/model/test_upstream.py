import pytest

from gateway.model.upstream import Balance, Limits, Member, Upstream
from tests.fakes.routes import UPSTREAM


@pytest.mark.parametrize(
    ("host", "port", "tls", "authority"),
    [
        ("app", 80, False, "app"),
        ("app", 443, True, "app"),
        ("app", 443, False, "app:443"),
        ("::1", 80, False, "[::1]"),
        ("::1", 8443, True, "[::1]:8443"),
    ],
)
def test_a_member_is_addressed_without_its_default_port(
    host: str, port: int, tls: bool, authority: str
) -> None:
    assert Member(tls=tls, host=host, port=port).authority == authority


def test_an_upstream_is_waited_for_in_three_ways() -> None:
    times = UPSTREAM.timeouts
    assert (times.connect, times.first_byte, times.idle) == (5, 60, 60)


@pytest.mark.parametrize(
    ("member", "url"),
    [
        (Member(host="app", port=80), "http://app"),
        (Member(host="::1", port=8443, tls=True), "https://[::1]:8443"),
        (Member(socket="/run/app.sock"), "unix:/run/app.sock"),
    ],
)
def test_a_member_is_called_as_the_configuration_spells_it(member: Member, url: str) -> None:
    assert member.url == url


def test_all_members_get_the_host_of_the_first() -> None:
    places = (Member(host="one", port=80), Member(host="two", port=80))
    assert Upstream(name="a", members=places, audience="a").authority == "one"
    assert Member(socket="/run/app.sock").authority == "localhost"


def test_what_is_not_said_of_an_upstream() -> None:
    assert (UPSTREAM.balance, UPSTREAM.health, UPSTREAM.slow_start) == (Balance.LEAST_REQUESTS, None, 0)
    assert UPSTREAM.limits == Limits(connections=256, queue=1024)
