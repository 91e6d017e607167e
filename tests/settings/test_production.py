from pathlib import Path

import pytest

from gateway.settings.production import production_faults
from tests.fakes.configuration import SECRET, SOUND, loaded

READY = SOUND.replace(f'"{SECRET}"', '{ env = "A" }').replace('"not-so-secret"', '{ env = "A" }')


def keys(tmp_path: Path, text: str, secret: str = SECRET) -> list[str]:
    return [fault.key for fault in production_faults(loaded(tmp_path, text, environ={"A": secret}))]


def test_a_configuration_made_for_production_passes(tmp_path: Path) -> None:
    assert keys(tmp_path, READY) == []


def test_C05_literal_secrets_are_refused_at_their_line(tmp_path: Path) -> None:
    faults = production_faults(loaded(tmp_path, SOUND))
    assert [(fault.key, fault.line) for fault in faults] == [("secret", 2), ("providers[0].client_secret", 8)]
    assert SECRET not in repr(faults)


def test_C05_a_secret_given_as_a_flag_is_a_literal(tmp_path: Path) -> None:
    faults = production_faults(loaded(tmp_path, READY, environ={"A": SECRET}, flags={"secret": SECRET}))
    assert [(fault.key, fault.file) for fault in faults] == [("secret", "flag")]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("https://gateway.example.com", "http://localhost:8080", "public_url"),
        ("https://login.example.com", "http://localhost:9400", "providers[0].issuer"),
        ("public_url", 'trusted_proxies = ["0.0.0.0/0"]\npublic_url', "trusted_proxies"),
        ("public_url", 'listen = "0.0.0.0:8080"\npublic_url', "listen"),
    ],
)
def test_what_is_for_trying_only_is_refused(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert keys(tmp_path, READY.replace(old, new, 1)) == [key]


def test_issuers_of_tokens_are_asked_by_tls(tmp_path: Path) -> None:
    safe, plain, place = "https://login.example.com", "http://localhost:9400", "routes[0].bearer[0]"
    bearer = 'bearer = { issuer = "https://login.example.com", audience = "a"'
    asked = f'{READY}{bearer}, introspection = {{ endpoint = "{safe}/introspect" }} }}\n'
    assert keys(tmp_path, asked) == []
    assert keys(tmp_path, asked.replace(f"{safe}/", f"{plain}/")) == [f"{place}.introspection.endpoint"]
    assert keys(tmp_path, f"{READY}{bearer.replace(safe, plain)} }}\n") == [f"{place}.issuer"]


def test_behind_a_named_proxy_any_interface_will_do(tmp_path: Path) -> None:
    text = f'listen = "0.0.0.0:8080"\ntrusted_proxies = ["10.0.0.0/8"]\n{READY}'
    assert keys(tmp_path, text) == []


def test_a_unix_socket_is_not_beyond_loopback(tmp_path: Path) -> None:
    assert keys(tmp_path, f'listen = "unix:{tmp_path}/s"\n{READY}') == []


def test_a_secret_of_few_different_bytes_is_refused(tmp_path: Path) -> None:
    assert keys(tmp_path, READY, secret="0123" * 16) == ["secret"]
