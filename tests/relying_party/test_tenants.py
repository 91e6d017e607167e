"""Tenants: each is an issuer of its own, and no token makes one of itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GrantForeign, GrantRefused, IssuerUnavailable, LoginFailed, SettingsInvalid
from gateway.model.grant import ProviderTokens
from gateway.model.login import PendingLogin
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.jwks import ClientSecretKey
from gateway.relying_party.provider import RelyingParty
from gateway.relying_party.tenants import Issuers, issuer_of, named_by_metadata, names_of
from tests.fakes.issuer import ABSENT
from tests.fakes.login import Hands, Login, pending_at, registration
from tests.fakes.tenants_issuer import OTHER, STRANGE, TENANT, TenantsIssuer

SHARED = "https://login.example.com/organizations/v2.0"
ALICE = "alice-at-the-issuer"


class TenantLogin(Login):
    """A login at the address of all tenants."""

    def fresh(self) -> PendingLogin:
        return pending_at(self.party.registration.issuer)


@asynccontextmanager
async def login_at(issuer: TenantsIssuer, **changes: Any) -> AsyncIterator[Login]:
    clock, http = Hands(), IssuerHttp(deadline=10.0)
    issuer.clock = clock
    settled = {"tenants": (TENANT, OTHER), "client_secret": issuer.client_secret, **changes}
    party = RelyingParty(registration(issuer.shared, **settled), http=http, clock=clock)
    try:
        yield TenantLogin(issuer=issuer, party=party, clock=clock, http=http)
    finally:
        await http.close()


@pytest.fixture
async def issuer() -> AsyncIterator[TenantsIssuer]:
    async with TenantsIssuer() as issuer:
        yield issuer


@pytest.mark.parametrize("tenant", [TENANT, OTHER])
async def test_T08_a_person_is_of_the_issuer_of_their_tenant(issuer: TenantsIssuer, tenant: str) -> None:
    issuer.tenant = tenant
    async with login_at(issuer) as login:
        verified = await login.run()
    assert (verified.provider, verified.issuer) == ("demo", issuer.issuer_of(tenant))
    assert verified.subject == ALICE
    assert verified.groups == ("staff",)


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "{strange}"}, "no tenant"),
        ({"iss": "{strange}", "tid": STRANGE}, "no tenant"),
        ({"tid": STRANGE}, "tid is not"),
        ({"tid": OTHER}, "tid is not"),
        ({"tid": TENANT.upper()}, "tid is not"),
        ({"tid": [TENANT]}, "tid is not"),
        ({"tid": ABSENT}, "tid is not"),
        ({"iss": "{other}"}, "tid is not"),
        ({"iss": "{shared}"}, "no tenant"),
        ({"iss": "{named}"}, "no tenant"),
        ({"iss": "{url}/{tenant}/v2.0/"}, "no tenant"),
        ({"iss": "{url}/{tenant}/v1.0"}, "no tenant"),
        ({"iss": "https://evil.example/{tenant}/v2.0"}, "no tenant"),
        ({"iss": 7}, "no tenant"),
        ({"iss": ["{tenant}"]}, "no tenant"),
        ({"iss": ABSENT}, "no tenant"),
        ({"aud": "another-client"}, "aud is not"),
        ({"nonce": "n" * 43}, "nonce is not"),
        ({"exp": 1}, "expired"),
    ],
)
async def test_T08_O06_no_token_chooses_its_own_issuer(
    issuer: TenantsIssuer, claims: dict[str, object], told: str
) -> None:
    words = {
        "strange": issuer.issuer_of(STRANGE),
        "other": issuer.issuer_of(OTHER),
        "shared": issuer.shared,
        "named": issuer.issuer_of("{tenantid}"),
        "url": issuer.url,
        "tenant": TENANT,
    }
    issuer.claims = {
        name: value.format_map(words) if isinstance(value, str) and "{" in value else value
        for name, value in claims.items()
    }
    async with login_at(issuer) as login:
        with pytest.raises(LoginFailed, match=told):
            await login.run()
    assert issuer.seen["userinfo"] == 0


@pytest.mark.parametrize(
    ("kept_for", "tenant", "holds"),
    [
        ("{named}", TENANT, True),
        ("{named}", OTHER, True),
        ("{tenant}", TENANT, True),
        ("{tenant}", OTHER, False),
        ("{strange}", TENANT, False),
        ("{shared}", TENANT, False),
        (None, TENANT, True),
        (7, TENANT, False),
        ("", TENANT, False),
    ],
)
async def test_T19_a_key_that_is_published_for_one_issuer_signs_for_that_one_alone(
    issuer: TenantsIssuer, kept_for: object, tenant: str, holds: bool
) -> None:
    words = {
        "named": issuer.issuer_of("{tenantid}"),
        "tenant": issuer.issuer_of(TENANT),
        "strange": issuer.issuer_of(STRANGE),
        "shared": issuer.shared,
    }
    name = kept_for.format_map(words) if isinstance(kept_for, str) else kept_for
    issuer.key_of = {} if name is None else {"issuer": name}
    issuer.tenant = tenant
    async with login_at(issuer) as login:
        if holds:
            await login.run()
            return
        with pytest.raises(LoginFailed, match="signed by no key"):
            await login.run()


async def test_T20_T21_a_new_key_is_fetched_for_whichever_tenant_needs_it(issuer: TenantsIssuer) -> None:
    async with login_at(issuer) as login:
        await login.run()
        issuer.rotate()
        issuer.tenant = OTHER
        assert (await login.run()).issuer == issuer.issuer_of(OTHER)
        issuer.faults = {"unknown_kid"}
        for _ in range(5):
            with pytest.raises(LoginFailed, match="signed by no key"):
                await login.run()
        assert issuer.seen["jwks"] <= 3


@pytest.mark.parametrize("verified", [True, "true", 1])
async def test_O35_no_tenant_vouches_for_an_address(issuer: TenantsIssuer, verified: object) -> None:
    issuer.claims = {"email": "alice@example.com", "email_verified": verified}
    issuer.userinfo = {"email": "alice@example.com", "email_verified": verified}
    async with login_at(issuer) as login:
        found = await login.run()
    assert (found.email, found.email_verified) == ("alice@example.com", False)


@pytest.mark.parametrize("named", [TENANT, "organizations", STRANGE, "{tenant}"])
async def test_O20_the_document_has_to_name_nobody_to_the_letter(issuer: TenantsIssuer, named: str) -> None:
    issuer.named = named
    async with login_at(issuer) as login:
        with pytest.raises(IssuerUnavailable, match="names another issuer"):
            await login.run()


async def test_O20_without_tenants_no_document_may_name_nobody(issuer: TenantsIssuer) -> None:
    async with login_at(issuer, tenants=()) as login:
        with pytest.raises(IssuerUnavailable, match="names another issuer"):
            await login.run()


@pytest.mark.parametrize(
    ("name", "holds"),
    [("{tenant}", True), ("{other}", True), ("{strange}", False), ("{named}", False), ("{shared}", True)],
)
async def test_O06_an_answer_that_names_its_issuer_names_one_of_them(
    issuer: TenantsIssuer, name: str, holds: bool
) -> None:
    issuer.response_iss = {
        "{tenant}": issuer.issuer_of(TENANT),
        "{other}": issuer.issuer_of(OTHER),
        "{strange}": issuer.issuer_of(STRANGE),
        "{named}": issuer.issuer_of("{tenantid}"),
        "{shared}": issuer.shared,
    }[name]
    async with login_at(issuer) as login:
        if holds:
            await login.run()
            return
        with pytest.raises(LoginFailed, match="another issuer"):
            await login.run()
    assert issuer.seen["token"] == 0


async def granted(login: Login) -> ProviderTokens:
    tokens = (await login.run()).tokens
    assert tokens is not None
    return tokens


async def test_B143_O28_a_refreshed_token_is_of_the_tenant_of_the_login(issuer: TenantsIssuer) -> None:
    async with login_at(issuer) as login:
        kept = await granted(login)
        kept = await login.party.refresh(kept, subject=ALICE)
        assert kept.access_token.value == issuer.current
        issuer.tenant = OTHER
        with pytest.raises(GrantForeign, match="iss is not the issuer"):
            await login.party.refresh(kept, subject=ALICE)


async def test_a_tenant_that_is_taken_out_gets_no_new_tokens(issuer: TenantsIssuer) -> None:
    async with login_at(issuer) as login:
        kept = await granted(login)
    async with login_at(issuer, tenants=(OTHER,)) as login:
        with pytest.raises(GrantRefused, match="no tenant"):
            await login.party.refresh(kept, subject=ALICE)
    assert issuer.refreshes == 0


@pytest.mark.parametrize(
    ("shared", "issuer"),
    [
        (SHARED, f"https://login.example.com/{TENANT}/v2.0"),
        ("https://login.example.com/common/v2.0", f"https://login.example.com/{TENANT}/v2.0"),
    ],
)
def test_the_issuer_of_a_tenant_is_made_of_the_address_of_all(shared: str, issuer: str) -> None:
    assert issuer_of(shared, TENANT) == issuer


@pytest.mark.parametrize(
    "shared", [f"https://login.example.com/{TENANT}/v2.0", "https://login.example.com", f"{SHARED}/", "x"]
)
def test_any_other_address_is_none_of_all_tenants(shared: str) -> None:
    with pytest.raises(ValueError, match="all tenants"):
        issuer_of(shared, TENANT)
    if shared.startswith("https"):
        with pytest.raises(SettingsInvalid):
            registration(shared, tenants=(TENANT,))


def test_without_tenants_there_is_one_issuer_whatever_a_token_says() -> None:
    made = registration("https://issuer.example")
    issuers = Issuers(made, keys=ClientSecretKey("s" * 32))
    assert issuers.names == {"https://issuer.example"}
    assert named_by_metadata(made) == "https://issuer.example"
    (alone,) = issuers
    assert issuers.speaking("no token at all") is alone
    assert alone.registration is made


@given(st.text(max_size=80) | st.from_regex(r"[\w-]{1,20}\.[\w-]{1,20}\.[\w-]{1,20}", fullmatch=True))
def test_whatever_is_no_token_is_of_no_tenant(raw: str) -> None:
    issuers = Issuers(registration(SHARED, tenants=(TENANT,)), keys=ClientSecretKey("s" * 32))
    with pytest.raises(LoginFailed):
        issuers.speaking(raw)


def test_the_names_of_issuers_are_those_that_may_speak() -> None:
    alone = registration(SHARED)
    both = registration(SHARED, tenants=(TENANT, OTHER))
    assert names_of(alone) == {SHARED}
    assert names_of(both) == {issuer_of(SHARED, TENANT), issuer_of(SHARED, OTHER)}
    for each in (alone, both):
        assert names_of(each) == Issuers(each, keys=ClientSecretKey("x" * 32)).names
