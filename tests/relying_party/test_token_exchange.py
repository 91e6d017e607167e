"""Token exchange: what is asked for, and what a hostile answer is worth."""

from collections.abc import AsyncIterator

import pytest

from gateway.errors import IssuerUnavailable, TokenRefused
from gateway.model.grant import Token
from tests.fakes.issuer import Claims
from tests.fakes.login import NOON, Login, at
from tests.fakes.refreshing import EXCHANGE, RefreshingIssuer

KIND = "urn:ietf:params:oauth:token-type:"


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with RefreshingIssuer(clock=lambda: NOON) as issuer, at(issuer) as login:
        yield login


async def subject(login: Login) -> tuple[RefreshingIssuer, Token]:
    tokens = (await login.run()).tokens
    assert tokens is not None
    assert isinstance(login.issuer, RefreshingIssuer)
    return login.issuer, tokens.access_token


@pytest.mark.parametrize("resource", [None, "https://api.example.com/"])
async def test_a_token_is_exchanged_for_one_for_the_audience(login: Login, resource: str | None) -> None:
    issuer, token = await subject(login)
    made = await login.party.exchange(token, audience="wiki-api", resource=resource)
    assert made.value.endswith("wiki-api")
    assert (made.received_at, made.expires_at) == (NOON, NOON + 300)
    expected = {
        "grant_type": EXCHANGE,
        "subject_token": token.value,
        "subject_token_type": f"{KIND}access_token",
        "requested_token_type": f"{KIND}access_token",
        "audience": "wiki-api",
    }
    assert issuer.exchanges == [expected | ({"resource": resource} if resource else {})]
    issuer.exchange_answer = {"issued_token_type": f"{KIND}jwt"}  # an access token that calls itself so
    assert (await login.party.exchange(token, audience="wiki-api", resource=resource)).value


@pytest.mark.parametrize(
    "word", ["invalid_target", "invalid_request", "invalid_client", "unsupported_grant_type"]
)
async def test_an_issuer_that_says_no_has_refused(login: Login, word: str) -> None:
    issuer, token = await subject(login)
    issuer.exchange_answer = {"status": 400, "error": word}
    with pytest.raises(TokenRefused, match=word) as caught:
        await login.party.exchange(token, audience="wiki-api", resource=None)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"issued_token_type": f"{KIND}refresh_token"},
        {"issued_token_type": f"{KIND}saml2"},
        {"issued_token_type": None},
        {"token_type": "N_A"},
        {"token_type": "DPoP"},
        {"access_token": "a b"},
        {"access_token": "a\r\nX-Admin: 1"},
        {"access_token": ""},
        {"access_token": 7},
    ],
)
async def test_I18_nothing_but_a_bearer_token_that_a_header_carries_is_taken(
    login: Login, answer: Claims
) -> None:
    issuer, token = await subject(login)
    issuer.exchange_answer = answer
    with pytest.raises(IssuerUnavailable):
        await login.party.exchange(token, audience="wiki-api", resource=None)
