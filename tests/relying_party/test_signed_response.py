from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LoginCancelled, LoginFailed
from gateway.relying_party.jwks import ClientSecretKey
from gateway.relying_party.signed_response import Expectation, verify
from tests.fakes.issuer import ABSENT
from tests.fakes.login import NOON, Login, at
from tests.fakes.signing_responses import SigningResponsesIssuer

EXPECTED = Expectation(issuer="https://i.example", client_id="gateway", algorithms=("HS256",), now=NOON)


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with SigningResponsesIssuer() as issuer, at(issuer, response_mode="query.jwt") as login:
        yield login


def issuer_of(login: Login) -> SigningResponsesIssuer:
    assert isinstance(login.issuer, SigningResponsesIssuer)
    return login.issuer


async def run(login: Login) -> object:
    login.pending = login.fresh()
    pairs = login.issuer.respond(await login.party.begin(login.pending, {}))
    return await login.party.redeem(login.pending, await login.party.read(pairs))


async def test_a_signed_response_is_asked_for_and_taken(login: Login) -> None:
    assert "response_mode=query.jwt" in await login.party.begin(login.pending, {})
    assert await run(login)


@pytest.mark.parametrize("fault", ["plain", "both", "twice", "unsigned", "foreign_key"])
async def test_T01_T13_what_is_not_one_signed_response_ends_before_any_token_request(
    login: Login, fault: str
) -> None:
    issuer_of(login).response_faults = {fault}
    with pytest.raises(LoginFailed):
        await run(login)
    assert login.issuer.seen["token"] == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": ABSENT},
        {"aud": "another-client"},
        {"aud": ["gateway", "another-client"]},
        {"aud": ABSENT},
        {"exp": ABSENT},
        {"exp": int(NOON) - 31},
        {"exp": "never"},
        {"exp": int(NOON) + 90_000},
        {"sub": "alice"},
        {"nonce": "n"},
        {"code": 1},
        {"code": ["a"]},
        {"error": "server_error"},
    ],
    ids=str,
)
async def test_O06_T07_T08_T09_each_check_of_a_signed_response_counts(
    login: Login, claims: dict[str, object]
) -> None:
    issuer_of(login).response_claims = claims
    pairs = login.issuer.respond(await login.party.begin(login.pending, {}))
    with pytest.raises(LoginFailed):
        await login.party.read(pairs)


async def test_O10_a_signed_no_is_a_no(login: Login) -> None:
    login.issuer.fault = "access_denied"
    with pytest.raises(LoginCancelled):
        await run(login)


@given(st.lists(st.tuples(st.sampled_from(["response", "code", "state", "x"]), st.text(max_size=40))))
async def test_no_other_parameters_are_ever_taken_for_a_response(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(LoginFailed):
        await verify(pairs, expectation=EXPECTED, keys=ClientSecretKey("s" * 32))
