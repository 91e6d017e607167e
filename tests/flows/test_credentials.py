import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BearerMalformed, BearerRefused
from gateway.flows.credentials import fingerprint, presented
from tests.fakes.dressing import inbound


def test_no_authorization_is_no_token() -> None:
    assert presented(inbound()) is None


@pytest.mark.parametrize("value", [b"Bearer abc", b"bearer abc", b"BEARER  abc="])
def test_the_scheme_is_read_in_any_case(value: bytes) -> None:
    assert (presented(inbound((b"Authorization", value))) or "").startswith("abc")


@pytest.mark.parametrize(
    "value", [b"", b"Basic YTpi", b"Bearer a b", b'Bearer "a"', b"Bearer \xe9", b"Bearera"]
)
def test_B062_anything_else_is_refused(value: bytes) -> None:
    with pytest.raises(BearerRefused):
        presented(inbound((b"Authorization", value)))


def test_two_are_never_chosen_between() -> None:
    with pytest.raises(BearerMalformed):
        presented(inbound((b"Authorization", b"Bearer a"), (b"authorization", b"Bearer a")))


@given(st.binary(max_size=64))
def test_whatever_comes_is_a_token_or_refused(value: bytes) -> None:
    try:
        token = presented(inbound((b"Authorization", value)))
    except BearerRefused:
        return
    assert token is not None
    assert token.isascii()
    assert " " not in token


def test_a_token_is_known_again_by_something_that_is_not_the_token() -> None:
    assert fingerprint("token") == fingerprint("token") != fingerprint("tokem")
    assert b"token" not in fingerprint("token")
