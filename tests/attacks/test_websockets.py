"""Connections that leave HTTP: who may open one, what passes through it, and how it ends."""

import asyncio
import gc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.front.connection import Connection
from gateway.front.frames import GOING_AWAY, PING, POLICY, TOO_BIG, closing
from gateway.front.limits import Limits
from gateway.front.reply import ClientReply
from gateway.model.upstream import Limits as UpstreamLimits
from gateway.upstream.answer import AnswerReader
from gateway.upstream.wire import Connection as UpstreamConnection
from tests.fakes.front import front
from tests.fakes.gateway import HOST
from tests.fakes.lasting_app import HANDSHAKE, SWITCHED, LastingApp, echoed, stream, tunnel
from tests.fakes.raw_client import RawAnswer, RawConnection, get
from tests.fakes.scene import COOKIE, Scene, scene
from tests.fakes.tls import Certificates
from tests.front.test_frames import frame

STATEFUL = "session = { strategy = 'stateful' }\n"
ROUTES = """
[[routes]]
path = "/live"
upstream = "{live}"
websocket = true
[[routes]]
path = "/open"
upstream = "{live}"
access = "public"
websocket = true
{terms}
[[routes]]
path = "/plain"
upstream = "{live}"
access = "public"
"""


@asynccontextmanager
async def stage(folder: Path, *, terms: str = "", **keys: object) -> AsyncIterator[tuple[Scene, LastingApp]]:
    """Start an app behind the gateway; *terms* are keys of the route `/open`."""
    async with LastingApp() as app:
        tables = ROUTES.replace("{live}", app.url).replace("{terms}", terms)
        async with scene(folder, tables=tables, **keys) as at:
            yield at, app


async def answered(at: Scene, path: str, *headers: str, handshake: tuple[str, ...] = HANDSHAKE) -> RawAnswer:
    async with await RawConnection.open(at.gate.port) as connection:
        await connection.write(get(path, *handshake, *headers, host=HOST))
        return await connection.answer(head_only=True)


async def cookie_of(at: Scene) -> str:
    return f"{COOKIE}={(await at.signed_in()).cookies[HOST][COOKIE]}"


# Admission


async def test_U15_nobody_opens_one_without_a_session(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app):
        assert (await answered(at, "/live")).status == 401
        assert (await answered(at, "/live", f"Cookie: {COOKIE}=garbage")).status == 401
        assert app.heads == []


ORIGINS = [
    "https://evil.example",
    "null",
    f"http://{HOST}",
    f"https://{HOST}.evil.example",
    f"https://{HOST}:8443",
]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", ["/live", "/open"])
async def test_U15_no_other_origin_opens_one(tmp_path: Path, path: str, origin: str) -> None:
    async with stage(tmp_path) as (at, app):
        cookie = await cookie_of(at)
        assert (await answered(at, path, f"Cookie: {cookie}", f"Origin: {origin}")).status == 403
        assert app.heads == []
    line = [line for line in at.gate.events("request") if line["path"] == path][-1]
    assert (line["decision"], line["reason"]) == ("deny", "origin")


async def test_U15_two_origins_are_another_origin(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app):
        both = [f"Origin: https://{HOST}"] * 2
        assert (await answered(at, "/open", *both)).status == 403
        assert app.heads == []


@pytest.mark.parametrize("origin", [(), (f"Origin: https://{HOST}",), (f"Origin: HTTPS://{HOST.upper()}",)])
async def test_U15_the_route_s_own_pages_and_programs_open_one(
    tmp_path: Path, origin: tuple[str, ...]
) -> None:
    async with stage(tmp_path) as (at, app):
        async with await tunnel(at.gate.port, "/live", *origin, cookie=await cookie_of(at)) as socket:
            assert await echoed(socket, b"\x81\x05hello") == b"\x81\x05hello"
        head = app.heads[0]
        assert head.count(b"\r\nConnection: Upgrade\r\n") == head.count(b"\r\nUpgrade: websocket\r\n") == 1
        assert head.count(b"\r\nX-User-Id: u_") == 1
        assert COOKIE.encode() not in head


async def test_H23_only_a_websocket_is_an_upgrade_and_only_where_the_route_says_so(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app):
        h2c = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAA")
        both = ("Connection: Upgrade", "Upgrade: websocket, h2c")
        twice = ("Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c")
        unnamed = ("Connection: keep-alive", "Upgrade: websocket")
        for handshake in (h2c, both, twice, unnamed):
            assert (await answered(at, "/open", handshake=handshake)).status == 200
        assert (await answered(at, "/plain")).status == 200
        assert len(app.heads) == 5
        for head in app.heads:
            assert b"\r\nupgrade:" not in head.lower()
            assert b"http2-settings" not in head.lower()


