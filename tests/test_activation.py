"""Sockets from systemd are served, and nothing else that is passed is taken for one."""

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.activation import Activation
from gateway.workers import Plan

PID = 4711


@pytest.fixture
def passed() -> Iterator[list[socket.socket]]:
    """Two listening sockets in descriptors that follow each other."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    while held[-1].fileno() != held[-2].fileno() + 1:
        held.append(socket.create_server(("127.0.0.1", 0)))
    yield held[-2:]
    for each in held:
        try:
            each.close()
        except OSError:
            each.detach()


def told(number: int, names: str = "") -> dict[str, str]:
    return {"LISTEN_PID": str(PID), "LISTEN_FDS": str(number), "LISTEN_FDNAMES": names}


def of(environ: dict[str, str], first: socket.socket) -> Activation:
    descriptor = os.dup(first.fileno())
    os.set_inheritable(descriptor, True)  # as they come
    return Activation.of(environ, pid=PID, first=descriptor)


def test_what_is_meant_for_another_process_is_left_alone(passed: list[socket.socket]) -> None:
    for environ in (
        {},
        {**told(1), "LISTEN_PID": "1"},
        told(0),
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": str(PID)},
    ):
        assert of(environ, passed[0]) == Activation()


@pytest.mark.parametrize("names", ["", "public", "vestibule.socket", "admin"])
def test_a_single_socket_is_the_public_one(passed: list[socket.socket], names: str) -> None:
    found = of(told(1, names), passed[0])
    assert found.public is not None
    assert found.public.getsockname() == passed[0].getsockname()
    assert found.admin is None
    assert not found.public.get_inheritable()
    found.public.close()


def test_two_are_told_apart_by_their_names(passed: list[socket.socket]) -> None:
    first = passed[0].fileno()
    names = [each.getsockname() for each in passed]
    for each in passed:
        each.detach()
    found = Activation.of(told(2, "admin:public"), pid=PID, first=first)
    assert found.admin is not None
    assert found.public is not None
    assert [found.admin.getsockname(), found.public.getsockname()] == names
    found.admin.close()
    found.public.close()


@pytest.mark.parametrize(
    "environ",
    [
        told(2),
        told(2, "public:public"),
        told(2, "a:b"),
        told(3, "public:admin:x"),
        told(3, "public:admin"),
        {**told(1), "LISTEN_FDS": "x"},
    ],
)
def test_sockets_that_cannot_be_told_apart_are_refused(
    passed: list[socket.socket], environ: dict[str, str]
) -> None:
    with pytest.raises(OSError, match="named public and admin"):
        Activation.of(environ, pid=PID, first=passed[0].fileno())


def test_a_unix_socket_is_served_too(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as local:
        local.bind(path)
        local.listen()
        found = of(told(1), local)
    assert found.public is not None
    assert found.public.getsockname() == path
    found.public.close()


def test_what_does_not_listen_for_streams_is_refused(tmp_path: Path) -> None:
    plain = socket.socket()
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    messages = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    messages.bind(str(tmp_path / "s"))
    messages.listen()
    for each in (plain, datagrams, messages):
        with each, pytest.raises(OSError, match="no listening TCP or Unix stream socket"):
            of(told(1), each)


async def test_all_workers_serve_the_one_socket(passed: list[socket.socket], tmp_path: Path) -> None:
    plan = Plan(command=(), where=passed[0], workers=2, folder=tmp_path)
    served: asyncio.Queue[int] = asyncio.Queue()
    for _ in range(2):
        with plan.listening() as each:
            assert each.getsockname() == passed[0].getsockname()
    async with await asyncio.start_server(lambda _r, w: (served.put_nowait(1), w.close()), sock=passed[0]):
        _, writer = await asyncio.open_connection(*passed[0].getsockname())
        assert await served.get() == 1
        writer.close()
