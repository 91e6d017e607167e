import pytest

from gateway.errors import LoginFailed
from gateway.relying_party.claims import Claims
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.steps import STEPS, response_in
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import at, registration

OVER: Claims = {"_claim_names": {"groups": "src1"}, "_claim_sources": {}}


async def test_without_steps_the_claims_stay_as_they_are() -> None:
    claims: Claims = {"sub": "s", **OVER}
    http = IssuerHttp()
    assert (
        await STEPS[""].completed(claims, access_token="a", registration=registration(), http=http) == claims
    )


async def test_steps_are_those_of_the_registration_and_not_of_a_name() -> None:
    async with HostileIssuer() as issuer:
        issuer.users["alice"].pop("groups")
        issuer.claims = OVER
        async with at(issuer, name="entra") as login:
            with pytest.raises(LoginFailed, match="source of the claim groups"):
                await login.run()
        async with at(issuer, steps="entra") as login:
            with pytest.raises(LoginFailed, match="no cloud of Entra"):
                await login.run()


def test_what_stands_beside_an_answer_is_read_of_apples_alone() -> None:
    pairs = [("code", "c"), ("state", "s"), ("user", '{"name": {"firstName": "Ann"}}')]
    assert response_in(pairs, registration()).name is None
    assert response_in(pairs, registration(steps="entra")).name is None
    assert response_in(pairs, registration(steps="apple")).name == "Ann"
