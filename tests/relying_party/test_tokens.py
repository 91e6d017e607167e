from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import IssuerUnavailable, LoginFailed
from gateway.relying_party.http import IssuerAnswer
from gateway.relying_party.tokens import answered
from tests.fakes.issuer import ABSENT, HostileIssuer
from tests.fakes.login import NOON, Login, at


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with HostileIssuer() as issuer, at(issuer) as login:
        yield login


async def test_a_code_is_sent_once_with_verifier_and_redirect_uri(login: Login) -> None:
    await login.run()
    sent = [form for endpoint, _, form in login.issuer.requests if endpoint == "token"]
    assert len(sent) == 1
    assert sent[0]["grant_type"] == "authorization_code"
    assert sent[0]["code_verifier"] == login.pending.verifier
    assert sent[0]["redirect_uri"] == login.pending.redirect_uri
    assert "client_secret" not in sent[0]


@pytest.mark.parametrize(
    ("answer", "expires_at"),
    [
        ({"expires_in": 60}, int(NOON) + 60),
        ({"expires_in": "60"}, int(NOON) + 60),
        ({"expires_in": ABSENT}, None),
        ({"expires_in": True}, None),
        ({"expires_in": -1}, None),
        ({"expires_in": 0}, None),
        ({"expires_in": "0"}, None),
        ({"expires_in": "\u0661"}, None),
        ({"expires_in": 10**12}, None),
        ({"expires_in": 1.5}, None),
    ],
)
async def test_a_lifetime_is_known_or_not(
    login: Login, answer: dict[str, Any], expires_at: int | None
) -> None:
    login.issuer.token_answer = answer
    assert (await login.run()).access_expires_at == expires_at


@pytest.mark.parametrize("status", [400, 401])
async def test_O22_what_comes_with_a_refusing_status_is_no_token_whatever_it_says(status: int) -> None:
    body = b'{"access_token":"at","token_type":"Bearer","refresh_token":"rt","id_token":"x.y.z"}'
    assert "error" in answered(IssuerAnswer(status=status, body=body))
    assert "error" not in answered(IssuerAnswer(status=200, body=body))


@pytest.mark.parametrize("status", [100, 201, 204, 302, 403, 404, 429, 500, 503])
async def test_O22_another_status_is_an_outage(status: int) -> None:
    with pytest.raises(IssuerUnavailable, match=str(status)):
        answered(IssuerAnswer(status=status, body=b'{"error":"invalid_grant"}'))


async def test_a_scope_left_out_is_the_one_asked_for(login: Login) -> None:
    login.issuer.token_answer = {"scope": ABSENT}
    assert (await login.run()).scope == "openid email profile"
    login.issuer.token_answer = {"scope": "openid"}
    assert (await login.run()).scope == "openid"


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": ABSENT},
        {"access_token": ""},
        {"access_token": "a b"},
        {"access_token": "a\r\nX: y"},
        {"access_token": "x" * 16385},
        {"access_token": 7},
        {"id_token": None},
        {"id_token": {}},
        {"id_token": "x" * 16385},
        {"token_type": ["Bearer"]},
        {"token_type": "mac"},
        {"scope": "a\nb"},
        {"scope": ["openid"]},
        {"error": "invalid_request"},
    ],
)
async def test_tokens_that_are_not_usable_are_refused(login: Login, answer: dict[str, Any]) -> None:
    login.issuer.token_answer = answer
    with pytest.raises(LoginFailed):
        await login.run()


async def test_bearer_may_be_written_in_any_case(login: Login) -> None:
    login.issuer.token_answer = {"token_type": "bEARER"}
    assert await login.run()


async def test_a_wrong_client_secret_is_a_failed_login(login: Login) -> None:
    login.issuer.client_secret = "another"
    with pytest.raises(LoginFailed, match="invalid_client"):
        await login.run()
