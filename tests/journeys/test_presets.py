"""What each provider with a preset answers, in the shape that it is known by, at the fake issuer."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.assembly.providers import registration
from gateway.errors import LoginFailed
from gateway.relying_party.registration import Registration
from gateway.settings.presets_oidc import PRESETS
from tests.fakes.apple_issuer import RELAY, AppleIssuer
from tests.fakes.configuration import ROUTE, TOP, loaded
from tests.fakes.issuer import ABSENT, HostileIssuer
from tests.fakes.login import at
from tests.fakes.login_gov_issuer import AUTH_ONLY, LoginGovIssuer
from tests.fakes.provider_keys import PROJECT, secrets

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
OTHER = "11111111-2222-4333-8444-555555555555"
TEAM = "https://slack.com/team_id"
ANN = {"email": "ann@example.com", "name": "Ann Example"}
VERIFIED = {**ANN, "email_verified": True}


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What ID token, userinfo and token answer say beyond the protocol, and what a login makes of it."""

    keys: str = ""
    token: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    verified: bool = True
    name: str | None = "Ann Example"
    email: str | None = "ann@example.com"
    groups: tuple[str, ...] = ()


SHAPES = {
    "google": Shape(
        keys='hosted_domain = "example.com"',
        token={"hd": "example.com", "azp": "gateway", **VERIFIED},
        userinfo={"picture": "https://lh3.googleusercontent.com/a/x", "hd": "example.com", **VERIFIED},
    ),
    # No email_verified at all, and groups by their object ids.
    "entra": Shape(
        keys=f'tenant = "{TENANT}"',
        token={"tid": TENANT, "oid": OTHER, "ver": "2.0", "preferred_username": "ann@example.com"}
        | {"groups": [OTHER], **ANN},
        userinfo={"given_name": "Ann", "family_name": "Example", **ANN},
        verified=False,
        groups=(OTHER,),
    ),
    "gitlab": Shape(
        token={"groups_direct": ["company"], "nickname": "ann", **VERIFIED},
        userinfo={"groups": ["company", "company/wiki"], "profile": "https://gitlab.com/ann", **VERIFIED},
        groups=("company", "company/wiki"),
    ),
    "okta": Shape(token={"ver": 1, "amr": ["pwd"], "idp": "00o1"}, userinfo={"zoneinfo": "UTC", **VERIFIED}),
    "auth0": Shape(
        token={"sid": "s1", "nickname": "ann", **VERIFIED},
        userinfo={"updated_at": "2026-01-01T00:00:00.000Z", **VERIFIED},
    ),
    "keycloak": Shape(
        token={"typ": "ID", "azp": "gateway", "acr": "1", "sid": "5f5c", **VERIFIED},
        userinfo={"preferred_username": "ann", "groups": ["/staff"], **VERIFIED},
        groups=("/staff",),
    ),
    # Its userinfo writes a boolean as text; the signed token's own counts.
    "cognito": Shape(
        token={"cognito:groups": ["admins"], "cognito:username": "ann", "token_use": "id", **VERIFIED},
        userinfo={"username": "ann", **ANN, "email_verified": "true"},
        groups=("admins",),
    ),
    "gitea": Shape(
        token={"preferred_username": "ann", "groups": ["company", "company:owners"], **VERIFIED},
        userinfo={"groups": ["company", "company:owners"], **ANN},
        groups=("company", "company:owners"),
    ),
    # The same, under another name; its userinfo leaves groups out where there are none.
    "forgejo": Shape(
        token={"preferred_username": "ann", "picture": "https://git.example.com/avatars/a", **VERIFIED},
        userinfo={"preferred_username": "ann", **ANN},
    ),
    # Scopes are a list, and userinfo tells no more than who it is.
    "twitch": Shape(
        token={"azp": "gateway", "preferred_username": "Ann", "email": "ann@example.com"}
        | {"email_verified": True, "picture": "https://static-cdn.jtvnw.net/ann.png"},
        answer={"scope": ["openid", "user:read:email"], "token_type": "bearer"},
        name="Ann",
    ),
    "nextcloud": Shape(
        token={"preferred_username": "ann", "groups": ["staff"], "roles": ["staff"], **VERIFIED},
        userinfo={"groups": ["staff"], **VERIFIED},
        groups=("staff",),
    ),
    "authentik": Shape(
        token={"acr": "goauthentik.io/providers/oauth2/default", "groups": ["staff"], **VERIFIED},
        userinfo={"nickname": "ann", "groups": ["staff"], **VERIFIED},
        groups=("staff",),
    ),
    # The ID token holds nothing of the person; userinfo does.
    "authelia": Shape(
        token={"amr": ["pwd", "otp"], "azp": "gateway"},
        userinfo={"groups": ["staff"], "preferred_username": "ann", **VERIFIED},
        groups=("staff",),
    ),
    "dex": Shape(
        token={"groups": ["company:staff"], **VERIFIED},
        userinfo={"groups": ["company:staff"], **VERIFIED},
        groups=("company:staff",),
    ),
    # Its userinfo says who, and nothing more.
    "adfs": Shape(
        token={"unique_name": "EXAMPLE\\ann", "upn": "ann@example.com", "email": "ann@example.com"},
        name="EXAMPLE\\ann",
        verified=False,
    ),
    # No userinfo; text for a boolean; the name comes beside the answer, once.
    "apple": Shape(keys='team = "A1B2C3D4E5"', email=RELAY),
    # The name is in no claim of those that are asked for.
    "login.gov": Shape(
        token={"acr": AUTH_ONLY, "jti": "aGVsbG8"},
        userinfo={"iss": "https://secure.login.gov/", "email": "ann@example.com", "email_verified": True}
        | {"all_emails": ["ann@example.com"]},
        name=None,
    ),
    "slack": Shape(
        keys='workspace = "T0123ABCD"',
        token={TEAM: "T0123ABCD", "https://slack.com/user_id": "U0JM", "locale": "en-US", **VERIFIED}
        | {"date_email_verified": 1_622_128_723},
        userinfo={"ok": True, TEAM: "T0123ABCD", "https://slack.com/team_name": "Company", **VERIFIED},
    ),
    # Its ID tokens are for the whole project; the roles there are an object.
    "zitadel": Shape(
        keys=f'trusted_audiences = ["{PROJECT}"]',
        token={"aud": ["gateway", PROJECT], "azp": "gateway", "client_id": "gateway", "sid": "V1_2"},
        userinfo={"urn:zitadel:iam:org:project:roles": {"admin": {"100": "company.example"}}, **VERIFIED},
        groups=("admin", "100/admin"),
    ),
    "hydra": Shape(token={"sid": "s1", "rat": 1_749_999_999}, name=None, email=None, verified=False),
}


