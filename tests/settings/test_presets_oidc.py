import json
from pathlib import Path

import pytest

from gateway.assembly.providers import registration
from gateway.settings.presets_oidc import PRESETS
from tests.fakes.configuration import ROUTE, TOP, loaded
from tests.fakes.provider_keys import PROJECT, secrets

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
OTHER = "82229342-1101-4ab6-817b-70c0747630f3"
FORGE = 'base_url = "https://forge.example"'
CASES = {
    "google": ("", "https://accounts.google.com"),
    "entra": (f'tenant = "{TENANT}"', f"https://login.microsoftonline.com/{TENANT}/v2.0"),
    "entra-multitenant": (
        f'tenants = ["{TENANT}", "{OTHER}"]',
        "https://login.microsoftonline.com/organizations/v2.0",
    ),
    "gitlab": ("", "https://gitlab.com"),
    "okta": ('domain = "company.okta.com"', "https://company.okta.com"),
    "auth0": ('domain = "company.eu.auth0.com"', "https://company.eu.auth0.com/"),
    "keycloak": (FORGE + '\nrealm = "company"', "https://forge.example/realms/company"),
    "cognito": (
        'user_pool = "eu-west-1_Ab12Cd"',
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd",
    ),
    "gitea": (FORGE, "https://forge.example"),
    "forgejo": (FORGE, "https://forge.example"),
    "twitch": ("", "https://id.twitch.tv/oauth2"),
    "nextcloud": (FORGE, "https://forge.example"),
    "authentik": (FORGE + '\napplication = "wiki"', "https://forge.example/application/o/wiki/"),
    "authelia": (FORGE, "https://forge.example"),
    "dex": (FORGE, "https://forge.example"),
    "adfs": (FORGE, "https://forge.example/adfs"),
    "hydra": (FORGE, "https://forge.example"),
    "apple": ('team = "A1B2C3D4E5"', "https://appleid.apple.com"),
    "login.gov": ("", "https://secure.login.gov/"),
    "slack": ('workspace = "T0123ABCD"', "https://slack.com"),
    "zitadel": (FORGE + f'\ntrusted_audiences = ["{PROJECT}"]', "https://forge.example"),
}
# Presets that say how we prove who we are, or how the issuer answers: never by less than usual.
STRICTER = {
    "apple": {"client_auth": "signed_client_secret", "response_mode": "form_post"},
    "login.gov": {"client_auth": "private_key_jwt"},
}
# What a preset cannot do without, whoever the issuer is.
DEMANDED = {
    "entra": f'tenant = "{TENANT}"',
    "entra-multitenant": CASES["entra-multitenant"][0],
    "apple": CASES["apple"][0],
    "slack": CASES["slack"][0],
    "zitadel": f'trusted_audiences = ["{PROJECT}"]',
}
# Presets of issuers that take the client secret in one way only.
OTHERWISE = {"twitch": {"client_auth": "client_secret_post"}}


def provider(preset: str, keys: str) -> str:
    written = f'id = "a"\npreset = "{preset}"\nclient_id = "x"\n{secrets(preset)}\n{keys}'
    return f"{TOP}\n[[providers]]\n{written}\n{ROUTE}"


def test_every_preset_has_a_case() -> None:
    assert CASES.keys() == PRESETS.keys()


@pytest.mark.parametrize("preset", CASES)
def test_a_preset_makes_a_registration_that_holds(tmp_path: Path, preset: str) -> None:
    keys, issuer = CASES[preset]
    found = loaded(tmp_path, provider(preset, keys))
    made = registration(found.settings.providers[0])
    assert made.issuer == issuer
    assert made.name == PRESETS[preset].name
    assert "openid" in made.scopes
    assert found.origins["providers[0].issuer"] == f"preset {preset}"
    assert found.origins["providers[0].name"] == f"preset {preset}"
    assert found.origins["providers[0].client_id"].startswith(str(tmp_path))


@pytest.mark.parametrize("preset", CASES)
def test_no_preset_weakens_what_is_checked_without_one(tmp_path: Path, preset: str) -> None:
    made = registration(loaded(tmp_path, provider(preset, CASES[preset][0])).settings.providers[0])
    plain = provider("google", 'issuer = "https://login.example.com"').replace('preset = "google"\n', "")
    bare = registration(loaded(tmp_path, plain).settings.providers[0])
    assert not made.trust_email
    for name in ("algorithms", "client_auth", "response_mode", "pushed_requests", "userinfo_format", "dpop"):
        assert getattr(made, name) == {**OTHERWISE, **STRICTER}.get(preset, {}).get(name, getattr(bare, name))
    assert set(STRICTER.get(preset, {})) <= {"client_auth", "response_mode"}
    assert made.claims.email == bare.claims.email
    assert set(bare.signed_claims) <= set(made.signed_claims)


