from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from gateway.keys.certificate import expires_at

END = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_the_end_of_the_first_certificate_counts(tmp_path: Path) -> None:
    authority = trustme.CA()
    first = authority.issue_cert("a.example", not_after=END).cert_chain_pems[0].bytes()
    other = authority.issue_cert("b.example").cert_chain_pems[0].bytes()
    (tmp_path / "chain.pem").write_bytes(first + other)
    assert expires_at(str(tmp_path / "chain.pem")) == END.timestamp()


@pytest.mark.parametrize("content", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_has_no_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "chain.pem").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        expires_at(str(tmp_path / "chain.pem"))