@pytest.mark.parametrize(
    "request_line", [b"POST /open HTTP/1.1", b"GET /open HTTP/1.0"], ids=["a body", "HTTP/1.0"]
)
async def test_H23_what_cannot_be_a_handshake_is_plain_http(tmp_path: Path, request_line: bytes) -> None:
    async with stage(tmp_path) as (at, app):
        lines = [request_line, b"Host: " + HOST.encode(), *(line.encode() for line in HANDSHAKE)]
        async with await RawConnection.open(at.gate.port) as connection:
            await connection.write(b"\r\n".join([*lines, b"Content-Length: 0", b"", b""]))
            assert (await connection.answer(head_only=True)).status == 200
        assert b"\r\nupgrade:" not in app.heads[0].lower()


# What passes


async def test_bytes_pass_both_ways_as_they_are(tmp_path: Path) -> None:
    sent = bytes(range(256)) * 8192
    async with stage(tmp_path) as (at, _), await tunnel(at.gate.port, "/open") as socket:
        writing = asyncio.ensure_future(socket.write(sent))
        async with asyncio.timeout(20):
            got = await socket.reader.readexactly(len(sent))
            await writing
        assert got == sent


async def test_what_comes_with_the_handshake_and_with_the_101_is_not_lost(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app), await RawConnection.open(at.gate.port) as socket:
        app.answer = SWITCHED + b"welcome"
        await socket.write(get("/open", *HANDSHAKE, host=HOST) + b"early")
        assert (await socket.answer(head_only=True)).status == 101
        async with asyncio.timeout(10):
            assert await socket.reader.readexactly(12) == b"welcomeearly"


async def test_an_end_that_only_stopped_sending_goes_on_receiving(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app), await tunnel(at.gate.port, "/open") as socket:
        await socket.write(b"x" * 100_000)
        socket.writer.write_eof()
        assert await socket.rest() == b"x" * 100_000
        await app.gone()


async def test_a_client_that_reads_nothing_holds_its_app_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app), await tunnel(at.gate.port, "/open") as socket:
        socket.writer.transport.pause_reading()  # type: ignore[attr-defined]
        pushing = asyncio.ensure_future(app.push(b"y" * (64 << 20)))
        await asyncio.sleep(0.3)
        assert not pushing.done()
        pushing.cancel()
        await asyncio.wait([pushing])


