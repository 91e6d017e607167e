"""The refresh grant against an issuer that rotates, and against what a hostile one answers."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    GrantForeign,
    GrantRefused,
    IssuerUnavailable,
    LoginFailed,
    RefreshUnverified,
    TokenRefused,
)
from gateway.model.grant import ProviderTokens
from gateway.relying_party.refresh import read_tokens
from tests.fakes.login import NOON, Login, at
from tests.fakes.refreshing import RefreshingIssuer

ALICE = "alice-at-the-issuer"


@pytest.fixture
async def login() -> AsyncIterator[Login]:
    async with RefreshingIssuer(clock=lambda: NOON) as issuer, at(issuer) as login:
        yield login


def issuer_of(login: Login) -> RefreshingIssuer:
    assert isinstance(login.issuer, RefreshingIssuer)
    return login.issuer


async def granted(login: Login) -> ProviderTokens:
    tokens = (await login.run()).tokens
    assert tokens is not None
    return tokens


async def test_B012_a_login_brings_its_tokens_with_their_ends(login: Login) -> None:
    tokens = await granted(login)
    assert tokens.access_token.value == issuer_of(login).current
    assert (tokens.access_token.received_at, tokens.access_token.expires_at) == (NOON, NOON + 300)
    assert tokens.id_token is not None
    assert tokens.id_token.expires_at == NOON + 600
    assert tokens.refresh_token is not None
    assert tokens.nonce == login.pending.nonce


async def test_B139_every_token_that_comes_replaces_the_old_one(login: Login) -> None:
    old = await granted(login)
    new = await login.party.refresh(old, subject=ALICE)
    assert new.access_token.value == issuer_of(login).current != old.access_token.value
    assert new.refresh_token not in (None, old.refresh_token)
    assert new.id_token not in (None, old.id_token)
    _, _, form = issuer_of(login).requests[-1]
    assert form == {"grant_type": "refresh_token", "refresh_token": old.refresh_token}


async def test_B139_what_does_not_come_stays(login: Login) -> None:
    issuer_of(login).rotating = issuer_of(login).with_id_token = False
    old = await granted(login)
    new = await login.party.refresh(old, subject=ALICE)
    assert (new.refresh_token, new.id_token) == (old.refresh_token, old.id_token)
    assert new.access_token != old.access_token


async def test_O24_O27_a_token_that_is_refused_or_reused_is_refused(login: Login) -> None:
    old = await granted(login)
    new = await login.party.refresh(old, subject=ALICE)
    for each in (old, new):
        with pytest.raises(GrantRefused, match="invalid_grant"):
            await login.party.refresh(each, subject=ALICE)
    with pytest.raises(GrantRefused):
        await login.party.refresh(replace(old, refresh_token=None), subject=ALICE)


@pytest.mark.parametrize("fault", ["unknown_client", "down", "html", "cut", "dpop"])
async def test_O23_whatever_else_comes_is_an_outage_and_ends_no_grant(login: Login, fault: str) -> None:
    old = await granted(login)
    issuer_of(login).refresh_faults = {fault}
    with pytest.raises(IssuerUnavailable) as caught:
        await login.party.refresh(old, subject=ALICE)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "fault", ["token_bad_json", "token_huge", "token_array", "token_redirect", "token_reset"]
)
async def test_O22_a_refresh_believes_no_broken_answer(login: Login, fault: str) -> None:
    old = await granted(login)
    issuer = issuer_of(login)
    issuer.fault = fault
    with pytest.raises(IssuerUnavailable):
        await login.party.refresh(old, subject=ALICE)
    assert issuer.seen["elsewhere"] == 0


@pytest.mark.parametrize("fault", ["other_sub", "other_iss", "other_aud", "other_nonce", "unsigned"])
async def test_B143_O28_an_id_token_about_somebody_else_is_foreign(login: Login, fault: str) -> None:
    old = await granted(login)
    issuer_of(login).refresh_faults = {fault}
    with pytest.raises(GrantForeign):
        await login.party.refresh(old, subject=ALICE)


async def test_B136_O26_a_refresh_token_that_came_is_not_lost_where_the_keys_cannot_be_had(
    login: Login,
) -> None:
    issuer, old = issuer_of(login), await granted(login)
    issuer.rotate()  # signed by a key that we do not know yet
    issuer.faults = {"jwks_down"}
    with pytest.raises(RefreshUnverified) as caught:
        await login.party.refresh(old, subject=ALICE)
    assert "canary" not in repr(caught.value)
    issuer.faults = set()
    login.clock.now += 61
    kept = replace(old, refresh_token=caught.value.refresh_token)
    new = await login.party.refresh(kept, subject=ALICE)
    assert new.access_token.value == issuer.current
    assert issuer.revoked == set()


async def test_O31_B136_a_refresh_token_that_came_beside_a_token_of_another_type_is_not_lost(
    login: Login,
) -> None:
    issuer, old = issuer_of(login), await granted(login)
    issuer.refresh_faults = {"dpop"}
    with pytest.raises(RefreshUnverified, match="not of type Bearer") as caught:
        await login.party.refresh(old, subject=ALICE)
    assert "canary" not in repr(caught.value)
    issuer.refresh_faults = set()
    new = await login.party.refresh(replace(old, refresh_token=caught.value.refresh_token), subject=ALICE)
    assert (new.access_token.value, issuer.revoked) == (issuer.current, set())


async def test_O31_a_token_of_another_type_alone_is_an_outage_like_any(login: Login) -> None:
    issuer, old = issuer_of(login), await granted(login)
    issuer.rotating, issuer.refresh_faults = False, {"dpop"}
    with pytest.raises(IssuerUnavailable) as caught:
        await login.party.refresh(old, subject=ALICE)
    assert not isinstance(caught.value, RefreshUnverified)


async def test_O23_without_another_refresh_token_it_is_an_outage_like_any(login: Login) -> None:
    issuer, old = issuer_of(login), await granted(login)
    issuer.rotating = False
    issuer.rotate()
    issuer.faults = {"jwks_down"}
    with pytest.raises(IssuerUnavailable) as caught:
        await login.party.refresh(old, subject=ALICE)
    assert not isinstance(caught.value, RefreshUnverified)


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.just("Bearer") | st.lists(st.text())
NAMES = ["access_token", "token_type", "expires_in", "refresh_token", "id_token", "scope", "x"]


@given(st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_O22_whatever_a_document_holds_it_is_tokens_fit_for_a_header_or_an_outage(
    document: dict[str, object],
) -> None:
    try:
        access_token, refresh_token = read_tokens(document, "https://issuer.example", now=NOON)
    except IssuerUnavailable:
        return
    assert access_token.value.isascii()
    assert access_token.value.isprintable()
    assert access_token.expires_at is None or access_token.expires_at > NOON
    assert refresh_token is None or refresh_token.isprintable()


API, FILES = "https://api.example.com/", "urn:example:files"


async def test_B139_tokens_for_resources_are_held_beside_the_one_for_none(login: Login) -> None:
    old = await granted(login)
    api = await login.party.refresh(old, subject=ALICE, resource=API)
    both = await login.party.refresh(api, subject=ALICE, resource=FILES)
    assert issuer_of(login).asked_for == [API, FILES]
    assert both.access(None) == old.access_token
    assert both.access(API) == api.access(API) != both.access(FILES)
    again = await login.party.refresh(both, subject=ALICE, resource=API)
    assert again.access(API) not in (None, api.access(API))
    assert again.access(FILES) == both.access(FILES)


async def test_a_resource_that_the_issuer_does_not_know_ends_no_grant(login: Login) -> None:
    old = await granted(login)
    issuer_of(login).refresh_faults = {"no_resource"}
    with pytest.raises(TokenRefused):
        await login.party.refresh(old, subject=ALICE, resource=API)
    assert await login.party.refresh(old, subject=ALICE)


async def test_O28_a_nonce_may_be_left_out(login: Login) -> None:
    old = await granted(login)
    issuer_of(login).fault = "no_nonce"
    assert (await login.party.refresh(old, subject=ALICE)).id_token != old.id_token


async def test_O28_the_same_id_token_under_another_subject_of_ours_is_foreign(login: Login) -> None:
    with pytest.raises(GrantForeign):
        await login.party.refresh(await granted(login), subject="bob-at-the-issuer")


async def test_O28_an_id_token_of_another_organisation_than_is_demanded_is_foreign() -> None:
    async with RefreshingIssuer(clock=lambda: NOON) as issuer:
        issuer.claims = {"hd": "example.com"}
        async with at(issuer, signed_claims=(("hd", "example.com"),)) as login:
            old = await login.party.refresh(await granted(login), subject=ALICE)
            issuer.claims = {"hd": "other.example"}
            with pytest.raises(GrantForeign):
                await login.party.refresh(old, subject=ALICE)


async def test_O28_a_refreshed_id_token_is_for_whom_the_first_one_could_be() -> None:
    async with (
        RefreshingIssuer(clock=lambda: NOON) as issuer,
        at(issuer, trusted_audiences=("project",)) as login,
    ):
        issuer.claims = {"aud": ["gateway", "project"], "azp": "gateway"}
        old = await granted(login)
        new = await login.party.refresh(old, subject=ALICE)
        assert new.id_token not in (None, old.id_token)
        issuer.claims = {"aud": ["gateway", "project", "another-client"], "azp": "gateway"}
        with pytest.raises(GrantForeign):
            await login.party.refresh(new, subject=ALICE)


async def test_B075_a_refresh_says_anew_what_a_login_would(login: Login) -> None:
    issuer_of(login).users["alice"]["groups"] = ["staff"]
    old = await granted(login)
    issuer_of(login).users["alice"] |= {"groups": ["guests"], "name": "Alice Lee"}
    new = await login.party.refresh(old, subject=ALICE)
    told = await login.party.retold(new, before=old, subject=ALICE)
    assert told is not None
    assert (told.subject, told.groups, told.name) == (ALICE, ("guests",), "Alice Lee")
    assert (told.scope, told.tokens) == (old.scope, None)


async def test_B075_without_userinfo_the_new_id_token_says_it_all(login: Login) -> None:
    issuer_of(login).faults = {"no_userinfo"}
    old = await granted(login)
    issuer_of(login).claims = {"groups": ["guests"]}
    new = await login.party.refresh(old, subject=ALICE)
    told = await login.party.retold(new, before=old, subject=ALICE)
    assert told is not None
    assert told.groups == ("guests",)


async def test_nothing_is_said_anew_without_an_id_token_or_a_token_for_userinfo(login: Login) -> None:
    old = await granted(login)
    asked = issuer_of(login).seen["userinfo"]
    issuer_of(login).with_id_token = False
    new = await login.party.refresh(old, subject=ALICE)
    assert await login.party.retold(new, before=old, subject=ALICE) is None
    issuer_of(login).with_id_token = True
    login.clock.now += 301
    other = await login.party.refresh(new, subject=ALICE, resource="https://app.example")
    assert other.id_token != new.id_token
    assert await login.party.retold(other, before=new, subject=ALICE) is None
    assert issuer_of(login).seen["userinfo"] == asked


@pytest.mark.parametrize("fault", ["userinfo_other_sub", "userinfo_401", "userinfo_500"])
async def test_O28_what_userinfo_says_of_somebody_else_or_not_at_all_is_not_taken(
    login: Login, fault: str
) -> None:
    old = await granted(login)
    new = await login.party.refresh(old, subject=ALICE)
    issuer_of(login).faults = {fault}
    with pytest.raises((LoginFailed, IssuerUnavailable)) as caught:
        await login.party.retold(new, before=old, subject=ALICE)
    assert "canary" not in str(caught.value)
    with pytest.raises(LoginFailed, match="somebody else"):
        await login.party.retold(new, before=old, subject="mallory")
