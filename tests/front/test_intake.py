"""Bounds in bytes and seconds, each at limit - 1, limit and limit + 1, over real sockets (rule G6)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from aiohttp import StreamReader
from aiohttp.web_protocol import RequestHandler
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.front.body import RequestBody
from gateway.front.connection import Connection, Serve
from gateway.front.ends import End
from gateway.front.intake import check_names
from gateway.front.limits import Limits
from gateway.front.server import Server
from tests.fakes.front import CHUNKED, anybody, ask, front
from tests.fakes.gateway import HOST
from tests.fakes.raw_client import get
from tests.fakes.side import Side

GET = b"GET / HTTP/1.1"
HOST_LINE = f"Host: {HOST}\r\n".encode()
SMALL = Limits(request_line=300, field=200, head=1_000, fields=10)


def head_of(size: int) -> bytes:
    """A GET whose head has *size* bytes, no field of it over 150."""
    plain = GET + b"\r\n" + HOST_LINE
    left = size - len(plain) - 2
    fields = []
    while left > 300:
        fields.append(b"X: " + b"a" * 145 + b"\r\n")
        left -= 150
    half = left // 2
    fields += [b"X: " + b"a" * (part - 5) + b"\r\n" for part in (half, left - half)]
    return plain + b"".join(fields) + b"\r\n"


def one_field(size: int) -> bytes:
    """A GET with a field of *size* bytes, name and value together."""
    return GET + b"\r\n" + HOST_LINE + b"X-A: " + b"a" * (size - 3) + b"\r\n\r\n"


def request_line(size: int) -> bytes:
    """A GET whose request line has *size* bytes, its CRLF not counted."""
    return b"GET /" + b"a" * (size - len("GET / HTTP/1.1")) + b" HTTP/1.1\r\n" + HOST_LINE + b"\r\n"


def fields_of(count: int) -> bytes:
    return GET + b"\r\n" + HOST_LINE + b"X: a\r\n" * (count - 1) + b"\r\n"


@pytest.mark.parametrize(
    ("made", "limit", "status"),
    [
        (request_line, SMALL.request_line - 2, 414),
        (one_field, SMALL.field, 431),
        (head_of, SMALL.head, 431),
        (fields_of, SMALL.fields, 431),
    ],
)
async def test_a_bound_on_the_head_holds_to_the_byte(
    tmp_path: Path, made: Callable[[int], bytes], limit: int, status: int
) -> None:
    async with front(tmp_path, limits=SMALL) as door:
        await door.passes(made(limit - 1))
        await door.passes(made(limit))
        await door.refused(made(limit + 1), status)


@pytest.mark.parametrize(
    ("made", "limit", "status"),
    [(request_line, 8 * 1024 - 2, 414), (one_field, 16 * 1024, 431), (fields_of, 100, 431)],
)
async def test_the_shipped_bounds_hold_to_the_byte(
    tmp_path: Path, made: Callable[[int], bytes], limit: int, status: int
) -> None:
    async with front(tmp_path) as door:
        await door.passes(made(limit))
        await door.refused(made(limit + 1), status)


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\nHost: a", b"GET / HTTP/1.1\r\n"])
async def test_U01_a_head_that_does_not_come_is_408(tmp_path: Path, start: bytes) -> None:
    async with front(tmp_path, limits=Limits(head_time=0.05)) as door:
        await door.refused(start, 408)


async def test_U01_a_dribbled_head_gains_no_time(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(head_time=0.2)) as door, await door.open() as client:
        reading = asyncio.create_task(client.answer())
        loop = asyncio.get_running_loop()
        began = loop.time()
        await client.write(GET + b"\r\nX: ")
        while not reading.done():
            await client.write(b"a")
            await asyncio.sleep(0.02)
        assert (await reading).status == 408
        assert loop.time() - began < 2


async def test_U02_a_body_that_stands_still_is_408(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(body_idle=0.05)) as door:
        for start in (CHUNKED + b"5\r\nhel", ask(b"POST / HTTP/1.1", b"Content-Length: 9", body=b"hel")):
            async with await door.open() as client:
                await client.write(start)
                answer = await client.answer()
                assert (answer.status, answer.values("connection")) == (408, [b"close"])
                assert await client.rest() == b""
            await door.upstream.closed()
        assert door.upstream.requests == []


async def test_U02_a_body_that_creeps_is_408(tmp_path: Path) -> None:
    limits = Limits(body_grace=0.1, body_rate=100_000)
    async with front(tmp_path, limits=limits) as door, await door.open() as client:
        await client.write(ask(b"POST / HTTP/1.1", b"Content-Length: 9000"))
        reading = asyncio.create_task(client.answer())
        while not reading.done():
            await client.write(b"a")
            await asyncio.sleep(0.01)
        assert (await reading).status == 408


async def test_requests_in_pieces_of_any_size_are_the_same_requests(tmp_path: Path) -> None:
    stream = get("/1", host=HOST) + ask(b"POST /2 HTTP/1.1", b"Content-Length: 5", body=b"hello")
    stream += get("/3", host=HOST) + ask(b"PUT /4 HTTP/1.1", b"Content-Length: 1", body=b"x")
    async with front(tmp_path) as door:
        for size in (*range(1, 24), 50, 97, 150, len(stream)):
            door.upstream.requests.clear()
            async with await door.open() as client:
                for start in range(0, len(stream), size):
                    await client.write(stream[start : start + size])
                    await asyncio.sleep(0)
                for _ in range(4):
                    assert (await client.answer()).status == 200
            targets = [each.split(b" ")[1] for each in door.upstream.requests]
            assert targets == [b"/1", b"/2", b"/3", b"/4"]


@asynccontextmanager
async def client_of(serve: Serve) -> AsyncIterator[tuple[Connection, Side]]:
    """A client's connection, whose requests *serve* answers, and its other side."""
    server = Server(serve, limits=Limits(), refuse=lambda error, peer: b"", crowd=anybody())
    connection, side = server(), Side()
    side.end = cast(End, connection)
    connection.connection_made(side)
    try:
        yield connection, side
    finally:
        side.abort()
        await asyncio.sleep(0)


