"""How a process starts the one that is to take over, told by small programs in its place."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway import successor
from gateway.ports import Ports
from gateway.predecessor import VARIABLE, Will
from gateway.successor import Start, Successor
from gateway.unix_socket import UnixSocket

CHANNEL = 6
"""Its number, after three sockets that are passed."""

SERVES = f"echo >&{CHANNEL}; read it <&{CHANNEL}; exit 7"
LISTEN, ADMIN = "unix:/s", "127.0.0.1:8081"


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    file = UnixSocket.bind(str(tmp_path / "s"))
    admin = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = Ports(public=(file.sock,), admin=admin, file=file)
    yield ports
    ports.close()


def shell(script: str, **environ: str) -> Start:
    return Start(command=("sh", "-c", script), environ={**os.environ, **environ}, pid=os.getpid())


def started(ports: Ports, how: Start) -> Successor:
    return Successor.start(how, ports, listen=LISTEN, admin_listen=ADMIN)


async def test_it_has_the_sockets_and_is_told_what_they_are(ports: Ports, tmp_path: Path) -> None:
    script = f'printf %s "${VARIABLE}" > will; printf %s "$LISTEN_PID$WATCHDOG_PID$NOTIFY_SOCKET" > rest; '
    script += f"for each in /proc/$$/fd/*; do readlink $each; done > sockets; {SERVES}"
    how = shell(f"cd {tmp_path}; {script}", LISTEN_PID="1", WATCHDOG_PID="1", NOTIFY_SOCKET="/n")
    child = started(ports, how)
    async with asyncio.timeout(20):
        assert await child.serves()
        assert child.let_go()
        assert await child.ended() == 7
    will = msgspec.json.decode((tmp_path / "will").read_bytes(), type=Will)
    assert ports.file is not None
    assert will == Will(
        public=(3,), admin=(4, 5), channel=6, listen=LISTEN, admin_listen=ADMIN, file=ports.file.mark
    )
    assert (tmp_path / "rest").read_text() == "/n", "what systemd means for one process alone is left out"
    theirs = (tmp_path / "sockets").read_text().splitlines()
    ours = [os.readlink(f"/proc/self/fd/{each.fileno()}") for each in (*ports.public, *ports.admin)]
    assert [name for name in theirs if name in ours] == ours
    assert sum(name.startswith("socket:") for name in theirs) <= 4 + _standard_sockets(), (
        "and no other of ours"
    )


def _standard_sockets() -> int:
    return sum(os.readlink(f"/proc/self/fd/{number}").startswith("socket:") for number in range(3))


async def test_one_that_ends_does_not_serve_and_hears_nothing(ports: Ports) -> None:
    child = started(ports, shell("exit 3"))
    async with asyncio.timeout(20):
        assert not await child.serves()
        assert not child.let_go()
        assert await child.kill() == 3


async def test_one_that_hangs_is_killed_by_its_own_number(ports: Ports) -> None:
    child = started(ports, shell("exec sleep 600"))
    async with asyncio.timeout(20):
        assert await child.kill() == -signal.SIGKILL
    child.reload()  # too late, and no fault


async def test_C01_one_that_drains_is_waited_for(ports: Ports) -> None:
    child = started(ports, shell(f"trap 'exit 0' TERM; echo >&{CHANNEL}; while :; do sleep 0.05; done"))
    async with asyncio.timeout(20):
        assert await child.serves()
        await child.drain()
        assert await child.ended() == 0


async def test_C01_one_that_takes_too_long_or_is_not_waited_for_any_more_is_killed(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = shell(f"trap '' TERM; echo >&{CHANNEL}; exec sleep 600")
    child = started(ports, stubborn)
    async with asyncio.timeout(20):
        assert await child.serves()
        draining = asyncio.create_task(child.drain())
        await asyncio.sleep(0)
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)
        assert await child.ended() == -signal.SIGKILL
        monkeypatch.setattr(successor, "DRAIN", 0.05)
        child = started(ports, stubborn)
        assert await child.serves()
        await child.drain()
        assert await child.ended() == -signal.SIGKILL


async def test_a_program_that_is_not_there_is_an_error(ports: Ports) -> None:
    with pytest.raises(FileNotFoundError):
        started(ports, Start(command=("/nowhere/gateway",), environ={}, pid=2))


def test_a_script_is_run_by_itself_and_anything_else_as_it_was(tmp_path: Path) -> None:
    script = tmp_path / "gateway"
    script.write_text("#!/usr/lib/new/bin/python\n")
    argv = [str(script), "run", "--config", "x"]
    assert _command(argv, [sys.executable, *argv]) == (sys.executable, *argv), "it may not be run"
    script.chmod(0o755)
    assert _command(argv, ["/usr/lib/old/bin/python", *argv]) == tuple(argv)
    with_options = ["python", "-OO", *argv]
    assert _command(argv, with_options) == tuple(with_options)
    module = ["python", "-m", "gateway", "run"]
    assert _command([str(script), "run"], module) == tuple(module)


def _command(argv: list[str], original: list[str]) -> tuple[str, ...]:
    return tuple(Start.of(argv, original=original, environ={}, pid=2).command)


@pytest.mark.parametrize(
    ("pid", "environ", "word"),
    [
        (1, {"NOTIFY_SOCKET": "/n"}, "container"),
        (2, {"SYSTEMD_EXEC_PID": "2"}, "Type=notify"),
        (2, {"SYSTEMD_EXEC_PID": "2", "NOTIFY_SOCKET": "/n"}, ""),
        (2, {"SYSTEMD_EXEC_PID": "3"}, ""),
        (2, {}, ""),
    ],
)
def test_where_a_successor_would_end_with_us_there_is_none(
    pid: int, environ: dict[str, str], word: str
) -> None:
    obstacle = Start(command=(), environ=environ, pid=pid).obstacle
    assert word in obstacle
    assert bool(word) is bool(obstacle)
