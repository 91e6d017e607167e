"""`tls` in a configuration: two files, both needed, or nothing."""

from pathlib import Path

from tests.fakes.configuration import SOUND, faults_by_key, loaded
from tests.fakes.tls import Certificates


def test_without_a_word_the_port_is_plain(tmp_path: Path) -> None:
    assert loaded(tmp_path, SOUND).settings.tls is None


def test_both_files_are_needed_and_resolved_from_the_configurations_folder(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    found = loaded(tmp_path, 'tls = { cert = "tls.pem", key = "tls.key" }\n' + SOUND)
    assert found.settings.tls is not None
    assert found.settings.tls.cert == str(certificates.cert)
    assert {certificates.cert, certificates.key} <= set(found.files)
    faults = faults_by_key(tmp_path, 'tls = { cert = "tls.pem" }\n' + SOUND)
    assert list(faults) == ["tls.key"]
    assert list(faults_by_key(tmp_path, 'tls = { cert = "no.pem", key = "tls.key" }\n' + SOUND)) == [
        "tls.cert"
    ]