@pytest.mark.parametrize("preset", CASES)
def test_the_words_of_the_operator_win(tmp_path: Path, preset: str) -> None:
    own = 'issuer = "https://own.example/common/v2.0"\nname = "Ours"\nscopes = ["openid"]'
    demanded = f'{own}\nclaims = {{ groups = "teams" }}\n{DEMANDED.get(preset, "")}'
    made = registration(loaded(tmp_path, provider(preset, demanded)).settings.providers[0])
    assert (made.issuer, made.name) == ("https://own.example/common/v2.0", "Ours")
    assert made.scopes == ("openid",)
    assert made.claims.groups == "teams"


def test_google_asks_for_the_domain_and_demands_it(tmp_path: Path) -> None:
    made = registration(
        loaded(tmp_path, provider("google", 'hosted_domain = "example.com"')).settings.providers[0]
    )
    assert made.authorization_params == (("hd", "example.com"),)
    assert made.signed_claims == (("hd", "example.com"),)


def test_entra_demands_its_tenant(tmp_path: Path) -> None:
    made = registration(loaded(tmp_path, provider("entra", f'tenant = "{TENANT}"')).settings.providers[0])
    assert made.signed_claims == (("tid", TENANT),)


def test_slack_asks_for_the_workspace_and_demands_it(tmp_path: Path) -> None:
    made = registration(loaded(tmp_path, provider("slack", CASES["slack"][0])).settings.providers[0])
    assert made.authorization_params == (("team", "T0123ABCD"),)
    assert made.signed_claims == (("https://slack.com/team_id", "T0123ABCD"),)


def test_zitadel_trusts_the_project_alone_beside_us(tmp_path: Path) -> None:
    made = registration(loaded(tmp_path, provider("zitadel", CASES["zitadel"][0])).settings.providers[0])
    assert made.trusted_audiences == (PROJECT,)


@pytest.mark.parametrize(
    ("keys", "audience"),
    [
        ("", "https://secure.login.gov/api/openid_connect/token"),
        (
            'base_url = "https://idp.int.identitysandbox.gov"',
            "https://idp.int.identitysandbox.gov/api/openid_connect/token",
        ),
        ('issuer = "https://own.example/"', "https://own.example/api/openid_connect/token"),
    ],
)
def test_O33_an_assertion_for_login_gov_is_for_its_token_endpoint_and_no_other_issuers(
    tmp_path: Path, keys: str, audience: str
) -> None:
    made = registration(loaded(tmp_path, provider("login.gov", keys)).settings.providers[0])
    assert made.assertion_audience == audience
    assert made.authorization_params == (("acr_values", "urn:acr.login.gov:auth-only"),)
    assert not made.logout_hint


@pytest.mark.parametrize("preset", [each for each in CASES if each != "login.gov"])
def test_O33_an_assertion_for_any_other_issuer_is_for_the_issuer(tmp_path: Path, preset: str) -> None:
    made = registration(loaded(tmp_path, provider(preset, CASES[preset][0])).settings.providers[0])
    assert (made.assertion_audience, made.logout_hint) == ("", True)


def test_twitch_is_asked_for_what_it_does_not_tell_by_itself(tmp_path: Path) -> None:
    made = registration(loaded(tmp_path, provider("twitch", "")).settings.providers[0])
    ((name, value),) = made.authorization_params
    asked = json.loads(value)
    assert (name, asked.keys()) == ("claims", {"id_token"})
    assert asked["id_token"].keys() == {"email", "email_verified", "picture", "preferred_username"}
    assert (made.scopes, made.steps) == (("openid", "user:read:email"), "twitch")


def test_entra_for_several_tenants_knows_them_all_and_is_the_only_preset_with_any(tmp_path: Path) -> None:
    for preset, (keys, _) in CASES.items():
        made = registration(loaded(tmp_path, provider(preset, keys)).settings.providers[0])
        assert made.tenants == ((TENANT, OTHER) if preset == "entra-multitenant" else ())


@pytest.mark.parametrize("preset", CASES)
def test_a_sign_out_ends_a_persons_consent_nowhere(tmp_path: Path, preset: str) -> None:
    made = registration(loaded(tmp_path, provider(preset, CASES[preset][0])).settings.providers[0])
    assert made.revokes is (preset != "apple")
