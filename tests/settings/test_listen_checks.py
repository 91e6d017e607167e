"""Where the gateway listens, and who comes there."""

from pathlib import Path

import pytest

from tests.fakes.configuration import SOUND, faults_by_key


def found(tmp_path: Path, text: str) -> dict[str, str]:
    return faults_by_key(tmp_path, text)


@pytest.mark.parametrize("listen", ["127.0.0.1:8081", "localhost:8081", "0.0.0.0:8081"])
def test_C04_the_admin_port_is_never_the_public_one(tmp_path: Path, listen: str) -> None:
    assert list(found(tmp_path, f'listen = "{listen}"\n{SOUND}')) == ["admin_listen"]


def test_C04_a_header_is_demanded_of_somebody(tmp_path: Path) -> None:
    text = f"proxy_protocol = true\n{SOUND}"
    assert "trusted_proxies" in found(tmp_path, text)["proxy_protocol"]
    assert found(tmp_path, f'trusted_proxies = ["10.0.0.0/8"]\n{text}') == {}