ISSUERS: dict[str, type[HostileIssuer]] = {"apple": AppleIssuer, "login.gov": LoginGovIssuer}


def test_every_preset_has_its_shape() -> None:
    # Several tenants have an issuer each, and a page of tests: test_tenants.py.
    assert SHAPES.keys() | {"entra-multitenant"} == PRESETS.keys()


def settled(folder: Path, preset: str, keys: str, issuer: str) -> dict[str, Any]:
    """Return what the preset makes of a registration, at another *issuer*."""
    written = f'id = "demo"\npreset = "{preset}"\nclient_id = "gateway"\n{secrets(preset)}'
    own = f'issuer = "{issuer}"'
    text = f"{TOP}\n[[providers]]\n{written}\n{own}\n{keys}\n{ROUTE}"
    made = registration(loaded(folder, text).settings.providers[0])
    names = ("client_auth", "scopes", "claims", "algorithms", "authorization_params", "signed_claims")
    more = (
        "keys",
        "team",
        "steps",
        "response_mode",
        "trusted_audiences",
        "assertion_audience",
        "logout_hint",
    )
    return {name: getattr(made, name) for name in (*names, *more)} | _secret(made)


def _secret(made: Registration) -> dict[str, None]:
    return {} if made.client_secret else {"client_secret": None}


async def sign_in(folder: Path, preset: str, shape: Shape, **token: Any) -> Any:
    async with ISSUERS.get(preset, HostileIssuer)() as issuer:
        issuer.users["ann"] = {"sub": "ann-at-the-issuer", **shape.userinfo}
        issuer.user = "ann"
        issuer.claims = {**shape.token, **token}
        issuer.token_answer = shape.answer
        async with at(issuer, **settled(folder, preset, shape.keys, issuer.url)) as login:
            return await login.run()


