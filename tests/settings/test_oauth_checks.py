from pathlib import Path

import pytest

from tests.fakes.configuration import ROUTE, TOP, faults_by_key, loaded

PROVIDER = """
[[providers]]
id = "forge"
type = "oauth2"
authorization_endpoint = "https://forge.example/oauth/authorize"
token_endpoint = "https://forge.example/oauth/token"
userinfo_endpoint = "https://api.forge.example/user?fields=id"
client_id = "gateway"
client_secret = "not-so-secret"
"""
SOUND = PROVIDER + 'scopes = ["user"]\nclaims = { id = "id" }\n'


def test_a_provider_of_oauth2_needs_no_issuer(tmp_path: Path) -> None:
    assert loaded(tmp_path, TOP + SOUND + ROUTE).settings.providers[0].claims["id"] == "id"


def test_a_scope_has_no_default_there(tmp_path: Path) -> None:
    assert list(faults_by_key(tmp_path, TOP + PROVIDER + ROUTE)) == ["providers[0].scopes"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('scopes = ["user"]', 'scopes = ["openid"]', "scopes"),
        ('scopes = ["user"]', 'scopes = ["user", "user"]', "scopes"),
        ('client_id = "gateway"\n', "", "client_id"),
        ('token_endpoint = "https://forge.example/oauth/token"\n', "", "token_endpoint"),
        ("https://api.forge.example", "http://api.forge.example", "userinfo_endpoint"),
        ("?fields=id", "#fragment", "userinfo_endpoint"),
        ('"not-so-secret"', '"not-so-secret"\ndpop = true', "dpop"),
        ('"not-so-secret"', '"not-so-secret"\nprofile = "fapi2"', "profile"),
        ('"not-so-secret"', '"not-so-secret"\nresponse_mode = "form_post"', "response_mode"),
        ('"not-so-secret"', '"a"\nauthorization_params = { state = "x" }', "authorization_params.state"),
        ('client_secret = "not-so-secret"\n', "", "client_secret"),
        (
            'client_secret = "not-so-secret"',
            'client_secret = "a secret of at least 32 bytes, for HMAC"\nclient_auth = "client_secret_jwt"',
            "client_auth",
        ),
    ],
)
def test_what_cannot_be_obeyed_is_a_fault(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in SOUND
    assert list(faults_by_key(tmp_path, TOP + SOUND.replace(old, new) + ROUTE)) == [f"providers[0].{key}"]


@pytest.mark.parametrize(
    ("line", "key"), [('forward_token = "id_token"', "forward_token"), ('acr_values = ["mfa"]', "acr_values")]
)
def test_what_only_an_issuer_gives_is_not_promised(tmp_path: Path, line: str, key: str) -> None:
    assert list(faults_by_key(tmp_path, f"{TOP}{SOUND}{ROUTE}{line}\n")) == [f"routes[0].{key}"]


def test_endpoints_mean_nothing_at_an_issuer(tmp_path: Path) -> None:
    text = SOUND.replace('type = "oauth2"', 'issuer = "https://forge.example"')
    assert "providers[0].token_endpoint" in faults_by_key(tmp_path, TOP + text + ROUTE)