async def test_an_app_that_ends_one_ends_it_for_a_client_that_speaks_tls(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    async with stage(tmp_path, top=certificates.toml + "\n") as (at, app):
        connecting = RawConnection.open(at.gate.port, tls=certificates.context(), name=HOST)
        async with await connecting as socket:
            await socket.write(get("/open", *HANDSHAKE, host=HOST))
            assert (await socket.answer(head_only=True)).status == 101
            large = frame(0x2, 1 << 20)
            writing = asyncio.ensure_future(socket.write(large))
            async with asyncio.timeout(20):
                assert await socket.reader.readexactly(len(large)) == large
            await writing
            await app.push(b"last")
            for writer in app.writers:
                writer.write_eof()
            assert await socket.rest() == b"last"
            await app.gone()


# What one keeps


def living(*kinds: type) -> set[int]:
    gc.collect()
    return {id(each) for each in gc.get_objects() if type(each) in kinds}


async def test_an_open_one_keeps_nothing_of_its_request_and_nothing_waits_in_it(tmp_path: Path) -> None:
    kinds = (Connection, UpstreamConnection, AnswerReader, ClientReply)
    async with stage(tmp_path, top=STATEFUL) as (at, _):
        cookie = await cookie_of(at)
        async with await tunnel(at.gate.port, "/live", cookie=cookie) as first:
            await echoed(first, b"\x81\x05hello")
            before = living(*kinds)
            async with (
                await tunnel(at.gate.port, "/live", cookie=cookie) as second,
                await tunnel(at.gate.port, "/open") as third,
            ):
                await echoed(second, b"\x81\x05hello")
                await echoed(third, b"\x81\x05hello")
                assert living(*kinds) <= before
                serving = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
                assert not [name for name in serving if name.startswith("Connection.")]


async def test_they_are_counted_while_they_are_open_and_are_no_requests_in_flight(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app):

        def told() -> tuple[float, ...]:
            lines = at.gate.app._metrics.exposition().decode().splitlines()
            found = dict(line.split(" ") for line in lines if line[0] != "#" and "{" not in line)
            names = ("websockets_open", "requests_in_flight", "connections_open")
            return tuple(float(found[f"gateway_{name}"]) for name in names)

        async with await tunnel(at.gate.port, "/open"), await tunnel(at.gate.port, "/open"):
            assert told() == (2, 0, 2)
        await app.gone()
        async with asyncio.timeout(20):
            while told() != (0, 0, 0):
                await asyncio.sleep(0.01)
    lines = [line for line in at.gate.events("request") if line["path"] == "/open"]
    assert [line["status"] for line in lines] == [101, 101]


# Who answers otherwise than with 101


@pytest.mark.parametrize("status", [b"200 OK", b"403 Forbidden", b"426 Upgrade Required"])
async def test_U19_a_refusal_by_the_app_is_passed_on_and_the_connection_goes_with_it(
    tmp_path: Path, status: bytes
) -> None:
    async with stage(tmp_path) as (at, app), await RawConnection.open(at.gate.port) as socket:
        app.answer = b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nnoGET /raw HTTP/1.1\r\n\r\n"
        await socket.write(get("/open", *HANDSHAKE, host=HOST) + b"GET /smuggled HTTP/1.1\r\n\r\n")
        answer = await socket.answer()
        assert (answer.status, answer.body) == (int(status[:3]), b"no")
        assert answer.values("connection") == [b"close"]
        assert await socket.rest() == b""
        assert len(app.heads) == 1


_BOTH = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
WRONG = {
    "another protocol": b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "two protocols": b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "none named": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n",
    "not in Connection": b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.0": b"HTTP/1.0 101 X\r\n" + _BOTH + b"\r\n",
    "a length": b"HTTP/1.1 101 X\r\n" + _BOTH + b"Content-Length: 5\r\n\r\n",
    "a coding": b"HTTP/1.1 101 X\r\n" + _BOTH + b"Transfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_U19_a_101_that_is_not_what_was_asked_for_is_502(tmp_path: Path, wrong: str) -> None:
    async with stage(tmp_path) as (at, app):
        app.answer = WRONG[wrong]
        assert (await answered(at, "/open")).status == 502
        await app.gone()


# What a client may send

SMALL = 'websocket_limits = { message = "1KiB" }'


def text(size: int, *, fin: bool = True, opcode: int = 1) -> bytes:
    """A frame as clients send it, whose bytes are letters once unmasked by nothing."""
    head = bytes([(0x80 if fin else 0) | opcode])
    length = bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + size.to_bytes(2)
    return head + length + bytes(4) + b"x" * size


@pytest.mark.parametrize(
    "sent",
    [
        text(1025),
        text(1000, fin=False) + text(25, opcode=0),
        text(1, fin=False) + text(0, fin=False, opcode=0) * 1024,
        b"\x82\xff" + (1 << 62).to_bytes(8) + bytes(4),
        b"\x89\xff" + (1 << 62).to_bytes(8) + bytes(4),
    ],
    ids=["a message", "in fragments", "empty fragments", "a huge frame", "a huge ping"],
)
async def test_U17_a_message_over_the_limit_is_closed_with_the_code_for_it(
    tmp_path: Path, sent: bytes
) -> None:
    async with stage(tmp_path, terms=SMALL) as (at, app), await tunnel(at.gate.port, "/open") as socket:
        exact = text(1024)
        assert await echoed(socket, exact) == exact
        await socket.write(sent)
        assert (await socket.rest())[-4:] == closing(TOO_BIG)
        await app.gone()
    line = [line for line in at.gate.events("request") if line["path"] == "/open"][-1]
    assert (line["status"], line["reason"]) == (101, "websocket.message_too_large")


async def test_U17_a_frame_that_dribbles_is_closed(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, limits=Limits(body_idle=0.2)) as (at, app),
        await tunnel(at.gate.port, "/open") as socket,
    ):
        await socket.write(text(100)[:50])
        with suppress(OSError):  # the app answered a part of a frame: no word of ours fits there
            await socket.rest()
        await app.gone()
    line = [line for line in at.gate.events("request") if line["path"] == "/open"][-1]
    assert line["reason"] == "websocket.slow_frame"


async def test_U17_a_flood_of_pings_is_held_back_and_nothing_of_it_lost(tmp_path: Path) -> None:
    terms = "websocket_limits = { frames = 200 }"
    async with stage(tmp_path, terms=terms) as (at, _), await tunnel(at.gate.port, "/open") as socket:
        flood = text(4, opcode=9) * 500
        assert await echoed(socket, flood) == flood


async def test_U17_nothing_is_inflated_in_the_middle(tmp_path: Path) -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    message = b"\xc2\xfe" + len(bomb).to_bytes(2) + bytes(4) + bomb  # RSV1: compressed (RFC 7692 7.2.1)
    extension = "Sec-WebSocket-Extensions: permessage-deflate"
    async with (
        stage(tmp_path, terms='websocket_limits = { message = "4KiB" }') as (at, app),
        await tunnel(at.gate.port, "/open", extension) as socket,
    ):
        assert extension.encode() in app.heads[0]
        assert len(bomb) < 4096
        assert await echoed(socket, message) == message


async def test_U18_a_silent_client_is_pinged_where_that_is_configured(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, terms='websocket_ping = "50ms"') as (at, _),
        await tunnel(at.gate.port, "/open") as socket,
    ):
        async with asyncio.timeout(20):
            assert await socket.reader.readexactly(2) == PING
        pong = b"\x8a\x80" + bytes(4)
        await socket.write(pong)
        async with asyncio.timeout(20):
            while await socket.reader.readexactly(2) == PING:
                pass


