from pathlib import Path

import pytest

from gateway.settings.introspection import IntrospectionSettings
from tests.fakes.configuration import SOUND, faults_by_key, loaded

BEARER = 'issuer = "https://login.example.com", audience = "https://api.example.com"'


def bearer(asked: str) -> str:
    return f"{SOUND}bearer = {{ {BEARER}, introspection = {{ {asked} }} }}\n"


def read(tmp_path: Path, asked: str = "") -> IntrospectionSettings:
    [route] = loaded(tmp_path, bearer(asked)).settings.routes
    found = route.bearer[0].introspection
    assert found is not None
    return found


def test_an_empty_table_asks_as_the_provider_about_opaque_tokens(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.tokens, found.format, found.hold, found.calls_per_second) == ("opaque", "json", 60.0, 100)
    assert (found.endpoint, found.client_id, found.client_auth) == (None, None, "client_secret_basic")


def test_a_client_of_its_own_is_read_whole(tmp_path: Path) -> None:
    found = read(tmp_path, 'client_id = "api", client_secret = "s", client_auth = "client_secret_post"')
    assert found.client_secret is not None
    assert found.client_secret.get_secret_value() == "s"
    assert "'s'" not in repr(found)


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ('tokens = "jwt"', "tokens"),
        ('format = "encrypted"', "format"),
        ('hold = "0s"', "hold"),
        ('hold = "1500ms"', "hold"),
        ('hold = "61m"', "hold"),
        ('hold = "off"', "hold"),
        ("calls_per_second = 0", "calls_per_second"),
        ('calls_per_second = "10"', "calls_per_second"),
        ('endpoint = "http://login.example.com/introspect"', "endpoint"),
        ('endpoint = "https://login.example.com/introspect#x"', "endpoint"),
        ('client_id = "api", client_secret = "s", client_auth = "none"', "client_auth"),
        ('client_id = "api", client_secret = { env = "UNSET" }', "client_secret"),
        ('endpont = "https://login.example.com"', "endpont"),
    ],
)
def test_what_would_be_unsafe_or_do_nothing_is_a_fault(tmp_path: Path, asked: str, key: str) -> None:
    faults = faults_by_key(tmp_path, bearer(asked))
    assert [found.rpartition(".")[2] for found in faults] == [key], faults


def test_an_answer_may_count_for_an_hour(tmp_path: Path) -> None:
    assert read(tmp_path, 'hold = "60m"').hold == 3600


def test_C05_a_secret_is_masked_and_found_however_bearer_is_written(tmp_path: Path) -> None:
    asked = 'client_id = "api", client_secret = "a literal secret"'
    for text in (bearer(asked), bearer(asked).replace("bearer = {", "bearer = [{")[:-1] + "]\n"):
        found = loaded(tmp_path, text)
        key = "routes[0].bearer[0].introspection.client_secret"
        assert found.secrets[key] == "literal"
        assert "a literal secret" not in str(found.written)
        assert any(key in warning for warning in found.warnings)
        assert found.written["routes[0].bearer[0].issuer"] == "https://login.example.com"
