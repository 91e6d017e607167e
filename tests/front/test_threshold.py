"""What comes before HTTP: a PROXY header from whom it is due, a handshake, and neither for ever."""

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.front.crowd import Crowd
from gateway.front.limits import Limits
from gateway.front.server import Server
from gateway.front.threshold import Arrival, Threshold, bound_to
from gateway.front.tls import server_context
from gateway.observe.metrics import Metrics
from tests.fakes.front import Door, anybody, front
from tests.fakes.gateway import HOST
from tests.fakes.ports import listening_socket
from tests.fakes.raw_client import RawAnswer, RawConnection, get, send_raw
from tests.fakes.tls import Certificates, exchange

DEMANDED = 'proxy_protocol = true\ntrusted_proxies = ["127.0.0.1/32"]\n'
CLIENT = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n"
OTHER = b"PROXY TCP4 203.0.113.77 192.0.2.1 40000 443\r\n"
BINARY = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x09\xc0\x00\x02\x01\x9c\x40\x01\xbb"
LOCAL = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"
GET = get("/", host=HOST)
LAST = get("/", "Connection: close", host=HOST)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


async def opened(door: Door, header: bytes) -> RawConnection:
    client = await door.open()
    await client.write(header)
    return client


async def asked(door: Door, header: bytes) -> RawAnswer:
    async with await opened(door, header + GET) as client:
        return await client.answer()


async def shut(client: RawConnection) -> bytes:
    """Wait until the gateway closes; return what it said."""
    return await client.rest()


