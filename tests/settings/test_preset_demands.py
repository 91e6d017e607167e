from pathlib import Path

import pytest

from tests.fakes.configuration import ROUTE, TOP, faults_by_key
from tests.fakes.provider_keys import secrets, signing

APPLE = 'preset = "apple"\nteam = "A1B2C3D4E5"\n'
LOGIN_GOV = 'preset = "login.gov"\n'


def faults(tmp_path: Path, keys: str) -> dict[str, str]:
    return faults_by_key(tmp_path, f'{TOP}\n[[providers]]\nid = "a"\nclient_id = "x"\n{keys}\n{ROUTE}')


@pytest.mark.parametrize(
    "keys",
    [
        APPLE + secrets("apple"),
        APPLE + secrets("apple") + '\nscopes = ["openid"]\nresponse_mode = "query"',
        LOGIN_GOV + secrets("login.gov"),
        LOGIN_GOV + secrets("login.gov") + '\nbase_url = "https://idp.int.identitysandbox.gov"',
        'preset = "slack"\nclient_secret = "s"\nworkspace = "T0123ABCD"',
        'preset = "zitadel"\nclient_secret = "s"\nbase_url = "https://a.example"\ntrusted_audiences = ["1"]',
    ],
)
def test_what_a_provider_demands_and_has_loads(tmp_path: Path, keys: str) -> None:
    assert faults(tmp_path, keys) == {}


@pytest.mark.parametrize(
    ("keys", "key", "told"),
    [
        ('preset = "apple"\n' + secrets("apple"), "team", "is needed with preset"),
        (APPLE, "keys", "is needed for client_auth"),
        (APPLE + 'client_secret = "s"\n' + secrets("apple"), "client_secret", "is never used"),
        (APPLE + signing("P-256"), "keys[0].kid", "AuthKey_"),
        (APPLE + secrets("apple") + '\nresponse_mode = "query"', "response_mode", "must be form_post"),
        (APPLE + 'client_auth = "client_secret_post"\nclient_secret = "s"', "client_auth", "Apple takes no"),
        ('preset = "apple"\nteam = "a team"\n' + secrets("apple"), "team", "ten characters"),
        (LOGIN_GOV, "keys", "is needed for client_auth"),
        (LOGIN_GOV + signing("RSA2048"), "keys[0].alg", "must be RS256"),
        (
            LOGIN_GOV + secrets("login.gov") + '\nauthorization_params = { prompt = "select_account" }',
            "authorization_params",
            "must have acr_values",
        ),
        ('preset = "slack"\nclient_secret = "s"', "workspace", "a workspace of their own"),
        (
            'preset = "slack"\nclient_secret = "s"\nissuer = "https://slack.example"',
            "workspace",
            "a workspace of their own",
        ),
        ('preset = "slack"\nclient_secret = "s"\nworkspace = "company"', "workspace", "id of one workspace"),
        (
            'preset = "zitadel"\nclient_secret = "s"\nbase_url = "https://a.example"',
            "trusted_audiences",
            "name the project",
        ),
        ('preset = "google"\nclient_secret = "s"\nteam = "A1B2C3D4E5"', "team", "means nothing"),
        (
            'issuer = "https://a.example"\nclient_auth = "signed_client_secret"\n' + signing("P-256"),
            "client_auth",
            "known to Apple alone",
        ),
    ],
)
def test_C04_what_a_provider_would_refuse_is_refused_at_its_key(
    tmp_path: Path, keys: str, key: str, told: str
) -> None:
    found = faults(tmp_path, keys)
    assert list(found) == [f"providers[0].{key}"]
    assert told in found[f"providers[0].{key}"]
