"""What cannot be TLS is told when it is read, at the start and at every reload."""

from pathlib import Path

import pytest

from tests.fakes.configuration import SOUND, faults_by_key
from tests.fakes.tls import Certificates


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def found(tmp_path: Path, certificates: Certificates, text: str = SOUND) -> dict[str, str]:
    return faults_by_key(tmp_path, certificates.toml + "\n" + text)


def test_a_pair_that_fits_is_none(tmp_path: Path, certificates: Certificates) -> None:
    assert found(tmp_path, certificates) == {}


def test_a_public_url_without_tls_contradicts_it(tmp_path: Path, certificates: Certificates) -> None:
    faults = found(tmp_path, certificates, SOUND.replace("https://gateway.example.com", "http://localhost"))
    assert 'write public_url = "https://localhost"' in faults["tls"]


def test_B131_a_key_of_another_certificate_is_told(tmp_path: Path, certificates: Certificates) -> None:
    key = certificates.key.read_bytes()
    certificates.renew()
    certificates.key.write_bytes(key)
    assert "mismatch" in found(tmp_path, certificates)["tls.cert"]


@pytest.mark.parametrize("content", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA"])
def test_B131_half_a_file_is_told_and_never_repeated(
    tmp_path: Path, certificates: Certificates, content: bytes
) -> None:
    for file in (certificates.cert, certificates.key):
        whole = file.read_bytes()
        file.write_bytes(content)
        assert list(found(tmp_path, certificates)) == ["tls.cert"]
        file.write_bytes(whole)


def test_C05_a_key_that_everybody_may_read_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    certificates.key.chmod(0o644)
    assert "chmod" in found(tmp_path, certificates)["tls.key"]
    certificates.key.chmod(0o640)
    assert found(tmp_path, certificates) == {}


@pytest.mark.parametrize("content", [b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA"])
def test_B131_authorities_that_are_none_are_told(
    tmp_path: Path, certificates: Certificates, content: bytes
) -> None:
    authorities = tmp_path / "clients.pem"
    authorities.write_bytes(content)
    toml = certificates.toml.replace(" }", f', client_ca = "{authorities}" }}')
    assert list(faults_by_key(tmp_path, toml + "\n" + SOUND)) == ["tls.client_ca"]
    authorities.write_bytes(certificates.cert.read_bytes())
    assert faults_by_key(tmp_path, toml + "\n" + SOUND) == {}
