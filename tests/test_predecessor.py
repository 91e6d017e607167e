"""What a successor has from the process before it, and when it may call that its own."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.errors import SettingsInvalid
from gateway.predecessor import SAID, VARIABLE, Predecessor, Will
from gateway.settings.loader import Loaded, load
from gateway.unix_socket import UnixSocket
from tests.fakes.ports import listening_socket

_TOML = """
public_url = "http://localhost:8080"
listen = "{listen}"
admin_listen = "127.0.0.1:{admin}"
workers = {workers}
secret = "a-secret-of-more-than-32-bytes-for-tests"
[[routes]]
upstream = "http://127.0.0.1:9"
access = "public"
"""


class Old:
    """The one before: its sockets, its end of the channel, and what it leaves."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "s"
        self.file = UnixSocket.bind(str(self.path))
        self.admin = listening_socket()
        self.channel, its = socket.socketpair()
        self.channel.settimeout(10)
        self.will = Will(
            public=(passed(self.file.sock),),
            admin=(passed(self.admin),),
            channel=its.detach(),
            listen=f"unix:{self.path}",
            admin_listen="127.0.0.1:8081",
            file=self.file.mark,
        )

    @property
    def environ(self) -> dict[str, str]:
        return {VARIABLE: msgspec.json.encode(self.will).decode()}

    def loaded(self, *, listen: str = "", admin: int = 8081, workers: int = 1) -> Loaded:
        path = self.folder / "gateway.toml"
        path.write_text(
            _TOML.format(listen=listen or self.will.listen, admin=admin, workers=workers), encoding="utf-8"
        )
        return load(path, environ={})

    def successor(self) -> Predecessor:
        found = Predecessor.of(self.environ, self.loaded())
        assert found is not None
        return found


def passed(sock: socket.socket) -> int:
    number = os.dup(sock.fileno())
    os.set_inheritable(number, True)  # as every descriptor of a program that was just started
    return number


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    old = Old(tmp_path)
    yield old
    old.channel.close()
    old.admin.close()
    old.file.remove()


def close(successor: Predecessor) -> None:
    for each in (*successor.public, *successor.admin):
        each.close()


def test_who_is_nobodys_successor_inherits_nothing(old: Old) -> None:
    assert Predecessor.of({}, old.loaded(workers=2)) is None


async def test_the_sockets_are_there_and_everything_is_ours_once_the_old_one_lets_go(old: Old) -> None:
    successor = old.successor()
    [public], [admin] = successor.public, successor.admin
    assert (public.getsockname(), admin.getsockname()) == (str(old.path), old.admin.getsockname())
    assert not public.get_inheritable()
    over = asyncio.Event()
    successor.attend(over)
    taking = asyncio.create_task(successor.taken_over())
    assert await asyncio.to_thread(old.channel.recv, 1) == SAID
    assert not taking.done()
    old.channel.send(SAID)
    async with asyncio.timeout(10):
        file = await taking
    assert not over.is_set()
    assert file is not None
    assert old.path.is_socket()
    file.remove()
    assert not old.path.exists()
    close(successor)


async def test_a_socket_whose_file_is_another_programs_stays_its(old: Old) -> None:
    old.will = msgspec.structs.replace(old.will, file=None)
    successor = old.successor()
    successor.attend(asyncio.Event())
    old.channel.send(SAID)
    async with asyncio.timeout(10):
        assert await successor.taken_over() is None
    close(successor)
    assert old.path.is_socket()


async def test_it_ends_with_an_old_one_that_ends_before_it_let_go(old: Old) -> None:
    successor, over = old.successor(), asyncio.Event()
    successor.attend(over)
    old.channel.close()
    taking = asyncio.create_task(successor.taken_over())
    async with asyncio.timeout(10):
        await over.wait()
    assert not taking.done()
    taking.cancel()
    close(successor)


async def test_nothing_is_served_before_it_can_be_or_it_is_over(old: Old) -> None:
    successor, over, answers = old.successor(), asyncio.Event(), iter([False, True])

    async def fit() -> bool:
        return next(answers)

    async def never() -> bool:
        return False

    async with asyncio.timeout(10):
        await successor.kept_until(fit)
        successor.attend(over)
        waiting = asyncio.create_task(successor.kept_until(never))
        await asyncio.sleep(0)
        old.channel.close()
        await waiting
    close(successor)


def test_C02_other_addresses_and_several_workers_are_refused_with_every_fault(old: Old) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Predecessor.of(old.environ, old.loaded(listen="127.0.0.1:8080", admin=8082, workers=2))
    assert [fault.key for fault in caught.value.faults] == ["listen", "admin_listen", "workers"]
    assert "cannot change by a handover" in str(caught.value)
    assert "gateway.toml:3" in str(caught.value)
    for each in (*old.will.public, *old.will.admin, old.will.channel):
        os.close(each)
