"""Where the gateway listens, and who comes there."""

import socket
from pathlib import Path

import pytest

from tests.fakes.configuration import SOUND, faults_by_key, faults_of


def found(tmp_path: Path, text: str) -> dict[str, str]:
    return faults_by_key(tmp_path, text)


@pytest.mark.parametrize("listen", ["127.0.0.1:8081", "localhost:8081", "0.0.0.0:8081"])
def test_C04_the_admin_port_is_never_the_public_one(tmp_path: Path, listen: str) -> None:
    assert list(found(tmp_path, f'listen = "{listen}"\n{SOUND}')) == ["admin_listen"]


def test_a_contradiction_with_a_default_is_told_in_the_line_of_what_was_written(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, f'listen = "127.0.0.1:8081"\n{SOUND}')
    assert (fault.key, fault.line) == ("admin_listen", 1)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_C04_what_is_no_socket_is_never_in_the_way(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "gateway.sock"
    text = f'listen = "unix:{place}"\n{SOUND}'
    assert found(tmp_path, text) == {}
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(place))
        assert found(tmp_path, text) == {}
    place.unlink()
    {"file": place.touch, "folder": place.mkdir, "link": lambda: place.symlink_to(tmp_path)}[kind]()
    assert "no socket" in found(tmp_path, text)["listen"]


@pytest.mark.parametrize("path", ["run/gateway.sock", "//run/gateway.sock", "", "/a b", "/" + "a" * 107])
def test_a_socket_has_a_path_that_is_one(tmp_path: Path, path: str) -> None:
    assert list(found(tmp_path, f'listen = "unix:{path}"\n{SOUND}')) == ["listen"]


def test_the_admin_port_is_no_unix_socket(tmp_path: Path) -> None:
    assert list(found(tmp_path, f'admin_listen = "unix:/run/a.sock"\n{SOUND}')) == ["admin_listen"]


def test_C04_a_unix_peer_is_trusted_where_one_can_come(tmp_path: Path) -> None:
    trusting = f'trusted_proxies = ["unix:", "10.0.0.0/8"]\n{SOUND}'
    assert list(found(tmp_path, trusting)) == ["trusted_proxies"]
    assert found(tmp_path, f'listen = "unix:{tmp_path}/s"\n{trusting}') == {}
    assert list(found(tmp_path, f'trusted_proxies = ["unix:/run/s"]\n{SOUND}')) == ["trusted_proxies[0]"]


def test_I20_an_upstream_is_not_the_gateways_own_socket(tmp_path: Path) -> None:
    own = f"unix:{tmp_path}/gateway.sock"
    route = '\n[[routes]]\npath = "/x"\nupstream = "own"\n'
    text = f'listen = "{own}"\n{SOUND}{route}[upstreams.own]\nurls = ["{own}"]\n'
    assert "call itself" in found(tmp_path, text)["upstreams.own.urls[0]"]
    assert found(tmp_path, text.replace(f'urls = ["{own}', f'urls = ["{own}2')) == {}


def test_C04_a_header_is_demanded_of_somebody(tmp_path: Path) -> None:
    text = f"proxy_protocol = true\n{SOUND}"
    assert "trusted_proxies" in found(tmp_path, text)["proxy_protocol"]
    assert found(tmp_path, f'trusted_proxies = ["10.0.0.0/8"]\n{text}') == {}
