"""The gateway's own Unix socket: never taken from somebody, never left behind, never open to all."""

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path

import pytest

from gateway import unix_socket
from gateway.unix_socket import UnixSocket
from tests.fakes.front import front
from tests.fakes.gateway import HOST, running_gateway
from tests.fakes.raw_client import RawConnection, get
from tests.test_supervision import two_workers

POST = b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Length: 2\r\n\r\nhi" % HOST.encode()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_owner_and_group_may_connect_and_nobody_else(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        made = UnixSocket.bind(str(tmp_path / "s"))
    finally:
        os.umask(before)
    mode = (tmp_path / "s").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660
    made.remove()
    assert list(tmp_path.iterdir()) == []


def test_it_is_open_to_nobody_else_from_its_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "chmod", lambda *_: None)  # what comes after that moment
    before = os.umask(0)
    try:
        made = UnixSocket.bind(str(tmp_path / "s"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660
    made.remove()


def test_what_nobody_answers_at_is_taken_and_what_somebody_does_is_not(tmp_path: Path) -> None:
    place = tmp_path / "s"
    first = UnixSocket.bind(str(place))
    with pytest.raises(OSError, match="somebody listens") as caught:
        UnixSocket.bind(str(place))
    assert caught.value.errno == errno.EADDRINUSE
    first.sock.close()  # as a process that was killed leaves it
    second = UnixSocket.bind(str(place))
    first.remove()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place))
    second.remove()
    assert not place.exists()


def test_one_whose_queue_is_full_is_somebodys(tmp_path: Path) -> None:
    made = UnixSocket.bind(str(tmp_path / "s"))
    made.sock.listen(0)
    waiting = []
    try:
        while True:
            client = socket.socket(socket.AF_UNIX)
            waiting.append(client)
            client.setblocking(False)
            if client.connect_ex(str(tmp_path / "s")):
                break
        with pytest.raises(OSError, match="somebody listens"):
            UnixSocket.bind(str(tmp_path / "s"))
    finally:
        for each in waiting:
            each.close()
        made.remove()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_only_a_socket_is_ever_removed(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "s"
    other = UnixSocket.bind(str(tmp_path / "other"))
    {"file": place.touch, "folder": place.mkdir, "link": lambda: place.symlink_to(tmp_path / "other")}[kind]()
    with pytest.raises(OSError, match="is no socket"):
        UnixSocket.bind(str(place))
    assert place.exists()
    other.remove()


def test_what_is_another_by_now_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "s"
    made = UnixSocket.bind(str(place))
    place.unlink()
    place.write_text("not ours")
    made.remove()
    assert place.read_text() == "not ours"
    place.unlink()
    made.remove()


def test_without_its_folder_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        UnixSocket.bind(str(tmp_path / "nowhere" / "s"))


def test_a_folder_that_stays_locked_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unix_socket, "_PATIENCE", 0.2)
    held = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_SH)  # as little as keeps another from having it alone
        with pytest.raises(OSError, match="locked"):
            UnixSocket.bind(str(tmp_path / "s"))
    finally:
        os.close(held)
    UnixSocket.bind(str(tmp_path / "s")).remove()


# A gateway there.


async def test_both_lanes_serve_it_and_it_is_removed_at_the_end(tmp_path: Path) -> None:
    place = tmp_path / "gateway.sock"
    async with front(tmp_path, listen=f"unix:{place}") as door:
        async with await RawConnection.open_unix(str(place)) as client:
            for request in (get("/a", host=HOST), get("/b", host=HOST), POST, get("/c", host=HOST)):
                await client.write(request)
                assert (await client.answer()).body == b"hello"
        assert all(b"\r\nX-Forwarded-For: unknown\r\n" in each for each in door.upstream.requests)
        assert len(door.upstream.requests) == 4
    assert not place.exists()
    assert {line["client_ip"] for line in door.gateway.events("request")} == {"unix:"}


@pytest.mark.parametrize(
    ("trusted", "client"), [("", "unix:"), ('trusted_proxies = ["unix:"]', "203.0.113.9")]
)
async def test_I07_who_comes_by_it_is_believed_where_it_is_trusted(
    tmp_path: Path, trusted: str, client: str
) -> None:
    place = tmp_path / "gateway.sock"
    async with front(tmp_path, listen=f"unix:{place}", top=trusted) as door:
        async with await RawConnection.open_unix(str(place)) as proxy:
            await proxy.write(get("/", "X-Forwarded-For: 203.0.113.9", host=HOST))
            assert (await proxy.answer()).status == 200
        told = b"203.0.113.9, unknown" if trusted else b"unknown"
        assert b"\r\nX-Forwarded-For: %b\r\n" % told in door.upstream.requests[-1]
    assert [line["client_ip"] for line in door.gateway.events("request")] == [client]


async def test_I21_a_header_there_names_the_client(tmp_path: Path) -> None:
    place = tmp_path / "gateway.sock"
    top = 'trusted_proxies = ["unix:"]\nproxy_protocol = true\n'
    async with front(tmp_path, listen=f"unix:{place}", top=top) as door:
        async with await RawConnection.open_unix(str(place)) as proxy:
            await proxy.write(b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n" + get("/", host=HOST))
            assert (await proxy.answer()).status == 200
        assert b"\r\nX-Forwarded-For: 203.0.113.9\r\n" in door.upstream.requests[-1]
        async with await RawConnection.open_unix(str(place)) as proxy:
            await proxy.write(get("/", host=HOST))
            assert await proxy.rest() == b""


async def test_U04_the_share_of_one_address_is_nobodys_here(tmp_path: Path) -> None:
    place = tmp_path / "gateway.sock"
    limits = "[limits]\nconnections_per_address = 1\n"
    async with (
        front(tmp_path, listen=f"unix:{place}", tables=limits),
        await RawConnection.open_unix(str(place)),
        await RawConnection.open_unix(str(place)) as second,
    ):
        await second.write(get("/", host=HOST))
        assert (await second.answer()).status == 200


async def test_networks_let_nobody_pass_whose_address_is_unknown(tmp_path: Path) -> None:
    place = tmp_path / "gateway.sock"
    keys = 'access = "public"\nnetworks = ["0.0.0.0/0", "::/0"]'
    async with (
        front(tmp_path, listen=f"unix:{place}", route_keys=keys),
        await RawConnection.open_unix(str(place)) as client,
    ):
        await client.write(get("/", host=HOST))
        assert (await client.answer()).status == 403


async def test_a_second_gateway_leaves_the_first_its_socket(tmp_path: Path) -> None:
    place = tmp_path / "gateway.sock"
    async with front(tmp_path, listen=f"unix:{place}"):
        with pytest.raises(OSError, match="somebody listens"):
            async with running_gateway(
                tmp_path,
                upstream="http://127.0.0.1:1",
                route_keys='access = "public"',
                listen=f"unix:{place}",
            ):
                raise AssertionError("it started")
        async with await RawConnection.open_unix(str(place)) as client:
            await client.write(get("/", host=HOST))
            assert (await client.answer()).status == 200


async def test_all_workers_serve_it_and_it_goes_with_the_supervisor(tmp_path: Path) -> None:
    place = tmp_path / "gateway.sock"
    async with two_workers(tmp_path, environ={"GATEWAY_LISTEN": f"unix:{place}"}) as (gateway, app):
        for _ in range(8):
            async with await RawConnection.open_unix(str(place)) as client:
                await client.write(get("/", host=f"localhost:{gateway.port}"))
                assert (await client.answer()).status == 200
        assert len(app.requests) == 8
    assert not place.exists()