async def metric(door: Door, name: str) -> float:
    answer, _ = await send_raw(door.gateway.admin_port, get("/metrics", host="127.0.0.1"))
    found = re.search(rb"^" + re.escape(name.encode()) + rb" (.+)$", answer.body, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def until(door: Door, name: str, value: float) -> None:
    async with asyncio.timeout(15):
        while await metric(door, name) != value:
            await asyncio.sleep(0.01)


def forwarded_for(request: bytes) -> list[bytes]:
    return re.findall(rb"^X-Forwarded-For: (.*)\r$", request, re.MULTILINE)


# Who the client is.


@pytest.mark.parametrize(
    ("header", "client"), [(CLIENT, "203.0.113.9"), (BINARY, "203.0.113.9"), (LOCAL, "127.0.0.1"),
                           (b"PROXY UNKNOWN\r\n", "127.0.0.1")]
)  # fmt: skip
async def test_I21_upstream_and_log_are_told_whom_a_trusted_header_names(
    tmp_path: Path, header: bytes, client: str
) -> None:
    async with front(tmp_path, top=DEMANDED) as door:
        assert (await asked(door, header)).status == 200
        assert forwarded_for(door.upstream.requests[-1]) == [client.encode()]
    assert [line["client_ip"] for line in door.gateway.events("request")] == [client]


async def test_both_lanes_tell_each_connections_own_client_and_all_of_its_requests(tmp_path: Path) -> None:
    post = b"POST / HTTP/1.1\r\nHost: %b\r\nContent-Length: 2\r\n\r\nhi" % HOST.encode()
    async with (
        front(tmp_path, top=DEMANDED) as door,
        await opened(door, CLIENT) as one,
        await opened(door, OTHER) as two,
    ):
        for request in (GET, GET, post, GET):
            for client, address in ((one, b"203.0.113.9"), (two, b"203.0.113.77")):
                await client.write(request)
                assert (await client.answer()).status == 200
                assert forwarded_for(door.upstream.requests[-1]) == [address]


async def test_what_the_client_says_of_itself_is_dropped_behind_a_header(tmp_path: Path) -> None:
    async with front(tmp_path, top=DEMANDED) as door:
        async with await opened(door, CLIENT + get("/", "X-Forwarded-For: 6.6.6.6", host=HOST)) as client:
            assert (await client.answer()).status == 200
        assert forwarded_for(door.upstream.requests[-1]) == [b"203.0.113.9"]


async def test_a_proxy_behind_a_balancer_is_believed_by_its_own_address(tmp_path: Path) -> None:
    top = DEMANDED.replace('"]', '", "203.0.113.9/32"]')
    async with front(tmp_path, top=top) as door:
        request = get("/", "X-Forwarded-For: 198.51.100.1", host=HOST)
        async with await opened(door, CLIENT + request) as client:
            assert (await client.answer()).status == 200
        assert forwarded_for(door.upstream.requests[-1]) == [b"198.51.100.1, 203.0.113.9"]


async def test_networks_of_a_route_are_those_of_the_client(tmp_path: Path) -> None:
    keys = 'access = "public"\nnetworks = ["203.0.113.9/32"]'
    async with front(tmp_path, top=DEMANDED, route_keys=keys) as door:
        assert (await asked(door, CLIENT)).status == 200
        assert (await asked(door, OTHER)).status == 403
        assert (await asked(door, LOCAL)).status == 403


async def test_U04_one_client_has_its_share_though_a_trusted_proxy_brings_it(tmp_path: Path) -> None:
    limits = "[limits]\nconnections_per_address = 1\n"
    async with front(tmp_path, top=DEMANDED, tables=limits) as door:
        async with await opened(door, CLIENT + GET) as first:
            assert (await first.answer()).status == 200
            async with await opened(door, CLIENT) as second:
                assert (await shut(second)).startswith(b"HTTP/1.1 503 ")
            assert (await asked(door, OTHER)).status == 200
        assert await metric(door, 'gateway_connections_refused_total{reason="address"}') == 1
        await until(door, "gateway_connections_open", 0)
        assert (await asked(door, CLIENT)).status == 200


# Who must, and who must not.


@pytest.mark.parametrize("data", [GET, b"\x16\x03\x01\x00\x05nope!", b"PROXY TCP4 1.2.3.4\r\n" + GET])
async def test_I21_a_trusted_peer_without_a_header_is_shut_out(tmp_path: Path, data: bytes) -> None:
    async with front(tmp_path, top=DEMANDED) as door:
        async with await opened(door, data) as client:
            assert await shut(client) == b""
        assert not door.upstream.requests
        assert await metric(door, 'gateway_connections_refused_total{reason="proxy_header"}') == 1
        assert await metric(door, "gateway_connections_open") == 0
    [told] = door.gateway.events("proxy_header.refused")
    assert (told["peer"], told["level"]) == ("127.0.0.1", "warning")


@pytest.mark.parametrize("top", ["", 'proxy_protocol = true\ntrusted_proxies = ["192.0.2.0/24"]\n'])
@pytest.mark.parametrize("header", [CLIENT, BINARY, LOCAL])
async def test_I21_a_header_of_a_stranger_is_a_bad_request(tmp_path: Path, top: str, header: bytes) -> None:
    async with front(tmp_path, top=top) as door:
        await door.refused(header + GET, 400)
        await door.passes(GET)
        assert forwarded_for(door.upstream.requests[-1]) == [b"127.0.0.1"]
    assert {line["client_ip"] for line in door.gateway.events("request")} == {"127.0.0.1"}


async def test_I21_a_second_header_is_a_bad_request(tmp_path: Path) -> None:
    async with front(tmp_path, top=DEMANDED) as door:
        assert (await asked(door, CLIENT + OTHER)).status == 400
        assert not door.upstream.requests


async def test_I21_a_header_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    async with front(tmp_path, top=DEMANDED, limits=Limits(handshake_time=0.2)) as door:
        for begun in (b"", CLIENT[:-1]):
            async with await opened(door, begun) as client:
                assert await shut(client) == b""
        assert not door.upstream.requests
        assert await metric(door, "gateway_connections_open") == 0
    assert [told["detail"] for told in door.gateway.events("proxy_header.refused")] == ["TimeoutError"] * 2


# Handshakes.


async def test_a_header_goes_before_the_handshake(tmp_path: Path, certificates: Certificates) -> None:
    async with front(tmp_path, top=DEMANDED + certificates.toml) as door:
        answer = await asyncio.to_thread(at_once, door.port, CLIENT, certificates.context())
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert forwarded_for(door.upstream.requests[-1]) == [b"203.0.113.9"]
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await exchange(door.port, LAST, certificates.context())


async def test_U31_a_handshake_has_a_place_and_a_time(tmp_path: Path, certificates: Certificates) -> None:
    limits = Limits(handshake_time=0.3)
    async with front(tmp_path, top=certificates.toml, limits=limits) as door:
        async with await door.open() as stuck:
            await until(door, "gateway_connections_open", 1)
            assert await shut(stuck) == b""
        assert await metric(door, "gateway_connections_open") == 0
        assert await metric(door, 'gateway_connections_refused_total{reason="handshake"}') == 1
        assert (await exchange(door.port, LAST, certificates.context())).startswith(b"HTTP/1.1 200 ")


async def test_U31_one_address_has_its_share_of_handshakes(
    tmp_path: Path, certificates: Certificates
) -> None:
    tables = "[limits]\nconnections_per_address = 2\n"
    async with front(
        tmp_path, top=certificates.toml, tables=tables, limits=Limits(handshake_time=60)
    ) as door:
        async with await door.open(), await door.open():
            await until(door, "gateway_connections_open", 2)
            async with await door.open() as third:
                assert await shut(third) == b""
        await until(door, "gateway_connections_open", 0)
        assert (await exchange(door.port, LAST, certificates.context())).startswith(b"HTTP/1.1 200 ")


async def test_U31_a_hoard_of_handshakes_keeps_nobody_out(tmp_path: Path, certificates: Certificates) -> None:
    tables = '[limits]\nconnections = 16\nconnections_per_address = "off"\n'
    async with front(
        tmp_path, top=certificates.toml, tables=tables, limits=Limits(handshake_time=60)
    ) as door:
        hoard = [await door.open() for _ in range(16)]
        await until(door, "gateway_connections_open", 16)
        assert (await exchange(door.port, LAST, certificates.context())).startswith(b"HTTP/1.1 200 ")
        assert await shut(hoard[0]) == b""
        for each in hoard:
            each.close()


async def test_C01_a_drain_does_not_wait_for_what_never_becomes_a_request(
    tmp_path: Path, certificates: Certificates
) -> None:
    patient = Limits(handshake_time=600)
    async with front(tmp_path, top=certificates.toml, limits=patient) as door, await door.open() as stuck:
        await until(door, "gateway_connections_open", 1)
        door.stopped = True
        async with asyncio.timeout(30):
            await door.gateway.app.stop(drain=600)
        assert await shut(stuck) == b""


# On both event loops, and where descriptors are rare.


class Greeter(asyncio.Protocol):
    """Says the peer it was made for, and closes."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport  # uvloop's over TLS is none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._peer.encode() + b" " + data)
        self._transport.close()


class Told:
    def event(self, level: str, name: str, facts: object) -> None:
        """Say nothing."""


@asynccontextmanager
async def threshold(
    tls: Callable[[], ssl.SSLContext] | None,
    listening: socket.socket,
    *,
    demands: bool = True,
    crowd: Crowd | None = None,
    receive: Callable[[Arrival], asyncio.Protocol] = lambda arrival: Greeter(arrival.peer),
) -> AsyncIterator[int]:
    made = Threshold(
        receive,
        demands=lambda _: demands,
        tls=tls,
        crowd=anybody() if crowd is None else crowd,
        counts=Metrics(version="1"),
        limits=Limits(),
        log=Told(),
    )
    port = listening.getsockname()[1]
    made.open([listening])
    try:
        yield port
    finally:
        await made.close(5)


def at_once(port: int, header: bytes, context: ssl.SSLContext) -> bytes:
    """Ask over TLS; *header* and the first message of the handshake leave in one write."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    with socket.create_connection(("127.0.0.1", port), timeout=15) as sock:
        before = [header]

        def done(step: Callable[[], object]) -> object:
            while True:
                try:
                    result = step()
                except ssl.SSLWantReadError:
                    sock.sendall((before.pop() if before else b"") + outgoing.read())
                    piece = sock.recv(65536)
                    incoming.write(piece) if piece else incoming.write_eof()
                else:
                    sock.sendall(outgoing.read())
                    return result

        done(tls.do_handshake)
        done(lambda: tls.write(LAST))
        answer = done(lambda: tls.read(65536))
        assert isinstance(answer, bytes)
        return answer


@pytest.mark.parametrize("loop_kind", ["asyncio", "uvloop"])
def test_C14_a_header_and_a_handshake_in_one_piece_are_told_apart(
    certificates: Certificates, loop_kind: str
) -> None:
    import uvloop

    async def story() -> None:
        context = [server_context(str(certificates.cert), str(certificates.key))]
        async with threshold(lambda: context[0], listening_socket()) as port:
            for header in (CLIENT, BINARY):
                answer = await asyncio.to_thread(at_once, port, header, certificates.context())
                assert answer == b"203.0.113.9 " + LAST
            certificates.renew()
            context[0] = server_context(str(certificates.cert), str(certificates.key))
            assert await asyncio.to_thread(at_once, port, CLIENT, certificates.context())
        async with threshold(None, listening_socket()) as port, await RawConnection.open(port) as client:
            await client.write(CLIENT + b"hello")
            assert await client.rest() == b"203.0.113.9 hello"

    factory = uvloop.new_event_loop if loop_kind == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(story())


@pytest.mark.parametrize("loop_kind", ["asyncio", "uvloop"])
def test_U05_who_gives_way_at_the_last_moment_leaves_nothing_behind(loop_kind: str) -> None:
    """Where the task that hands a connection over is cancelled, uvloop forgets to say that it is lost."""
    import uvloop

    async def never(*_: object) -> bool:
        raise NotImplementedError

    async def story() -> None:
        crowd = Crowd(most=1, most_of_one=None, exempt=lambda _: True, counts=Metrics(version="1"))
        server = Server(never, limits=Limits(), refuse=lambda error, peer: b"", crowd=crowd)
        newcomer = Arrival(socket.socket(), "192.0.2.7")

        def receive(arrival: Arrival) -> asyncio.Protocol:
            asyncio.get_running_loop().call_soon(crowd.enter, newcomer)
            return server.receive(arrival)

        with newcomer.sock:
            async with threshold(
                None, listening_socket(), demands=False, crowd=crowd, receive=receive
            ) as port:
                async with await RawConnection.open(port) as client:
                    assert await client.rest() == b""
                async with asyncio.timeout(10):
                    while server.open_connections or server.connections:
                        await asyncio.sleep(0.01)

    factory = uvloop.new_event_loop if loop_kind == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(story())


class Crammed(socket.socket):
    """A listening socket that at first has no descriptor for anybody."""

    refusals = 1

    def accept(self) -> tuple[socket.socket, object]:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


async def test_U04_who_finds_no_descriptor_waits_and_is_served() -> None:
    listening = Crammed(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    async with threshold(None, listening) as port, await RawConnection.open(port) as client:
        await client.write(CLIENT + b"hello")
        assert await client.rest() == b"203.0.113.9 hello"
        assert listening.refusals == 0


async def test_U04_nobody_asks_again_and_again_for_a_descriptor() -> None:
    listening = Crammed(socket.AF_INET, socket.SOCK_STREAM)
    listening.refusals = 1000
    listening.bind(("127.0.0.1", 0))
    async with threshold(None, listening) as port:
        with socket.create_connection(("127.0.0.1", port)):
            for _ in range(100):
                await asyncio.sleep(0)
    assert listening.refusals == 999


class Mapped(socket.socket):
    """A listening socket of both families, as systemd has it, to whom somebody comes by IPv4."""

    def accept(self) -> tuple[socket.socket, object]:
        return super().accept()[0], ("::ffff:192.0.2.7", 40_000, 0, 0)


async def test_I21_an_address_is_spelled_alike_whichever_socket_it_came_by() -> None:
    listening = Mapped(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    async with (
        threshold(None, listening, demands=False) as port,
        await RawConnection.open(port) as client,
    ):
        await client.write(b"hello")
        assert await client.rest() == b"192.0.2.7 hello"


async def test_U04_all_who_wait_come_in_together() -> None:
    waiting, came = 100, []

    def receive(arrival: Arrival) -> Greeter:
        came.append(arrival)
        return Greeter(arrival.peer)

    async with threshold(None, bound_to("127.0.0.1", 0)[0], demands=False, receive=receive) as port:
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(waiting)]
        turns = 0
        while len(came) < waiting and turns < waiting:
            turns += 1
            await asyncio.sleep(0)
        for client in clients:
            client.close()
    assert turns < waiting / 4


def test_a_host_is_bound_by_each_of_its_addresses_or_not_at_all() -> None:
    [bound] = bound_to("127.0.0.1", 0)
    with bound:
        host, port = bound.getsockname()
        assert host == "127.0.0.1"
        bound.listen()
        with pytest.raises(OSError, match="in use"):
            bound_to("127.0.0.1", port)
