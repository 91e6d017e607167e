from pathlib import Path

import pytest

from gateway.settings.routes import RouteSettings
from tests.fakes.configuration import SOUND, faults_by_key, loaded


def route(tmp_path: Path, lines: str) -> RouteSettings:
    return loaded(tmp_path, SOUND + lines).settings.routes[0]


def test_a_route_is_closed_and_governs_everything_unless_it_says_otherwise(tmp_path: Path) -> None:
    plain = route(tmp_path, "")
    assert (plain.access, plain.host, plain.path, plain.max_body) == ("authenticated", None, "/", None)
    assert plain.methods is None
    assert plain.allow_in_path == ()


@pytest.mark.parametrize(
    ("lines", "asks"),
    [
        ("", False),
        ('roles = ["admin"]', True),
        ('deny = { roles = ["guest"] }', True),
        ('roles_from = "database"', True),
        ('roles = ["admin"]\nroles_from = "token"', False),
    ],
)
def test_B67_a_route_asks_for_roles_where_it_names_them_or_says_so(
    tmp_path: Path, lines: str, asks: bool
) -> None:
    assert route(tmp_path, lines).asks_for_roles is asks


@pytest.mark.parametrize(
    "key", ["roles", "groups", "emails", "email_domains", "users", "networks", "methods"]
)
def test_a_rule_without_values_is_refused_since_it_would_bind_nobody(tmp_path: Path, key: str) -> None:
    assert "is empty" in faults_by_key(tmp_path, f"{SOUND}{key} = []\n")[f"routes[0].{key}"]


def test_a_claim_may_have_one_value_or_several(tmp_path: Path) -> None:
    keeps = 'bearer = { issuer = "https://login.example.com", audience = "x", claims = { a = "a", b = "b" } }'
    claims = route(tmp_path, f'{keeps}\nclaims = {{ a = "x", b = ["y", "z"] }}').claims
    assert claims == {"a": ("x",), "b": ("y", "z")}
    assert "is empty" in faults_by_key(tmp_path, f"{SOUND}claims = {{}}\n")["routes[0].claims"]


def test_only_three_spellings_can_be_allowed_in_a_path(tmp_path: Path) -> None:
    assert route(tmp_path, 'allow_in_path = ["%2f", "//", ";"]').allow_in_path == ("%2f", "//", ";")
    found = faults_by_key(tmp_path, f'{SOUND}allow_in_path = ["%2F", ".."]\n')
    assert 'did you mean "%2f"?' in found["routes[0].allow_in_path[0]"]
    assert "routes[0].allow_in_path[1]" in found


def test_sizes_and_methods_are_read(tmp_path: Path) -> None:
    plain = route(tmp_path, 'max_body = "10MiB"\nmethods = ["GET", "POST"]\nstrip_prefix = true')
    assert (plain.max_body, plain.methods, plain.strip_prefix) == (10 * 2**20, ("GET", "POST"), True)


@pytest.mark.parametrize(
    "value", ["[]", '["two words"]', '["a\\"b"]', '[""]', str([f"{n}" for n in range(11)]), '"mfa"']
)
def test_acr_values_are_some_words(tmp_path: Path, value: str) -> None:
    assert any(
        key.startswith("routes[0].acr_values")
        for key in faults_by_key(tmp_path, f"{SOUND}acr_values = {value}\n")
    )


@pytest.mark.parametrize("value", ['"0s"', '"500ms"', "0", '"soon"'])
def test_max_auth_age_is_whole_seconds(tmp_path: Path, value: str) -> None:
    assert "routes[0].max_auth_age" in faults_by_key(tmp_path, f"{SOUND}max_auth_age = {value}\n")
