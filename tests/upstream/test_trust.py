import ssl
from pathlib import Path

import pytest

from gateway.model.upstream import Trust
from gateway.upstream.trust import context_for
from tests.fakes.certificates import write_certificates


def test_name_and_certificate_are_always_verified(tmp_path: Path) -> None:
    write_certificates(tmp_path / "certs")
    for trust in (Trust(), Trust(ca=str(tmp_path / "certs/internal-ca.pem"))):
        context = context_for(trust)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_only_the_authorities_that_are_named_count(tmp_path: Path) -> None:
    write_certificates(tmp_path / "certs")
    assert context_for(Trust(ca=str(tmp_path / "certs/internal-ca.pem"))).cert_store_stats()["x509"] == 1


@pytest.mark.parametrize("name", ["gone.pem", "note"])
def test_a_file_that_holds_something_else_is_no_trust(tmp_path: Path, name: str) -> None:
    (tmp_path / "note").write_text("a note")
    for trust in (Trust(ca=str(tmp_path / name)), Trust(client_cert=str(tmp_path / name))):
        with pytest.raises(OSError):  # noqa: PT011 - whatever its number
            context_for(trust)


def test_we_come_with_a_certificate_where_one_is_named(tmp_path: Path) -> None:
    write_certificates(tmp_path / "certs")
    pair = {"client_cert": "gateway.pem", "client_key": "gateway.key"}
    context_for(Trust(**{key: str(tmp_path / "certs" / name) for key, name in pair.items()}))
