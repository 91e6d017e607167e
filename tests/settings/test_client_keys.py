from pathlib import Path

import pytest

from tests.fakes.client_keys import pem
from tests.fakes.configuration import ROUTE, TOP, faults_by_key, loaded

PROVIDER = """
[[providers]]
id = "a"
issuer = "https://a.example"
client_id = "x"
client_auth = "private_key_jwt"
[[providers.keys]]
key = { file = "a.pem" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.pem").touch(mode=0o600)
    (tmp_path / "a.pem").write_text(pem())
    return tmp_path


def test_a_key_is_a_reference_and_is_never_shown(folder: Path) -> None:
    found = loaded(folder, TOP + PROVIDER + ROUTE)
    assert found.settings.providers[0].keys[0].key.get_secret_value() == pem().strip("\n")
    assert "PRIVATE" not in repr(found.settings) + repr(found.written)


def test_what_is_no_private_key_is_refused_at_its_key(folder: Path) -> None:
    (folder / "a.pem").write_text("-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n")
    found = faults_by_key(folder, TOP + PROVIDER + ROUTE)
    assert "is not a private key in PEM" in found["providers[0].keys[0].key"]


def test_an_algorithm_is_one_that_signs_with_a_private_key(folder: Path) -> None:
    found = faults_by_key(folder, TOP + PROVIDER + 'alg = "HS256"\n' + ROUTE)
    assert list(found) == ["providers[0].keys[0].alg"]
