import asyncio
import socket
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from gateway.cli import check, healthcheck, routes
from gateway.cli.healthcheck import command, ready
from tests.fakes.configuration import SOUND, write
from tests.fakes.gateway import RunningGateway, running_gateway
from tests.fakes.ports import free_port
from tests.fakes.upstream import RecordingUpstream


def asked(config: Path) -> Result:
    return CliRunner().invoke(command, ["--config", str(config)])


def config_of(gateway: RunningGateway) -> Path:
    return gateway.folder / f"gateway-{gateway.port}.toml"


async def test_a_running_gateway_is_ready_and_a_draining_one_is_not(tmp_path: Path) -> None:
    async with (
        RecordingUpstream() as app,
        running_gateway(tmp_path, upstream=app.url, route_keys='access = "public"') as gateway,
    ):
        config = config_of(gateway)
        result = await asyncio.to_thread(asked, config)
        assert (result.exit_code, result.output) == (0, "ready\n")
        gateway.app._stage.draining = True
        result = await asyncio.to_thread(asked, config)
        assert result.exit_code == 1
        assert result.stderr == f"not ready: 127.0.0.1:{gateway.admin_port}\n"
    result = await asyncio.to_thread(asked, config)
    assert result.exit_code == 1, "it has stopped"


async def test_other_commands_work_beside_a_running_gateway(tmp_path: Path) -> None:
    async with (
        RecordingUpstream() as app,
        running_gateway(tmp_path, upstream=app.url, route_keys='access = "public"') as gateway,
    ):
        config = str(config_of(gateway))
        checked = await asyncio.to_thread(CliRunner().invoke, check.command, ["--config", config])
        assert checked.exit_code == 0, checked.output
        assert f'public_url = "{gateway.url}"' in checked.output
        listed = await asyncio.to_thread(CliRunner().invoke, routes.command, ["--config", config])
        assert app.url in listed.output
        assert app.connections == 0


def test_an_unreadable_configuration_is_told(tmp_path: Path) -> None:
    assert asked(tmp_path / "none.toml").exit_code == 2
    assert asked(write(tmp_path, SOUND + "acess = 1\n")).exit_code == 1


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", b"nonsense\r\n\r\n", b""]
)
def test_whatever_is_not_200_is_not_ready(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=answer_once, args=(server, said))
        thread.start()
        assert not ready("127.0.0.1", server.getsockname()[1])
        thread.join()


def answer_once(server: socket.socket, said: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(said)


def test_nobody_there_is_not_ready() -> None:
    assert not ready("127.0.0.1", free_port())


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck, "PATIENCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not ready("127.0.0.1", server.getsockname()[1])


def test_an_address_for_everybody_is_asked_on_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=answer_once, args=(server, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        thread.start()
        assert ready("0.0.0.0", server.getsockname()[1])
        thread.join()