async def swallow(connection: Connection, _: object, payload: StreamReader) -> bool:
    await RequestBody(payload, limits=Limits(), sender=connection).read(100_000)
    return True


@asynccontextmanager
async def sender(head: bytes) -> AsyncIterator[tuple[Connection, Side, AsyncIterator[bytes]]]:
    """A client that has sent *head*, its other side, and its body as it comes."""
    bodies: asyncio.Queue[RequestBody] = asyncio.Queue()
    served = asyncio.Event()

    async def serve(connection: Connection, _: object, payload: StreamReader) -> bool:
        await bodies.put(RequestBody(payload, limits=Limits(), sender=connection))
        await served.wait()
        return False

    async with client_of(serve) as (connection, side):
        connection.data_received(head)
        yield connection, side, (await bodies.get()).chunks(most=None)
        served.set()


MESSAGES = [
    ask(GET),
    b"\r\n\r\n" + ask(GET),
    ask(b"POST / HTTP/1.1", b"Content-Length: 12", body=b"a\r\n\r\nGET \r\n\r"),
    ask(b"POST / HTTP/1.1", b"Content-Length: 40000", body=b"\r\n\r\n" * 10_000),
    ask(b"PUT / HTTP/1.1", b"Content-Length: 0"),
]


LINES_IN_BODY = ask(b"POST / HTTP/1.1", b"Content-Length: 12", body=b"a\r\n\r\nGET \r\n\r")
HEAD_END = len(MESSAGES[0]) + len(LINES_IN_BODY) - 12


