"""A request as understood: facts that later stages read in one way."""

import pytest

from tests.fakes.dressing import inbound


@pytest.mark.parametrize(
    ("host", "hostname"),
    [
        ("app.example.com", "app.example.com"),
        ("localhost:8080", "localhost"),
        ("[::1]:8080", "[::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_a_hostname_is_the_host_without_its_port(host: str, hostname: str) -> None:
    assert inbound(host=host).hostname == hostname


def test_values_are_all_of_them_in_order_whatever_their_case() -> None:
    request = inbound((b"X-A", b"1"), (b"x-a", b"2"), (b"X-AB", b"3"), (b"X-A", b""))
    assert request.values(b"x-a") == [b"1", b"2", b""]
    assert request.values(b"x-none") == []


@pytest.mark.parametrize(
    ("chunked", "length", "there_is_one"),
    [(False, None, False), (False, 0, False), (False, 1, True), (True, None, True)],
)
def test_a_request_has_a_body_where_its_framing_says_so(
    chunked: bool, length: int | None, there_is_one: bool
) -> None:
    assert inbound(chunked=chunked, length=length).has_body is there_is_one


def test_a_request_cannot_be_changed_once_understood() -> None:
    with pytest.raises(AttributeError):
        inbound().path = "/admin"


def test_two_requests_share_no_notes() -> None:
    assert inbound().notes is not inbound().notes
