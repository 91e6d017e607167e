import json
from pathlib import Path

import pytest

from gateway.assembly import registration
from gateway.settings.presets_oidc import PRESETS
from tests.fakes.configuration import ROUTE, TOP, loaded

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
}
# Presets of issuers that take the client secret in one way only.
OTHERWISE = {"twitch": {"client_auth": "client_secret_post"}}


def provider(preset: str, keys: str) -> str:
    written = f'id = "a"\npreset = "{preset}"\nclient_id = "x"\nclient_secret = "s"\n{keys}'
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
    plain = provider(preset, f'issuer = "{made.issuer}"').replace(f'preset = "{preset}"\n', "")
    bare = registration(loaded(tmp_path, plain).settings.providers[0])
    assert not made.trust_email
    for name in ("algorithms", "client_auth", "response_mode", "pushed_requests", "userinfo_format", "dpop"):
        assert getattr(made, name) == OTHERWISE.get(preset, {}).get(name, getattr(bare, name))
    assert made.claims.email == bare.claims.email
    assert set(bare.signed_claims) <= set(made.signed_claims)


@pytest.mark.parametrize("preset", CASES)
def test_the_words_of_the_operator_win(tmp_path: Path, preset: str) -> None:
    own = 'issuer = "https://own.example/common/v2.0"\nname = "Ours"\nscopes = ["openid"]\nclaims = { groups = "teams" }'
    tenant = f"\n{CASES[preset][0]}" if preset.startswith("entra") else ""
    made = registration(loaded(tmp_path, provider(preset, own + tenant)).settings.providers[0])
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
