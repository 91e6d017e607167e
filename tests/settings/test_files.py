import os
from pathlib import Path

import pytest

from tests.fakes.configuration import SOUND, faults_by_key, loaded

UPSTREAM = '[upstreams.a]\nurls = ["https://10.0.0.1"]\ntls = { ca = "%s" }\n'


@pytest.mark.parametrize("name", ["", "gone.pem", ".", "a/../gone.pem", "pipe"])
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "upstreams.a.tls.ca" in faults_by_key(tmp_path, SOUND + UPSTREAM % name)


def test_a_file_is_found_from_the_configurations_own_directory(tmp_path: Path) -> None:
    from tests.fakes.certificates import write_certificates

    write_certificates(tmp_path / "certs")
    found = loaded(tmp_path, SOUND + UPSTREAM % "certs/internal-ca.pem").settings
    assert found.upstreams["a"].tls.ca == str(tmp_path / "certs/internal-ca.pem")
