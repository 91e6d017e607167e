from pathlib import Path

import pytest

from tests.fakes.certificates import write_certificates
from tests.fakes.configuration import SOUND, faults_by_key


def found(tmp_path: Path, urls: str, more: str = "") -> dict[str, str]:
    return faults_by_key(tmp_path, f"{SOUND}[upstreams.a]\nurls = [{urls}]\n{more}\n")


def test_an_app_listens_somewhere(tmp_path: Path) -> None:
    assert "no place" in found(tmp_path, "")["upstreams.a.urls"]


def test_a_member_is_named_once(tmp_path: Path) -> None:
    faults = found(tmp_path, '"http://10.0.0.1", "http://10.0.0.1:80/"')
    assert list(faults) == ["upstreams.a.urls[1]"]


@pytest.mark.parametrize(("key", "value"), [("balance", "round_robin"), ("slow_start", "10s")])
def test_one_member_shares_with_nobody(tmp_path: Path, key: str, value: str) -> None:
    line = f'{key} = "{value}"'
    assert "there is one" in found(tmp_path, '"http://10.0.0.1"', line)[f"upstreams.a.{key}"]
    assert found(tmp_path, '"http://10.0.0.1", "http://10.0.0.2"', line) == {}


def test_tls_needs_https(tmp_path: Path) -> None:
    faults = found(tmp_path, '"http://10.0.0.1"', 'tls = { server_name = "app" }')
    assert "never used" in faults["upstreams.a.tls"]


def test_files_hold_what_their_keys_say(tmp_path: Path) -> None:
    write_certificates(tmp_path / "certs")
    (tmp_path / "note").write_text("a note")
    urls = '"https://10.0.0.1"'
    pair = 'client_cert = "certs/gateway.pem", client_key = "certs/gateway.key"'
    assert found(tmp_path, urls, f'tls = {{ ca = "certs/internal-ca.pem", {pair} }}') == {}
    assert "no certificates" in found(tmp_path, urls, 'tls = { ca = "note" }')["upstreams.a.tls.ca"]
    alone = found(tmp_path, urls, 'tls = { client_cert = "certs/gateway.pem" }')
    assert "plain key" in alone["upstreams.a.tls.client_cert"]
    keyless = found(tmp_path, urls, 'tls = { client_key = "certs/gateway.key" }')
    assert "no certificate" in keyless["upstreams.a.tls.client_key"]
