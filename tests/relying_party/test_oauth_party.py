import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    GrantRefused,
    IssuerUnavailable,
    LoginCancelled,
    LoginFailed,
    LogoutRefused,
    RefreshUnverified,
    TokenRefused,
)
from gateway.model.issuer_health import IssuerHealth
from gateway.relying_party.oauth_party import LONGEST_SUBJECT, subject_in
from gateway.relying_party.registration import ClaimNames
from tests.fakes.login import NOON, pending_at
from tests.fakes.oauth_provider import ACCESS, OAuthProvider, party_at, response_to


@pytest.fixture
async def provider() -> AsyncIterator[OAuthProvider]:
    async with OAuthProvider() as provider:
        yield provider


async def test_userinfo_tells_who_signed_in(provider: OAuthProvider) -> None:
    provider.answers["/user"] = {"id": 7, "profile": {"name": "Ann"}, "groups": ["staff"]}
    provider.tokens |= {"expires_in": 60, "refresh_token": "r", "scope": "user"}
    names = ClaimNames(subject="id", name="profile.name")
    async with party_at(provider, claims=names) as (party, pending):
        login = await party.redeem(pending, response_to(pending))
    assert (login.subject, login.name, login.groups) == ("7", "Ann", ("staff",))
    assert login.issuer == provider.url
    assert login.access_expires_at == int(NOON) + 60
    assert login.id_token is None
    assert login.tokens is not None
    assert (login.tokens.access_token.value, login.tokens.refresh_token) == (ACCESS, "r")


async def test_a_login_sends_state_and_pkce_and_no_nonce(provider: OAuthProvider) -> None:
    async with party_at(provider, scopes=()) as (party, pending):
        sent = parse_qs(urlsplit(await party.begin(pending, {})).query)
    assert sent["state"] == [pending.state]
    assert sent["code_challenge"] == [provider.challenge]
    assert sent["code_challenge_method"] == ["S256"]
    assert not {"nonce", "scope"} & sent.keys()


@pytest.mark.parametrize(
    ("claim", "said", "verified"),
    [
        (None, True, False),
        ("email_verified", True, True),
        ("email_verified", "true", False),
        ("email_verified", 1, False),
        ("email_verified", None, False),
    ],
)
async def test_an_email_is_verified_by_an_explicit_true_alone(
    provider: OAuthProvider, claim: str | None, said: object, verified: bool
) -> None:
    provider.answers["/user"] = {"id": "a", "email": "ann@example.com", "email_verified": said}
    async with party_at(provider, email_verified=claim) as (party, pending):
        login = await party.redeem(pending, response_to(pending))
    assert (login.email, login.email_verified) == ("ann@example.com", verified)


async def test_what_only_a_signed_token_may_say_is_not_believed(provider: OAuthProvider) -> None:
    told = {"acr": "strong", "amr": ["hwk"], "auth_time": 1, "sid": "s", "sub": "mallory"}
    provider.answers["/user"] = {"id": "a", **told}
    async with party_at(provider) as (party, pending):
        login = await party.redeem(pending, response_to(pending))
    assert (login.subject, login.acr, login.amr) == ("a", None, ())
    assert (login.authenticated_at, login.issuer_sid) == (None, None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"id": "a", "id": "b"}', 200),
        (b'["a"]', 200),
        (b"<html>", 200),
        (b'{"id": 99999999999999999999}', 200),
        (b'{"id": "a\\ud800"}', 200),
        (b'{"id": "a\\nb"}', 200),
        (b"{}", 401),
        (b"{}", 403),
    ],
)
async def test_a_hostile_userinfo_ends_the_login(provider: OAuthProvider, body: bytes, status: int) -> None:
    provider.answers["/user"] = body
    provider.status["/user"] = status
    async with party_at(provider) as (party, pending):
        with pytest.raises(LoginFailed):
            await party.redeem(pending, response_to(pending))


@pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
async def test_B29_a_userinfo_that_is_down_is_an_outage(provider: OAuthProvider, status: int) -> None:
    provider.status["/user"] = status
    async with party_at(provider) as (party, pending):
        with pytest.raises(IssuerUnavailable):
            await party.redeem(pending, response_to(pending))


async def test_an_endless_userinfo_is_an_outage(provider: OAuthProvider) -> None:
    provider.answers["/user"] = json.dumps({"id": "a" * (1024 * 1024)}).encode()
    async with party_at(provider) as (party, pending):
        with pytest.raises(IssuerUnavailable):
            await party.redeem(pending, response_to(pending))


@pytest.mark.parametrize(
    "changes", [{"code": "another"}, {"state": "another"}, {"iss": "https://evil.example"}]
)
async def test_a_response_that_does_not_hold_ends_the_login(
    provider: OAuthProvider, changes: dict[str, str]
) -> None:
    async with party_at(provider) as (party, pending):
        with pytest.raises(LoginFailed):
            await party.redeem(pending, response_to(pending, **changes))
    assert not provider.asked


