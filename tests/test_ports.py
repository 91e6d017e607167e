"""The sockets of a process that serves alone: bound where none were passed, and its own to close."""

import socket
from pathlib import Path

import pytest

from gateway.ports import Ports, admin_sockets
from gateway.settings.loader import load
from gateway.settings.schema import Settings
from tests.fakes.ports import free_port, listening_socket

_TOML = """
public_url = "http://localhost:8080"
listen = "{listen}"
admin_listen = "localhost:{admin}"
secret = "a-secret-of-more-than-32-bytes-for-tests"
[[routes]]
upstream = "http://127.0.0.1:9"
access = "public"
"""


def settings(folder: Path, *, listen: str, admin: int) -> Settings:
    path = folder / "gateway.toml"
    path.write_text(_TOML.format(listen=listen, admin=admin))
    return load(path, environ={}).settings


def test_what_was_passed_is_served_in_the_place_of_what_is_configured(tmp_path: Path) -> None:
    asked = settings(tmp_path, listen=f"unix:{tmp_path}/s", admin=free_port())
    with listening_socket() as public, listening_socket() as admin:
        ports = Ports.bound(asked, public=(public,), admin=(admin,))
        assert (ports.public, ports.admin, ports.file) == ((public,), (admin,), None)
        assert admin_sockets(asked, passed=admin) == (admin,)
        ports.close()
        assert (public.fileno(), admin.fileno()) == (-1, -1)
    assert not (tmp_path / "s").exists()


def test_every_address_of_a_host_is_served(tmp_path: Path) -> None:
    admin = free_port()
    ports = Ports.bound(settings(tmp_path, listen="127.0.0.1:0", admin=admin))
    found = socket.getaddrinfo("localhost", admin, type=socket.SOCK_STREAM)
    assert {each.getsockname() for each in ports.admin} == {address for *_, address in found}
    assert [each.getsockname()[0] for each in ports.public] == ["127.0.0.1"]
    ports.close()


def test_the_file_of_a_unix_socket_goes_with_it_unless_it_is_anothers_by_then(tmp_path: Path) -> None:
    place = tmp_path / "s"
    asked = settings(tmp_path, listen=f"unix:{place}", admin=free_port())
    first = Ports.bound(asked)
    first.file = None
    first.close()
    assert place.is_socket()
    second = Ports.bound(asked)
    second.close()
    assert not place.exists()


def test_a_port_that_cannot_be_had_leaves_nothing_open(tmp_path: Path) -> None:
    admin = free_port()
    with listening_socket() as other:
        other.listen()
        taken = settings(tmp_path, listen=f"127.0.0.1:{other.getsockname()[1]}", admin=admin)
        with pytest.raises(OSError, match="in use"):
            Ports.bound(taken)
    Ports.bound(settings(tmp_path, listen="127.0.0.1:0", admin=admin)).close()
