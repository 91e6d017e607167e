"""What `gateway run` says before it serves; that it serves is the journeys' to prove."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.run import command
from tests.fakes.client_keys import pem
from tests.fakes.configuration import PROVIDER, ROUTE, SOUND, TOP, write
from tests.fakes.ports import free_port


def run(directory: Path, text: str) -> Result:
    return CliRunner().invoke(command, ["--config", str(write(directory, text))])


def listening(port: int, admin_port: int) -> str:
    return f'listen = "127.0.0.1:{port}"\nadmin_listen = "127.0.0.1:{admin_port}"\n'


def test_B146_every_fault_is_told_at_once_and_nothing_served(tmp_path: Path) -> None:
    result = run(tmp_path, "leese = 1\n" + TOP + PROVIDER + ROUTE + 'acess = "public"\n')
    assert result.exit_code == 1
    assert "gateway.toml:1: leese" in result.stderr
    assert "acess" in result.stderr
    assert result.stdout == ""


def test_without_a_configuration_it_ends_with_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 2
    assert "none.toml" in result.stderr


@pytest.mark.parametrize("taken", ["public", "admin"])
def test_a_taken_port_is_one_sentence(tmp_path: Path, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ports = (port, free_port()) if taken == "public" else (free_port(), port)
        database = f'[database]\nurl = "sqlite:///{tmp_path}/gateway.db"\n'
        result = run(tmp_path, TOP + listening(*ports) + database + PROVIDER + ROUTE)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"the gateway cannot listen on 127.0.0.1:{port}: ")
    assert len(result.stderr.splitlines()) == 1


def test_C04_a_key_that_is_of_no_use_is_told_with_its_line(tmp_path: Path) -> None:
    client = 'client_auth = "private_key_jwt"\n[[providers.keys]]\nkey = """' + pem("X25519") + '"""\n'
    provider = PROVIDER.replace('client_secret = "not-so-secret"\n', client)
    database = f'[database]\nurl = "sqlite:///{tmp_path}/gateway.db"\n'
    result = run(tmp_path, TOP + listening(free_port(), free_port()) + database + provider + ROUTE)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{tmp_path}/gateway.toml:14: providers[0].keys[0].key: is of a curve")
    assert len(result.stderr.splitlines()) == 1


def test_D11_an_unusable_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"no database at all\n" * 400)
    database = f'[database]\nurl = "sqlite:///{tmp_path}/gateway.db"\n'
    result = run(tmp_path, SOUND.replace(PROVIDER, database + PROVIDER))
    assert result.exit_code == 1
    assert result.stderr.startswith("the gateway cannot start: the database ")
    assert len(result.stderr.splitlines()) == 1
