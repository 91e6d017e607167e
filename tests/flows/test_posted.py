import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LoginFailed
from gateway.flows.posted import PostedResponses
from gateway.keys.keyring import KeyRing
from gateway.relying_party.authorization import CallbackResponse
from gateway.web.query import parse_fields

POSTED = PostedResponses(KeyRing([b"s" * 32], scope="https://x").sealer("posted-response"))
WORDS = st.none() | st.text(max_size=200)


@given(st.builds(CallbackResponse, code=WORDS, state=WORDS, iss=WORDS, error=WORDS, error_description=WORDS))
def test_a_response_comes_out_as_it_went_in(response: CallbackResponse) -> None:
    assert POSTED.opened(parse_fields(POSTED.query(response).encode()).pairs) == response


def test_O12_no_code_is_in_the_address() -> None:
    assert "a-code" not in POSTED.query(CallbackResponse(code="a-code", state="s"))


@given(st.lists(st.tuples(st.sampled_from(["posted", "code", "state"]), st.text(max_size=60))))
def test_B027_nothing_else_is_taken_for_a_posted_response(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(LoginFailed):
        POSTED.opened(pairs)


def test_O07_two_are_none() -> None:
    pair = parse_fields(POSTED.query(CallbackResponse(state="s")).encode()).pairs[0]
    assert POSTED.opened([pair]).state == "s"
    with pytest.raises(LoginFailed):
        POSTED.opened([pair, pair])


def test_a_response_that_no_address_can_carry_is_refused() -> None:
    with pytest.raises(LoginFailed, match="too long"):
        POSTED.query(CallbackResponse(code="c" * 4096, iss="i" * 2048))


def test_the_state_is_told_where_there_is_one() -> None:
    pairs = parse_fields(POSTED.query(CallbackResponse(state="s")).encode()).pairs
    assert (POSTED.state(pairs), POSTED.state([]), POSTED.state([("posted", "x")])) == ("s", "", "")
