"""When a token lives, and when it is due."""

import pytest

from gateway.model.grant import ProviderTokens, Token


@pytest.mark.parametrize(("lifetime", "due"), [(3600, 3540), (300, 240), (100, 80), (20, 16), (1, 1)])
def test_a_token_is_due_a_minute_or_a_fifth_of_its_life_before_its_end(lifetime: int, due: int) -> None:
    token = Token(value="at", received_at=1000, expires_at=1000 + lifetime)
    assert [token.is_due(1000 + due - 0.5), token.is_due(1000 + due)] == [False, True]
    assert [token.lives(1000 + lifetime - 0.5), token.lives(1000 + lifetime)] == [True, False]


def test_a_token_whose_end_is_unknown_lives_and_is_never_due() -> None:
    token = Token(value="at", received_at=0)
    assert token.lives(1e12)
    assert not token.is_due(1e12)


def test_O34_no_token_is_in_a_repr() -> None:
    tokens = ProviderTokens(
        access_token=Token(value="canary", received_at=0), refresh_token="canary", nonce="canary"
    )
    assert "canary" not in repr(tokens)
