from pathlib import Path

import pytest

from gateway.settings.tenant_checks import PRIVATE
from tests.fakes.configuration import ROUTE, TOP, faults_by_key

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
OTHER = "82229342-1101-4ab6-817b-70c0747630f3"
MICROSOFT = "https://login.microsoftonline.com"


def provider(keys: str, preset: str = "entra-multitenant") -> str:
    written = f'id = "a"\npreset = "{preset}"\nclient_id = "x"\nclient_secret = "s"\n{keys}'
    return f"{TOP}\n[[providers]]\n{written}\n{ROUTE}"


@pytest.mark.parametrize(
    ("keys", "key", "told"),
    [
        ("", "tenants", "every organisation has accounts there"),
        (f'issuer = "{MICROSOFT}/common/v2.0"', "tenants", "is needed"),
        ("tenants = []", "tenants", "nobody could sign in"),
        (f'tenants = ["{TENANT}", "{TENANT}"]', "tenants", "names a tenant twice"),
        ('tenants = ["common"]', "tenants[0]", "must be the id of one tenant"),
        (f'tenants = ["{TENANT}", "{OTHER.upper()}"]', "tenants[1]", "in small letters"),
        (f'tenants = ["{TENANT}", "{PRIVATE}"]', "tenants", "private accounts"),
        (f'tenants = ["{TENANT}"]\ntenant = "{TENANT}"', "tenant", "means nothing"),
        (f'tenants = ["{TENANT}"]\ntrust_email = true', "trust_email", "proves nobody"),
        (
            f'tenants = ["{TENANT}"]\nissuer = "{MICROSOFT}/{TENANT}/v2.0"',
            "issuer",
            "must end in /organizations",
        ),
        (
            f'tenants = ["{TENANT}"]\nissuer = "{MICROSOFT}/common/v2.0/"',
            "issuer",
            "must end in /organizations",
        ),
        (
            f'tenants = ["{TENANT}"]\nissuer = "{MICROSOFT}/organizations"',
            "issuer",
            "must end in /organizations",
        ),
    ],
)
def test_C04_tenants_that_cannot_be_are_refused_at_their_key(
    tmp_path: Path, keys: str, key: str, told: str
) -> None:
    found = faults_by_key(tmp_path, provider(keys))
    assert list(found) == [f"providers[0].{key}"]
    assert told in found[f"providers[0].{key}"]


@pytest.mark.parametrize(
    "keys",
    [
        f'tenants = ["{TENANT}"]',
        f'tenants = ["{TENANT}", "{OTHER}"]',
        f'tenants = ["{TENANT}", "{PRIVATE}"]\nissuer = "{MICROSOFT}/common/v2.0"',
        f'tenants = ["{TENANT}"]\nissuer = "https://login.microsoftonline.us/organizations/v2.0"',
    ],
)
def test_what_can_be_is_taken(tmp_path: Path, keys: str) -> None:
    assert faults_by_key(tmp_path, provider(keys)) == {}


def test_tenants_are_for_that_preset_alone(tmp_path: Path) -> None:
    for preset, more in (("entra", f'tenant = "{OTHER}"'), ("google", "")):
        found = faults_by_key(tmp_path, provider(f'tenants = ["{TENANT}"]\n{more}', preset))
        assert list(found) == ["providers[0].tenants"]
        assert "means nothing" in found["providers[0].tenants"]


@pytest.mark.parametrize("name", ["common", "organizations", "consumers"])
def test_an_address_of_all_tenants_is_no_issuer(tmp_path: Path, name: str) -> None:
    text = provider(f'issuer = "{MICROSOFT}/{name}/v2.0"').replace('preset = "entra-multitenant"\n', "")
    [(key, told)] = faults_by_key(tmp_path, text).items()
    assert key == "providers[0].issuer"
    assert 'preset = "entra-multitenant" and tenants' in told
    assert faults_by_key(tmp_path, text.replace(f"/{name}/", f"/{TENANT}/")) == {}
    assert faults_by_key(tmp_path, text.replace(MICROSOFT, "https://login.example.com")) == {}
