"""The public port: admission before bodies, errors in their form, and a drain that loses nothing."""

import asyncio
from pathlib import Path

import pytest

from gateway.front.limits import Limits
from gateway.front.snapshot import whole
from gateway.model.answer import Answer
from tests.fakes.front import CHUNKED, Door, ask, front
from tests.fakes.gateway import HOST
from tests.fakes.raw_client import RawConnection, get

GET = b"GET / HTTP/1.1"
POST = b"POST / HTTP/1.1"
SMALL_BODIES = 'access = "public"\nmax_body = 5'


async def asked(door: Door) -> RawConnection:
    """A connection with a request that the upstream has and does not answer yet."""
    door.upstream.fault = "silent"
    client = await door.open()
    await client.write(ask(GET))
    async with asyncio.timeout(5):
        await door.upstream.request()
    return client


def draining(door: Door, seconds: float = 5.0) -> asyncio.Task[None]:
    return asyncio.create_task(door.gateway.app.stop(drain=seconds))


async def refuses_connections(port: int) -> bool:
    try:
        await RawConnection.open(port)
    except ConnectionError:
        return True
    return False


# Bodies.


@pytest.mark.parametrize(("size", "status"), [(4, 200), (5, 200), (6, 413)])
async def test_U10_a_declared_body_over_the_limit_is_413_before_the_upstream_hears(
    tmp_path: Path, size: int, status: int
) -> None:
    async with front(tmp_path, route_keys=SMALL_BODIES) as door:
        upload = ask(POST, b"Content-Length: %d" % size, body=b"a" * size)
        if status == 200:
            await door.passes(upload)
        else:
            await door.refused(upload, 413, closes=False)