@given(
    st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=4),
    st.lists(st.integers(1, 100_000) | st.integers(1, 400), max_size=6),
)
@example([MESSAGES[0], LINES_IN_BODY, MESSAGES[0]], [HEAD_END - 1, HEAD_END + 12 + 5])
@example([MESSAGES[0], LINES_IN_BODY, MESSAGES[0]], [HEAD_END - 3, HEAD_END - 2, HEAD_END + 12 + 5])
def test_H24_bytes_of_another_request_are_never_taken_for_none(
    messages: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(messages)
    ends = {sum(map(len, messages[:count])) for count in range(len(messages) + 1)}

    async def fed() -> None:
        async with client_of(swallow) as (connection, _):
            at = 0
            for cut in sorted({*(cut for cut in cuts if cut < len(stream)), len(stream)}):
                connection.data_received(stream[at:cut])
                at = cut
                for _ in range(6 * len(messages)):
                    await asyncio.sleep(0)
                assert at in ends or not connection.idle

    asyncio.run(fed())


@pytest.mark.parametrize("message", [each for each in MESSAGES if not each.startswith(b"\r\n")])
@pytest.mark.parametrize("cut", [1, 30, -3, -1])
async def test_a_connection_idles_after_a_request_in_two_pieces(message: bytes, cut: int) -> None:
    end = message.index(b"\r\n\r\n", 10) + 4
    head, body = message[:end], message[end:]
    async with client_of(swallow) as (connection, _):
        for piece in (head[:cut], head[cut:] + body):
            connection.data_received(piece)
            for _ in range(6):
                await asyncio.sleep(0)
        assert connection.idle


def test_C10_the_names_that_are_relied_on_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    check_names()
    monkeypatch.delattr(RequestHandler, "force_close")
    with pytest.raises(RuntimeError, match="force_close"):
        check_names()


async def test_an_error_that_nobody_foresaw_is_told_by_its_class() -> None:
    told: list[GatewayError] = []

    def refuse(error: GatewayError, peer: str) -> bytes:
        told.append(error)
        return b"no"

    async def never(*_: object) -> bool:
        raise NotImplementedError

    connection: Connection = Server(never, limits=Limits(), refuse=refuse, crowd=anybody())()
    named = connection.fault(ValueError("secret"))
    assert (type(named), str(named)) == (GatewayError, "ValueError")
    assert told == []


LARGE, LAST = b"a" * 200_000, b"b" * 100_000


@pytest.mark.parametrize("chunked", [False, True])
async def test_while_a_large_piece_of_a_body_is_passed_on_no_other_is_read(chunked: bool) -> None:
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (len(LARGE) + len(LAST))
    framed = [b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece for piece in (LARGE, LAST)]
    async with sender(ask(b"POST / HTTP/1.1", length)) as (connection, side, pieces):
        assert side.reading
        connection.data_received(framed[0])
        assert not side.reading
        assert await anext(pieces) == LARGE
        assert not side.reading
        second = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        assert side.reading
        connection.data_received(framed[1] + (b"0\r\n\r\n" if chunked else b""))
        assert await second == LAST
        assert side.reading  # its end is known: there is nothing to hold back
        assert [piece async for piece in pieces] == []


async def test_small_pieces_of_a_body_are_read_while_others_are_passed_on() -> None:
    async with sender(ask(b"POST / HTTP/1.1", b"Content-Length: 100000")) as (connection, side, pieces):
        for _ in range(2):
            connection.data_received(b"a" * 30_000)
        assert await anext(pieces) == b"a" * 60_000
        connection.data_received(b"a" * 30_000)
        assert side.reading


async def test_what_is_left_of_a_body_that_nobody_wants_is_read_at_the_end() -> None:
    async with sender(ask(b"POST / HTTP/1.1", b"Content-Length: 9000000")) as (connection, side, pieces):
        connection.data_received(LARGE)
        await anext(pieces)
        ending = asyncio.ensure_future(connection.end(linger=True))
        await asyncio.sleep(0)
        assert side.reading
        connection.data_received(b"a" * (Limits().linger_bytes + 1))
        await ending
