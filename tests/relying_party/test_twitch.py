"""What Twitch says in its own words, and that nobody else is understood so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GrantRefused, IssuerUnavailable, LoginFailed
from gateway.relying_party.twitch import is_over, scope_in
from tests.fakes.login import NOON, at
from tests.fakes.refreshing import RefreshingIssuer

ALICE = "alice-at-the-issuer"
NAMES = st.text("abcXYZ019:_.-!#[]~", min_size=1)
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)


@given(st.lists(NAMES))
def test_a_list_of_scopes_becomes_the_text_that_others_write(names: list[str]) -> None:
    assert scope_in(names) == " ".join(names)


@given(JSON)
def test_whatever_else_is_told_stays_as_it_is(told: object) -> None:
    found = scope_in(told)
    assert found is told or (isinstance(told, list) and found == " ".join(told))


@pytest.mark.parametrize(
    "told", [["a b"], ["a", 1], ["a", None], [["a"]], [""], ['a"b'], ["a\\b"], ["\u00e9"]]
)
def test_a_list_of_anything_else_is_no_scope(told: object) -> None:
    assert scope_in(told) is told


async def test_a_login_takes_a_list_of_scopes_from_twitch_alone() -> None:
    async with RefreshingIssuer(clock=lambda: NOON) as issuer:
        issuer.token_answer = {"scope": ["openid", "user:read:email"], "token_type": "bearer"}
        async with at(issuer, steps="twitch") as login:
            assert (await login.run()).scope == "openid user:read:email"
        async with at(issuer) as login:
            with pytest.raises(LoginFailed, match="scope is not plain text"):
                await login.run()
        issuer.token_answer = {"scope": ["openid", {"a": 1}]}
        async with at(issuer, steps="twitch") as login:
            with pytest.raises(LoginFailed, match="scope is not plain text"):
                await login.run()


@pytest.mark.parametrize(("steps", "error"), [("twitch", GrantRefused), ("", IssuerUnavailable)])
async def test_B137_a_refresh_token_that_is_over_is_so_in_the_words_of_twitch(
    steps: str, error: type[Exception]
) -> None:
    async with RefreshingIssuer(clock=lambda: NOON) as issuer, at(issuer, steps=steps) as login:
        kept = (await login.run()).tokens
        assert kept is not None
        issuer.refresh_faults = {"twitch"}
        with pytest.raises(error):
            await login.party.refresh(kept, subject=ALICE)


def test_no_other_refusal_of_twitch_ends_a_grant() -> None:
    assert is_over({"error": "Bad Request", "status": 400, "message": "Invalid refresh token"})
    for message in ("missing client id", "invalid client secret", None, ["Invalid refresh token"]):
        assert not is_over({"error": "Bad Request", "status": 400, "message": message})
