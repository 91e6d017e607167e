from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.errors import IssuerUnavailable, LoginFailed, LogoutRefused
from gateway.model.issuer_health import FetchedDocument, KeyName
from gateway.relying_party.authorization import CallbackResponse
from gateway.relying_party.end_session import LogoutDeparture
from tests.fakes.issuer import HostileIssuer
from tests.fakes.issuer_logout import logout_token, offers_logout
from tests.fakes.login import NOON, Login, at


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with HostileIssuer() as issuer, at(issuer) as login:
        yield login


async def test_a_login_proves_who_signed_in(login: Login) -> None:
    verified = await login.run(login_hint="bob")
    assert verified.provider == "demo"
    assert verified.issuer == login.issuer.url
    assert verified.subject == "bob-at-the-issuer"
    assert verified.email == "bob@example.com"
    assert verified.email_verified
    assert verified.name == "Bob"
    assert verified.groups == ("staff",)
    assert verified.authenticated_at == int(NOON)
    assert verified.access_expires_at == int(NOON) + 3600


async def test_an_issuer_on_elliptic_curves_is_one_like_any_other() -> None:
    async with HostileIssuer(algorithm="ES256") as issuer, at(issuer) as login:
        assert await login.run()


async def test_nothing_is_asked_before_the_first_login(login: Login) -> None:
    assert not login.issuer.seen
    await login.run()
    await login.run()
    assert login.issuer.seen == {"discovery": 1, "jwks": 1, "token": 2, "userinfo": 2}


async def test_a_code_is_good_for_one_login(login: Login) -> None:
    response = await login.respond()
    await login.party.redeem(login.pending, response)
    with pytest.raises(LoginFailed, match="invalid_grant"):
        await login.party.redeem(login.pending, response)


async def test_a_response_to_another_login_ends_before_any_token_request(login: Login) -> None:
    response = await login.respond()
    login.pending = login.fresh()
    with pytest.raises(LoginFailed, match="state"):
        await login.party.redeem(login.pending, response)
    assert login.issuer.seen["token"] == 0


@pytest.mark.parametrize("changed", ["provider", "issuer", "client_id"])
async def test_O04_a_login_that_was_begun_with_another_registration_ends_before_any_token_request(
    login: Login, changed: str
) -> None:
    response = await login.respond()
    with pytest.raises(LoginFailed, match="another provider"):
        await login.party.redeem(replace(login.pending, **{changed: "https://other.example"}), response)
    assert login.issuer.seen["token"] == 0


async def test_B29_an_issuer_that_is_down_is_an_outage_at_both_ends(login: Login) -> None:
    login.issuer.fault = "discovery_down"
    with pytest.raises(IssuerUnavailable):
        await login.party.begin(login.pending, {})
    with pytest.raises(IssuerUnavailable):
        await login.party.redeem(login.pending, CallbackResponse(code="c", state=login.pending.state))
    assert login.issuer.seen["token"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        "wrong_iss",
        "wrong_aud",
        "wrong_azp",
        "wrong_nonce",
        "expired",
        "no_exp",
        "empty_sub",
        "foreign_key",
        "alg_none",
        "hs256_public_key",
        "many_aud",
        "wrong_at_hash",
    ],
)
async def test_B9_a_token_that_does_not_hold_ends_the_login(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(LoginFailed):
        await login.run()
    assert login.issuer.seen["userinfo"] == 0


DEPARTURE = LogoutDeparture(return_uri="https://gw.example/.gateway/signout", state="s")


async def test_B115_the_id_token_is_kept_only_for_an_issuer_that_wants_it_back(login: Login) -> None:
    assert (await login.run()).id_token is None
    assert not login.party.ends_sessions
    assert await login.party.end_session_url(DEPARTURE) is None


async def test_B115_an_issuer_that_ends_sessions_is_known_after_the_first_login(login: Login) -> None:
    endpoint = offers_logout(login.issuer)
    assert not login.party.ends_sessions
    verified = await login.run()
    assert verified.id_token is not None
    assert verified.id_token not in repr(verified)
    assert login.party.ends_sessions
    assert (await login.party.end_session_url(DEPARTURE) or "").startswith(endpoint)


async def test_B116_a_logout_token_is_held_to_the_issuer_s_keys(login: Login) -> None:
    raw = logout_token(login.issuer, sid="op-1")
    assert (await login.party.verify_logout(raw)).sid == "op-1"
    login.issuer.rotate()
    assert (await login.party.verify_logout(logout_token(login.issuer, sid="op-2"))).sid == "op-2"
    with pytest.raises(LogoutRefused):
        await login.party.verify_logout(raw[:-4])


async def test_B9_a_logout_token_is_no_id_token_and_the_other_way_round(login: Login) -> None:
    id_token = login.issuer.id_token(user="alice", nonce="n" * 43, access_token="a")
    with pytest.raises(LogoutRefused):
        await login.party.verify_logout(id_token)


async def test_how_the_issuer_fares_is_known_from_logins_and_costs_no_question(login: Login) -> None:
    asleep = login.party.health
    assert (asleep.metadata, asleep.key_set, asleep.keys) == (FetchedDocument(), FetchedDocument(), ())
    await login.run()
    seen = dict(login.issuer.seen)
    fares = login.party.health
    assert fares.metadata == fares.key_set == FetchedDocument(fetched_at=int(NOON))
    assert fares.keys == (KeyName(kid="rsa-1", kind="RSA", algorithm="RS256"),)
    assert login.issuer.seen == seen


async def test_an_issuer_that_is_down_fares_ill(login: Login) -> None:
    login.issuer.fault = "discovery_down"
    with pytest.raises(IssuerUnavailable):
        await login.run()
    metadata = login.party.health.metadata
    assert metadata is not None
    assert (metadata.fetched_at, metadata.failures) == (None, 1)