@pytest.mark.parametrize("preset", SHAPES)
async def test_a_login_in_the_shape_of_the_provider(tmp_path: Path, preset: str) -> None:
    shape = SHAPES[preset]
    login = await sign_in(tmp_path, preset, shape)
    assert login.subject == "ann-at-the-issuer"
    assert (login.email, login.email_verified, login.name) == (shape.email, shape.verified, shape.name)
    assert login.groups == shape.groups


@pytest.mark.parametrize("preset", SHAPES)
@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"aud": "another-client"},
        {"aud": ["gateway", "another-client"]},
        {"aud": ["gateway", "another-client"], "azp": "gateway"},
        {"azp": "another-client"},
        {"nonce": "n" * 43},
        {"nonce": ABSENT},
        {"exp": 1},
        {"sub": ""},
    ],
    ids=lambda claims: str(next(iter(claims))),
)
async def test_B9_no_preset_takes_a_token_that_does_not_hold(
    tmp_path: Path, preset: str, claims: dict[str, Any]
) -> None:
    with pytest.raises(LoginFailed):
        await sign_in(tmp_path, preset, SHAPES[preset], **claims)


@pytest.mark.parametrize(
    ("preset", "claims"),
    [
        ("google", {"hd": "evil.example"}),
        ("google", {"hd": None}),
        ("google", {"hd": ["example.com"]}),
        ("google", {"hd": "EXAMPLE.com"}),
        ("entra", {"tid": OTHER}),
        ("entra", {"tid": None}),
        ("slack", {TEAM: "T9999ZZZZ"}),
        ("slack", {TEAM: None}),
        ("slack", {TEAM: ["T0123ABCD"]}),
    ],
)
async def test_another_organisation_is_refused_whatever_userinfo_says(
    tmp_path: Path, preset: str, claims: dict[str, Any]
) -> None:
    name = next(iter(claims))
    with pytest.raises(LoginFailed, match=f"the ID token's {name} is not the one that is configured"):
        await sign_in(tmp_path, preset, SHAPES[preset], **claims)


async def test_a_domain_is_never_taken_from_userinfo(tmp_path: Path) -> None:
    shape = SHAPES["google"]
    bare = Shape(keys=shape.keys, token=VERIFIED, userinfo=shape.userinfo)
    with pytest.raises(LoginFailed, match="hd"):
        await sign_in(tmp_path, "google", bare)


@pytest.mark.parametrize(
    "claims",
    [
        {"azp": "another-client"},
        {"azp": ABSENT},
        {"aud": ["gateway", PROJECT, "another-client"]},
        {"aud": [PROJECT]},
        {"aud": PROJECT},
    ],
)
async def test_T07_a_token_of_the_project_is_ours_only_if_it_was_issued_to_us(
    tmp_path: Path, claims: dict[str, Any]
) -> None:
    with pytest.raises(LoginFailed):
        await sign_in(tmp_path, "zitadel", SHAPES["zitadel"], **claims)


async def test_a_userinfo_that_is_an_error_of_slack_ends_the_login(tmp_path: Path) -> None:
    shape = SHAPES["slack"]
    async with HostileIssuer() as issuer:
        issuer.claims = shape.token
        issuer.userinfo = {"ok": False, "error": "invalid_auth", "sub": ABSENT}
        async with at(issuer, **settled(tmp_path, "slack", shape.keys, issuer.url)) as login:
            with pytest.raises(LoginFailed, match="another subject"):
                await login.run()


async def test_an_answer_that_is_an_error_of_slack_ends_the_login(tmp_path: Path) -> None:
    async with HostileIssuer() as issuer:
        issuer.token_answer = {"ok": False, "error": "invalid_code", "access_token": ABSENT}
        made = settled(tmp_path, "slack", SHAPES["slack"].keys, issuer.url)
        async with at(issuer, **made) as login:
            with pytest.raises(LoginFailed, match="invalid_code"):
                await login.run()


async def test_login_gov_is_asked_as_it_wants_and_gets_no_token_where_people_sign_out(tmp_path: Path) -> None:
    async with LoginGovIssuer() as issuer:
        made = settled(tmp_path, "login.gov", "", issuer.url)
        async with at(issuer, **made) as login:
            assert (await login.run()).id_token is None
            asked = (issuer.asked["acr_values"], issuer.asked["scope"], "prompt" in issuer.asked)
            assert asked == (AUTH_ONLY, "openid email", False)