@pytest.mark.parametrize(
    "pieces", [[b"5\r\nhello\r\n", b"1\r\n!\r\n"], [b"6\r\nhello", b"!"], [b"ffff\r\nhello!"]]
)
async def test_U10_a_chunked_body_is_413_at_the_first_byte_too_many(
    tmp_path: Path, pieces: list[bytes]
) -> None:
    async with front(tmp_path, route_keys=SMALL_BODIES) as door:
        async with await door.open() as client:
            await client.write(CHUNKED)
            for piece in pieces:
                await client.write(piece)
                await asyncio.sleep(0.01)
            answer = await client.answer()
            assert (answer.status, answer.values("connection")) == (413, [b"close"])
            assert await client.rest() == b""
        await door.upstream.closed()
        assert door.upstream.requests == []
        await door.passes(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")


async def test_F6_a_refused_body_is_neither_asked_for_nor_swallowed(tmp_path: Path) -> None:
    async with front(tmp_path, route_keys=SMALL_BODIES) as door, await door.open() as client:
        await client.write(ask(POST, b"Expect: 100-continue", b"Content-Length: 1000000"))
        answer = await client.answer()
        assert answer.status == 413
        assert answer.values("connection") == [b"close"]
        assert await client.rest() == b""
        assert door.upstream.connections == 0


async def test_F6_continue_is_not_said_to_http_1_0(tmp_path: Path) -> None:
    async with front(tmp_path) as door, await door.open() as client:
        await client.write(
            ask(b"POST / HTTP/1.0", b"Expect: 100-continue", b"Content-Length: 5", body=b"hello")
        )
        assert (await client.reader.readline()).startswith(b"HTTP/1.1 200")


async def test_a_body_that_an_endpoint_does_not_read_ends_the_connection(tmp_path: Path) -> None:
    async with front(tmp_path) as door, await door.open() as client:
        await client.write(ask(b"GET /.gateway/session HTTP/1.1", b"Content-Length: 100", body=b"part"))
        answer = await client.answer()
        assert (answer.body, answer.values("connection")) == (b"null", [b"close"])
        assert await client.rest() == b""


async def test_a_body_that_came_whole_is_dropped_and_the_connection_goes_on(tmp_path: Path) -> None:
    async with front(tmp_path) as door, await door.open() as client:
        await client.write(ask(b"GET /.gateway/session HTTP/1.1", b"Content-Length: 5", body=b"hello"))
        assert (await client.answer()).body == b"null"
        await client.write(ask(GET))
        assert (await client.answer()).body == b"hello"


async def test_an_upload_and_an_answer_may_flow_at_once(tmp_path: Path) -> None:
    size = 3_000_000
    async with front(tmp_path) as door, await door.open() as client:
        upload = asyncio.create_task(client.write(ask(POST, b"Content-Length: %d" % size) + b"a" * size))
        assert (await client.answer()).body == b"hello"
        await upload
        assert len(door.upstream.requests[0]) > size
        await client.write(ask(GET))
        assert (await client.answer()).body == b"hello"


# Answers.


@pytest.mark.parametrize(
    ("target", "status"), [(b"/.gateway/nothing", 404), (b"/..", 400), (b"/closed", 405), (b"/", 502)]
)
async def test_an_answer_to_head_has_no_body(tmp_path: Path, target: bytes, status: int) -> None:
    closed = '[[routes]]\npath = "/closed"\nupstream = "{upstream}"\nmethods = ["PUT"]\naccess = "public"\n'
    async with front(tmp_path, tables=closed) as door, await door.open() as client:
        door.upstream.fault = "garbage"
        await client.write(ask(b"HEAD " + target + b" HTTP/1.1", b"Connection: close"))
        answer = await client.answer(head_only=True)
        assert answer.status in (status, 403)
        assert int(answer.values("content-length")[0]) > 0
        assert await client.rest() == b""


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_without_a_body_is_followed_by_the_next(tmp_path: Path, status: bytes) -> None:
    async with front(tmp_path) as door, await door.open() as client:
        door.upstream.answer_with(b"HTTP/1.1 " + status + b"\r\nETag: x\r\n\r\n")
        await client.write(ask(GET) + ask(GET))
        for _ in range(2):
            answer = await client.answer()
            assert answer.status == int(status[:3])
            assert answer.values("content-length") == answer.values("transfer-encoding") == []


async def test_http_1_0_gets_no_chunks(tmp_path: Path) -> None:
    async with front(tmp_path) as door, await door.open() as client:
        door.upstream.answer_with(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
        await client.write(ask(b"GET / HTTP/1.0", b"Connection: keep-alive"))
        answer = await client.answer()
        assert (answer.body, answer.values("transfer-encoding")) == (b"hello", [])
        assert answer.values("connection") == [b"close"]


async def test_a_program_gets_json_and_a_person_a_page(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        program = await door.send(ask(b"GET /.gateway/nothing HTTP/1.1", b"Accept: */*"))
        person = await door.send(ask(b"GET /.gateway/nothing HTTP/1.1", b"Accept: text/html"))
        assert program.values("content-type") == [b"application/json"]
        assert person.values("content-type") == [b"text/html; charset=utf-8"]
        assert program.values("x-request-id")[0] in program.body
        assert person.values("x-request-id")[0] in person.body


@pytest.mark.parametrize(
    ("request_line", "host", "title"),
    [
        (b"GET /%zz HTTP/1.1", HOST, b"This request cannot be read"),
        (b"GET /a/../b HTTP/1.1", HOST, b"This request cannot be read"),
        (b"GET / HTTP/1.1", "elsewhere.example", b"Wrong address"),
    ],
)
async def test_a_person_gets_a_page_also_where_a_request_is_not_understood(
    tmp_path: Path, request_line: bytes, host: str, title: bytes
) -> None:
    async with front(tmp_path) as door:
        for field in (b"Accept: text/html", b"Sec-Fetch-Mode: navigate"):
            head = b"\r\n".join((request_line, b"Host: " + host.encode(), field, b"", b""))
            page = await door.send(head)
            assert page.values("content-type") == [b"text/html; charset=utf-8"]
            assert title in page.body
            assert page.values("x-request-id")[0] in page.body
            assert page.values("connection") == [b"close"]
            program = await door.send(head.replace(field, b"Accept: */*"))
            assert program.values("content-type") == [b"application/json"]
            assert program.status == page.status
        assert door.upstream.requests == []
    told = {line["host"] for line in door.gateway.events("request")}
    assert told == ({"elsewhere.example"} if title == b"Wrong address" else {""})


async def test_the_same_request_id_is_told_to_client_upstream_and_log(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        answer = await door.send(ask(GET, b"X-Request-Id: forged"))
        told = answer.values("x-request-id")
        assert b"X-Request-Id: " + told[0] + b"\r\n" in door.upstream.requests[0]
        assert b"forged" not in door.upstream.requests[0]
    assert [line["request_id"] for line in door.gateway.events("request")] == [told[0].decode()]


async def test_U30_no_field_names_our_software(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        for line in (GET, b"GET /.gateway/session HTTP/1.1", b"GET /.. HTTP/1.1", b"BROKEN"):
            answer = await door.send(ask(line))
            assert answer.values("server") == []
            assert b"aiohttp" not in answer.head + answer.body


def test_a_refusal_without_a_request_is_whole_and_final() -> None:
    answer = Answer(status=400, headers=((b"Content-Type", b"application/json"),), body=b"{}")
    head, _, body = whole(answer, "r-1", b"today").partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[1:] == [
        b"Content-Type: application/json",
        b"Date: today",
        b"X-Request-Id: r-1",
        b"Content-Length: 2",
        b"Connection: close",
    ]
    assert body == b"{}"


# The end.


async def test_C01_a_drain_closes_idle_connections_at_once_and_refuses_new_ones(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        async with await door.open() as fresh, await door.open() as used:
            await used.write(ask(GET))
            await used.answer()
            running = await asked(door)
            stopping = draining(door)
            assert await fresh.rest() == b""
            assert await used.rest() == b""
            assert await refuses_connections(door.port)
            assert not stopping.done()
            door.upstream.fault = ""
            door.upstream.release.set()
            assert (await running.answer()).status == 200  # a GET that found its connection dead
            await stopping
            running.close()
        door.stopped = True


async def test_C01_a_running_request_ends_well_and_says_that_it_was_the_last(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        async with await door.open() as client:
            await client.write(ask(POST, b"Content-Length: 10", body=b"hello"))
            while not door.upstream.connections:
                await asyncio.sleep(0)
            stopping = draining(door)
            await asyncio.sleep(0.05)
            await client.write(b"hello")
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, b"hello")
            assert await client.rest() == b""
            await stopping
        assert door.upstream.requests[0].endswith(b"hellohello")
        door.stopped = True


async def test_C01_what_runs_too_long_is_cut(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        client = await asked(door)
        await asyncio.wait_for(door.gateway.app.stop(drain=0.05), 3)
        assert await client.rest() == b""
        client.close()
        door.stopped = True


async def test_errors_of_every_kind_leave_the_port_serving(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(head_time=0.5)) as door:
        for fault in ("garbage", "truncated", "cut head", "no answer", "huge head", "1xx storm", "bare 101"):
            door.upstream.fault = fault
            async with await door.open() as client:
                await client.write(ask(GET))
                await client.writer.drain()
                await asyncio.wait((asyncio.create_task(client.reader.read(1)),), timeout=5)
        door.upstream.fault = ""
        for _ in range(3):
            await door.passes(get("/", host=HOST))
