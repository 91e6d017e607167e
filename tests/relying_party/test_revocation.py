"""Revocation: what an issuer is sent, and what its answers mean."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.errors import IssuerUnavailable
from gateway.model.grant import ProviderTokens
from tests.fakes.issuer import Claims
from tests.fakes.login import NOON, Login, at
from tests.fakes.refreshing import RefreshingIssuer


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with RefreshingIssuer(clock=lambda: NOON) as issuer, at(issuer) as login:
        yield login


async def granted(login: Login) -> tuple[RefreshingIssuer, ProviderTokens]:
    tokens = (await login.run()).tokens
    assert tokens is not None
    assert isinstance(login.issuer, RefreshingIssuer)
    return login.issuer, tokens


async def test_B117_the_refresh_token_is_given_up_first_then_the_access_token(login: Login) -> None:
    issuer, tokens = await granted(login)
    assert await login.party.revoke(tokens) is True
    assert issuer.forgotten == [tokens.refresh_token, tokens.access_token.value]
    hints = [form["token_type_hint"] for name, _, form in issuer.requests if name == "revoke"]
    assert hints == ["refresh_token", "access_token"]
    assert await login.party.revoke(replace(tokens, refresh_token=None)) is True
    assert issuer.forgotten[2:] == [tokens.access_token.value]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_B117_what_is_refused_is_not_asked_again(login: Login, status: int) -> None:
    issuer, tokens = await granted(login)
    issuer.revocation_status = status
    assert await login.party.revoke(tokens) is False


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_B117_an_issuer_that_is_out_of_order_is_asked_later(login: Login, status: int) -> None:
    issuer, tokens = await granted(login)
    issuer.revocation_status = status
    with pytest.raises(IssuerUnavailable) as caught:
        await login.party.revoke(tokens)
    assert "canary" not in str(caught.value)


async def test_B117_an_issuer_without_such_a_place_is_not_asked() -> None:
    class Without(RefreshingIssuer):
        def metadata(self) -> Claims:
            return {
                name: value for name, value in super().metadata().items() if name != "revocation_endpoint"
            }

    async with Without(clock=lambda: NOON) as issuer, at(issuer) as login:
        tokens = (await login.run()).tokens
        assert tokens is not None
        assert await login.party.revoke(tokens) is None
        assert issuer.forgotten == []


async def test_B117_an_issuer_where_it_would_end_more_than_a_sign_in_is_not_asked() -> None:
    async with RefreshingIssuer(clock=lambda: NOON) as issuer, at(issuer, revokes=False) as login:
        _, tokens = await granted(login)
        assert await login.party.revoke(tokens) is None
        assert issuer.forgotten == []