async def test_a_login_of_another_provider_is_refused(provider: OAuthProvider) -> None:
    async with party_at(provider) as (party, _):
        other = pending_at("https://other.example")
        with pytest.raises(LoginFailed, match="another provider"):
            await party.redeem(other, response_to(other))
    assert not provider.forms


async def test_who_says_no_is_told_so(provider: OAuthProvider) -> None:
    async with party_at(provider) as (party, pending):
        read = await party.read([("state", pending.state), ("error", "access_denied")])
        with pytest.raises(LoginCancelled):
            await party.redeem(pending, read)


@pytest.mark.parametrize(
    "tokens", [{}, {"access_token": "a b", "token_type": "bearer"}, {"access_token": "a"}]
)
async def test_an_answer_without_a_usable_token_ends_the_login(
    provider: OAuthProvider, tokens: dict[str, object]
) -> None:
    provider.tokens = tokens
    async with party_at(provider) as (party, pending):
        with pytest.raises(LoginFailed):
            await party.redeem(pending, response_to(pending))


async def test_a_grant_is_refreshed_without_an_id_token(provider: OAuthProvider) -> None:
    provider.tokens |= {"refresh_token": "first", "id_token": "not looked at"}
    async with party_at(provider) as (party, pending):
        login = await party.redeem(pending, response_to(pending))
        assert login.tokens is not None
        provider.tokens |= {"access_token": "later", "refresh_token": "second"}
        kept = await party.refresh(login.tokens, subject="7")
        assert (kept.access_token.value, kept.refresh_token, kept.id_token) == ("later", "second", None)
        assert provider.forms[-1]["refresh_token"] == "first"
        provider.tokens, provider.status["/token"] = {"error": "invalid_grant"}, 400
        with pytest.raises(GrantRefused):
            await party.refresh(kept, subject="7")


async def test_O31_B136_a_refresh_token_that_came_beside_a_token_of_no_use_is_not_lost(
    provider: OAuthProvider,
) -> None:
    provider.tokens |= {"refresh_token": "first"}
    async with party_at(provider) as (party, pending):
        login = await party.redeem(pending, response_to(pending))
        assert login.tokens is not None
        provider.tokens |= {"token_type": "mac", "refresh_token": "second"}
        with pytest.raises(RefreshUnverified) as caught:
            await party.refresh(login.tokens, subject="7")
        assert caught.value.refresh_token == "second"


async def test_what_needs_a_signature_or_discovery_is_not_there(provider: OAuthProvider) -> None:
    async with party_at(provider) as (party, pending):
        login = await party.redeem(pending, response_to(pending))
        assert login.tokens is not None
        assert not party.ends_sessions
        assert await party.revoke(login.tokens) is None
        with pytest.raises(GrantRefused):
            await party.refresh(login.tokens, subject="7")
        with pytest.raises(TokenRefused):
            await party.exchange(login.tokens.access_token, audience="a", resource=None)
        with pytest.raises(LogoutRefused):
            await party.verify_logout("a.b.c")


@given(st.text(min_size=1) | st.integers())
def test_a_subject_is_taken_as_it_is(value: str | int) -> None:
    if len(str(value).encode(errors="replace")) <= LONGEST_SUBJECT and str(value).isprintable():
        assert subject_in({"id": value}, "id") == str(value)


@pytest.mark.parametrize("value", [None, "", True, False, 7.0, [], {}, ["a"], "é" * 128, "a" * 256])
def test_what_could_name_nobody_is_refused(value: object) -> None:
    with pytest.raises(LoginFailed):
        subject_in({"id": value}, "id")


async def test_B075_a_refresh_has_userinfo_asked_who_it_is_by_now(provider: OAuthProvider) -> None:
    provider.answers["/user"] = {"id": 7, "groups": ["staff"]}
    provider.tokens |= {"refresh_token": "first", "scope": "user"}
    async with party_at(provider) as (party, pending):
        old = (await party.redeem(pending, response_to(pending))).tokens
        assert old is not None
        assert await party.retold(old, before=old, subject="7") is None
        provider.answers["/user"] = {"id": 7, "groups": ["guests"]}
        provider.tokens |= {"expires_in": 60}
        new = await party.refresh(old, subject="7")
        told = await party.retold(new, before=old, subject="7")
        assert told is not None
        assert (told.subject, told.groups, told.scope) == ("7", ("guests",), "user")
        provider.answers["/user"] = {"id": 8, "groups": ["guests"]}
        with pytest.raises(LoginFailed, match="another subject"):
            await party.retold(new, before=old, subject="7")


async def test_nothing_is_fetched_beforehand_so_nothing_is_known_to_fail(provider: OAuthProvider) -> None:
    async with party_at(provider) as (party, _):
        assert party.health == IssuerHealth()