# How one ends


async def test_a_client_that_is_gone_takes_its_app_s_connection_along(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app):
        socket = await tunnel(at.gate.port, "/open")
        socket.writer.transport.abort()
        await app.gone()
        with suppress(OSError):
            await socket.writer.wait_closed()


async def test_an_app_that_is_gone_takes_its_client_s_connection_along(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app), await tunnel(at.gate.port, "/open") as socket:
        for writer in app.writers:
            writer.transport.abort()
        assert await socket.rest() == b""


async def test_U18_an_idle_one_is_closed(tmp_path: Path) -> None:
    async with (
        stage(tmp_path, terms='websocket_limits = { idle = "100ms" }') as (at, app),
        await tunnel(at.gate.port, "/open") as socket,
    ):
        assert await socket.rest() == b""
        await app.gone()


async def test_U16_a_websocket_whose_session_ended_is_closed_with_a_policys_code(tmp_path: Path) -> None:
    async with stage(tmp_path, top=STATEFUL) as (at, app):
        alice = await at.signed_in()
        cookie = f"{COOKIE}={alice.cookie(at.url, COOKIE)}"
        async with await tunnel(at.gate.port, "/live", cookie=cookie) as socket:
            assert await echoed(socket, b"\x81\x05hello") == b"\x81\x05hello"
            await at.signed_out(alice)
            assert await socket.rest() == closing(POLICY)
            await app.gone()


async def test_U16_in_the_middle_of_a_frame_it_is_cut(tmp_path: Path) -> None:
    async with stage(tmp_path, top=STATEFUL) as (at, app):
        alice = await at.signed_in()
        cookie = f"{COOKIE}={alice.cookie(at.url, COOKIE)}"
        async with await tunnel(at.gate.port, "/live", cookie=cookie) as socket:
            assert await echoed(socket, b"\x81\x05hel") == b"\x81\x05hel"
            await at.signed_out(alice)
            with suppress(OSError):
                assert await socket.rest() == b""
            await app.gone()


async def test_C01_a_drain_does_not_wait_for_them(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app), await tunnel(at.gate.port, "/open") as socket:
        stopping = asyncio.ensure_future(at.gate.app.stop(drain=60))
        assert await socket.rest() == closing(GOING_AWAY)
        await app.gone()
        async with asyncio.timeout(10):
            await stopping


async def test_C01_one_that_opens_during_a_drain_is_closed_as_well(tmp_path: Path) -> None:
    async with front(tmp_path, route_keys='access = "public"\nwebsocket = true') as door:
        door.upstream.fault = "late"
        door.upstream.answer_with(SWITCHED)
        door.stopped = True
        async with await door.open() as socket:
            await socket.write(get("/", *HANDSHAKE, host=HOST))
            await door.upstream.request()
            stopping = asyncio.ensure_future(door.gateway.app.stop(drain=60))
            await asyncio.sleep(0.05)
            door.upstream.release.set()
            assert (await socket.answer(head_only=True)).status == 101
            assert await socket.rest() == closing(GOING_AWAY)
            async with asyncio.timeout(20):
                await stopping


async def test_they_take_no_place_from_requests(tmp_path: Path) -> None:
    async with stage(tmp_path) as (at, app):
        sockets = [await tunnel(at.gate.port, "/open") for _ in range(UpstreamLimits().connections + 1)]
        assert app.open == UpstreamLimits().connections + 1
        async with await stream(at.gate.port, "/open"):
            pass
        for socket in sockets:
            socket.close()
