from collections.abc import AsyncIterator

import pytest

from gateway.errors import LoginFailed
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import Login, at


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with HostileIssuer() as issuer, at(issuer) as login:
        yield login


async def test_userinfo_is_asked_with_the_access_token_just_issued(login: Login) -> None:
    await login.run()
    sent = [headers for endpoint, headers, _ in login.issuer.requests if endpoint == "userinfo"]
    assert len(sent) == 1
    assert sent[0]["Authorization"].startswith("Bearer ")


async def test_an_issuer_without_userinfo_tells_all_in_the_token(login: Login) -> None:
    login.issuer.fault = "no_userinfo"
    assert (await login.run()).email == "alice@example.com"
    assert login.issuer.seen["userinfo"] == 0


async def test_a_refused_access_token_is_a_failed_login(login: Login) -> None:
    login.issuer.fault = "userinfo_401"
    with pytest.raises(LoginFailed, match="userinfo"):
        await login.run()


@pytest.mark.parametrize("subject", ["", None, 7, ["alice-at-the-issuer"], "ALICE-AT-THE-ISSUER"])
async def test_O29_the_subject_is_compared_exactly(login: Login, subject: object) -> None:
    login.issuer.userinfo = {"sub": subject}
    with pytest.raises(LoginFailed, match="another subject"):
        await login.run()
