"""An issuer, or somebody between, that lies: rows O05 to O09, O20, O22, O29 to O31, O34, O36, O37, O40."""

import logging
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.errors import GatewayError, IssuerUnavailable, LoginCancelled, LoginFailed
from gateway.relying_party.authorization import read_response
from gateway.relying_party.registration import ClaimNames
from tests.fakes.issuer import HostileIssuer
from tests.fakes.login import Login, at, pending_at


@pytest.fixture
async def issuer() -> AsyncIterator[HostileIssuer]:
    async with HostileIssuer() as issuer:
        yield issuer


@pytest.fixture
async def login(issuer: HostileIssuer) -> AsyncIterator[Login]:
    async with at(issuer) as login:
        yield login


@pytest.mark.parametrize("fault", ["no_nonce", "wrong_nonce"])
async def test_O05_a_token_without_the_nonce_of_this_login_is_refused(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(LoginFailed, match="nonce"):
        await login.run()


async def test_O05_a_replayed_token_is_refused(login: Login) -> None:
    await login.run()
    login.issuer.claims = {"nonce": login.pending.nonce}
    with pytest.raises(LoginFailed, match="nonce"):
        await login.run()


@pytest.mark.parametrize("fault", ["wrong_response_iss", "no_response_iss"])
async def test_O06_a_response_of_another_issuer_ends_before_any_token_request(
    login: Login, fault: str
) -> None:
    login.issuer.fault = fault
    with pytest.raises(LoginFailed):
        await login.run()
    assert login.issuer.seen["token"] == 0


async def test_O06_a_login_begun_elsewhere_is_not_redeemed_here(login: Login) -> None:
    response = await login.respond()
    for foreign in (
        pending_at("https://other.example", state=login.pending.state),
        pending_at(login.issuer.url, state=login.pending.state, provider="other"),
        pending_at(login.issuer.url, state=login.pending.state, client_id="other"),
    ):
        with pytest.raises(LoginFailed):
            await login.party.redeem(foreign, response)
    assert login.issuer.seen["token"] == 0


@pytest.mark.parametrize("fault", ["twice_code", "twice_response_iss"])
async def test_O07_a_repeated_parameter_ends_before_any_token_request(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(LoginFailed, match="twice"):
        await login.run()
    assert login.issuer.seen["token"] == 0


def test_O07_a_repeated_state_is_refused() -> None:
    with pytest.raises(LoginFailed, match="twice"):
        read_response([("state", "a"), ("code", "b"), ("state", "a")])


async def test_O08_a_code_of_another_login_is_worthless_here(login: Login) -> None:
    stolen = (await login.respond()).code
    login.pending = login.fresh()
    own = await login.respond()
    injected = read_response([("code", str(stolen)), ("state", str(own.state)), ("iss", login.issuer.url)])
    with pytest.raises(LoginFailed, match="invalid_grant"):
        await login.party.redeem(login.pending, injected)


@pytest.mark.parametrize("fault", ["", "discovery_plain_only", "discovery_no_pkce"])
async def test_O09_pkce_is_s256_whatever_the_metadata_says(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    asked = parse_qs(urlsplit(await login.party.begin(login.pending, {})).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["nonce"] == [login.pending.nonce]
    assert await login.run()


async def test_O10_a_refusal_at_the_issuer_is_a_cancelled_login(login: Login) -> None:
    login.issuer.fault = "access_denied"
    with pytest.raises(LoginCancelled) as caught:
        await login.run()
    assert "script" not in str(caught.value)
    assert login.issuer.seen["token"] == 0


@pytest.mark.parametrize(
    "fault",
    [
        "discovery_wrong_issuer",
        "discovery_redirect",
        "discovery_huge",
        "discovery_html",
        "discovery_file_endpoint",
        "discovery_foreign_http",
        "discovery_down",
    ],
)
async def test_O20_a_provider_with_wrong_metadata_is_refused(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(IssuerUnavailable):
        await login.party.begin(login.pending, {})
    assert login.issuer.seen["elsewhere"] == 0
    login.issuer.fault = ""
    login.clock.now += 2
    assert await login.run()


async def test_O20_metadata_that_drips_meets_the_deadline(issuer: HostileIssuer) -> None:
    issuer.fault = "discovery_slow"
    async with at(issuer, deadline=0.3) as login:
        with pytest.raises(IssuerUnavailable, match="TimeoutError"):
            await login.party.begin(login.pending, {})


async def test_O20_metadata_is_not_kept_for_ever(login: Login) -> None:
    await login.party.begin(login.pending, {})
    await login.party.begin(login.pending, {})
    assert login.issuer.seen["discovery"] == 1
    login.clock.now += 3601
    await login.party.begin(login.pending, {})
    assert login.issuer.seen["discovery"] == 2


async def test_O21_an_issuer_that_was_down_is_asked_again_after_a_pause(login: Login) -> None:
    login.issuer.fault = "discovery_down"
    for _ in range(5):
        with pytest.raises(IssuerUnavailable):
            await login.party.begin(login.pending, {})
    assert login.issuer.seen["discovery"] == 1
    login.issuer.fault = ""
    login.clock.now += 1.01
    assert await login.run()


@pytest.mark.parametrize(
    "fault",
    [
        "token_500",
        "token_reset",
        "token_html",
        "token_bad_json",
        "token_huge",
        "token_array",
        "token_redirect",
        "token_gzip",
    ],
)
async def test_O22_a_broken_token_endpoint_is_an_outage(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(IssuerUnavailable):
        await login.run()
    assert login.issuer.seen["token"] == 1
    assert login.issuer.seen["elsewhere"] == 0


async def test_O22_a_token_endpoint_that_hangs_meets_the_deadline(issuer: HostileIssuer) -> None:
    async with at(issuer, deadline=0.3) as login:
        response = await login.respond()
        issuer.fault = "token_hangs"
        with pytest.raises(IssuerUnavailable, match="TimeoutError"):
            await login.party.redeem(login.pending, response)


async def test_O22_a_refused_code_is_a_failed_login(login: Login) -> None:
    login.issuer.fault = "invalid_grant"
    with pytest.raises(LoginFailed, match="invalid_grant"):
        await login.run()


@pytest.mark.parametrize("fault", ["userinfo_other_sub", "userinfo_array", "userinfo_jwt"])
async def test_O29_userinfo_about_somebody_else_or_of_another_form_is_refused(
    login: Login, fault: str
) -> None:
    login.issuer.fault = fault
    with pytest.raises(LoginFailed, match="userinfo"):
        await login.run()


@pytest.mark.parametrize("fault", ["userinfo_huge", "userinfo_500"])
async def test_O29_userinfo_that_is_too_much_or_absent_is_an_outage(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(IssuerUnavailable):
        await login.run()


async def test_O30_a_token_of_another_client_signs_nobody_in(login: Login) -> None:
    login.issuer.fault = "wrong_aud"
    with pytest.raises(LoginFailed, match="aud"):
        await login.run()


async def test_O30_a_token_beside_the_code_is_ignored(login: Login) -> None:
    response = read_response([("access_token", "x"), ("id_token", "y"), ("state", login.pending.state)])
    with pytest.raises(LoginFailed):
        await login.party.redeem(login.pending, response)
    assert login.issuer.seen["token"] == 0


@pytest.mark.parametrize("fault", ["token_type_dpop", "no_token_type", "no_id_token"])
async def test_O31_tokens_of_another_kind_than_asked_are_refused(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(LoginFailed):
        await login.run()


@pytest.mark.parametrize(
    "fault",
    [
        "",
        "token_500",
        "token_html",
        "token_reset",
        "invalid_grant",
        "wrong_nonce",
        "foreign_key",
        "userinfo_401",
    ],
)
async def test_O34_no_secret_in_logs_or_errors(
    login: Login, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login.issuer.fault = fault
    told = ""
    response = await login.respond()
    try:
        verified = await login.party.redeem(login.pending, response)
        told += repr(verified)
    except GatewayError as error:
        told += repr(error) + repr(error.__cause__)
        told += "" if error.__suppress_context__ else repr(error.__context__)
    told += repr(response) + repr(login.party.registration)
    told += "".join(record.getMessage() for record in caplog.records)
    for secret in (
        login.issuer.client_secret,
        str(response.code),
        login.pending.verifier,
        login.pending.nonce,
    ):
        assert secret not in told


@pytest.mark.parametrize(
    "email",
    [
        "victim@corp.com@evil.example",
        "a@evil.example,b@corp.com",
        "victim\uff20corp.com",
        "victim@corp.com\uff20evil.example",
        "v\u0131ctim@corp.com",
        "victim@\u0441orp.com",
        "victim@corp.com.",
        "victim@corp.com\n",
        "victim@corp.com ",
        "victim(comment)@corp.com",
        '"e@evil.example"@corp.com',
        "<victim@corp.com>",
        "victim@corp..com",
        "victim@[127.0.0.1]",
        "victim",
        "@corp.com",
        "v" * 65 + "@corp.com",
        "victim@" + "c" * 250 + ".com",
        "\ufb01ctim@corp.com",
        ["victim@corp.com"],
        {"email": "victim@corp.com"},
        7,
    ],
)
async def test_O36_an_email_that_can_be_read_in_two_ways_is_refused(login: Login, email: object) -> None:
    login.issuer.userinfo = {"email": email}
    with pytest.raises(LoginFailed, match="email"):
        await login.run()


@pytest.mark.parametrize("fault", ["empty_sub", "long_sub"])
async def test_O37_a_subject_has_1_to_255_characters(login: Login, fault: str) -> None:
    login.issuer.fault = fault
    with pytest.raises(LoginFailed, match="sub"):
        await login.run()


async def test_O37_mutable_claims_key_nothing(login: Login) -> None:
    before = await login.run()
    login.issuer.userinfo = {"preferred_username": "admin", "email": "other@example.com"}
    after = await login.run()
    assert (before.issuer, before.subject) == (after.issuer, after.subject)


async def test_O40_an_issuers_cookies_are_not_kept(login: Login) -> None:
    login.issuer.faults = {"cookies"}
    await login.run()
    await login.run()
    assert not any("Cookie" in headers for _, headers, _ in login.issuer.requests)


async def test_O40_proxy_variables_are_not_read(
    issuer: HostileIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with at(issuer) as login:
        assert await login.run()


@pytest.mark.parametrize(
    "value", ["admin\ud800", "a\x00b", "a\rb", "a\nb", "a\x1fb", "a\x7fb", "a\x85b", "a\x9fb"]
)
@pytest.mark.parametrize("claim", ["name", "groups", "picture", "department"])
async def test_I10_a_value_that_no_header_can_carry_ends_the_login(
    issuer: HostileIssuer, claim: str, value: str
) -> None:
    issuer.userinfo = {claim: [value] if claim == "groups" else value}
    async with at(issuer, claims=ClaimNames(keep=(("department", "department"),))) as login:
        with pytest.raises(LoginFailed) as caught:
            await login.run()
    assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["a\u00a0b", "a\u200bb", "a\u202eb", "René", "李"])
async def test_I10_other_characters_are_kept_as_they_are(login: Login, value: str) -> None:
    login.issuer.userinfo = {"name": value}
    assert (await login.run()).name == value
