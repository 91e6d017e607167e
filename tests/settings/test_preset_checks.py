from pathlib import Path

import pytest

from gateway.assembly.providers import registration
from tests.fakes.configuration import ROUTE, TOP, faults_by_key, loaded

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"


def provider(keys: str) -> str:
    return f'{TOP}\n[[providers]]\nid = "a"\nclient_id = "x"\nclient_secret = "s"\n{keys}\n{ROUTE}'


@pytest.mark.parametrize(
    ("keys", "key", "told"),
    [
        ('preset = "gogle"', "preset", 'did you mean "google"'),
        ('preset = "entra"', "tenant", 'is needed with preset = "entra"'),
        ('preset = "entra"\ntenant = "common"', "tenant", "must be the id of one tenant"),
        (
            f'preset = "entra"\nissuer = "https://login.microsoftonline.us/{TENANT}/v2.0"',
            "tenant",
            'is needed with preset = "entra"',
        ),
        ('preset = "okta"\ndomain = "https://a.okta.com"', "domain", "without https://"),
        ('preset = "okta"\ndomain = "a.okta.com"\nrealm = "b"', "realm", "means nothing"),
        ('preset = "keycloak"\nbase_url = "https://a.example"', "realm", "is needed"),
        ('preset = "keycloak"\nbase_url = "https://a.example"\nrealm = "a/b"', "realm", "one segment"),
        ('preset = "gitea"\nbase_url = "https://a.example/"', "base_url", "must not end with a slash"),
        ('preset = "gitea"\nbase_url = "http://a.example"', "base_url", "https"),
        ('preset = "cognito"\nuser_pool = "../x"', "user_pool", "must be a pool id"),
        ('issuer = "https://a.example"\nhosted_domain = "a.example"', "hosted_domain", "without a preset"),
        (
            'preset = "okta"\ndomain = "a.okta.com"\nissuer = "https://a.okta.com/oauth2/default"',
            "domain",
            "beside an issuer that is written",
        ),
        (f'preset = "entra"\ntenant = "{TENANT}"\ntrust_email = true', "trust_email", "proves nobody"),
    ],
)
def test_C04_what_contradicts_a_preset_is_refused_at_its_key(
    tmp_path: Path, keys: str, key: str, told: str
) -> None:
    found = faults_by_key(tmp_path, provider(keys))
    assert list(found) == [f"providers[0].{key}"]
    assert told in found[f"providers[0].{key}"]


def test_presets_are_for_issuers_alone(tmp_path: Path) -> None:
    text = f'{TOP}\n[[providers]]\nid = "a"\ntype = "password"\npreset = "google"\n{ROUTE}'
    assert "providers[0].preset" in faults_by_key(tmp_path, text)


def test_an_issuer_of_ones_own_stands_without_the_parameters(tmp_path: Path) -> None:
    text = provider('preset = "okta"\nissuer = "https://a.okta.com/oauth2/default"')
    assert faults_by_key(tmp_path, text) == {}


def test_an_issuer_of_a_national_cloud_stands_beside_the_tenant_that_its_tokens_must_name(
    tmp_path: Path,
) -> None:
    issuer = f"https://login.microsoftonline.us/{TENANT}/v2.0"
    text = provider(f'preset = "entra"\nissuer = "{issuer}"\ntenant = "{TENANT}"')
    made = registration(loaded(tmp_path, text).settings.providers[0])
    assert (made.issuer, made.signed_claims) == (issuer, (("tid", TENANT),))


def test_the_steps_of_a_login_are_those_of_its_preset(tmp_path: Path) -> None:
    for keys, steps in (
        (f'preset = "entra"\ntenant = "{TENANT}"', "entra"),
        ('preset = "google"', ""),
        ('issuer = "https://login.microsoftonline.com/x/v2.0"', ""),
    ):
        text = provider(keys).replace('client_secret = "s"', 'client_auth = "none"')
        assert registration(loaded(tmp_path, text).settings.providers[0]).steps == steps
