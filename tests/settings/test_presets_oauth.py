from pathlib import Path

import pytest

from gateway.settings.presets_oauth import PRESETS
from gateway.settings.providers import ProviderSettings
from tests.fakes.configuration import ROUTE, TOP, faults_by_key, loaded


def written(preset: str, keys: str = "") -> str:
    lines = f'id = "a"\npreset = "{preset}"\nclient_id = "x"\nclient_secret = "s"\n{keys}\n'
    return f"{TOP}\n[[providers]]\n{lines}{ROUTE}"


def provider(tmp_path: Path, preset: str, keys: str = "") -> ProviderSettings:
    return loaded(tmp_path, written(preset, keys)).settings.providers[0]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_needs_no_more_than_a_client(tmp_path: Path, preset: str) -> None:
    made = provider(tmp_path, preset)
    assert made.type == "oauth2"
    assert made.claims["id"] != "sub"
    assert not made.trust_email
    assert "openid" not in made.scopes


def test_github_may_be_a_server_of_ones_own(tmp_path: Path) -> None:
    made = provider(tmp_path, "github", 'base_url = "https://github.example.com"')
    assert made.issuer == "https://github.example.com/login/oauth"
    assert made.authorization_endpoint == "https://github.example.com/login/oauth/authorize"
    assert made.token_endpoint == "https://github.example.com/login/oauth/access_token"
    assert made.userinfo_endpoint == "https://github.example.com/api/v3/user"


@pytest.mark.parametrize(
    ("preset", "keys", "key"),
    [
        ("discord", 'base_url = "https://a.example"', "base_url"),
        ("discord", 'organizations = ["company"]', "organizations"),
        ("github", "organizations = []", "organizations"),
        ("github", 'tenant = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"', "tenant"),
        ("google", 'organizations = ["company"]', "organizations"),
    ],
)
def test_a_parameter_that_means_nothing_is_a_fault(tmp_path: Path, preset: str, keys: str, key: str) -> None:
    assert list(faults_by_key(tmp_path, written(preset, keys))) == [f"providers[0].{key}"]


def test_the_words_of_the_operator_win(tmp_path: Path) -> None:
    made = provider(tmp_path, "github", 'scopes = ["user:email"]\nname = "Ours"')
    assert (made.scopes, made.name) == (("user:email",), "Ours")
