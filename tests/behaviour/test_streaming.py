"""What HTTP/1.1 carries passes as it came, in both lanes: RFC 9110 and 9112 sentence by sentence.

Each request is made twice on one connection, since the second takes other ways through the gateway.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.front import Door, front
from tests.fakes.gateway import HOST, running_gateway
from tests.fakes.lasting_app import LastingApp
from tests.fakes.raw_client import RawAnswer, RawConnection, get
from tests.fakes.upstream import FAULTS, ok

LANES = pytest.mark.parametrize("fast_lane", [True, False])
PUBLIC = 'access = "public"\n'


@asynccontextmanager
async def answering(
    folder: Path, *answers: bytes, fast_lane: bool
) -> AsyncIterator[tuple[Door, RawConnection]]:
    async with front(folder, fast_lane=fast_lane) as door:
        door.upstream.answer_with(*answers)
        async with await door.open() as client:
            yield door, client


async def twice(client: RawConnection, request: bytes, *, head_only: bool = False) -> RawAnswer:
    """Return what *request* is answered with, the second time as the first."""
    answers = []
    for _ in range(2):
        await client.write(request)
        answers.append(await client.answer(head_only=head_only))
    first, second = answers
    assert without_id(first.head) == without_id(second.head)
    assert first.body == second.body
    return first


def without_id(head: bytes) -> list[bytes]:
    return [line for line in head.split(b"\r\n") if not line.startswith(b"X-Request-Id: ")]


def field(name: str, request: bytes) -> list[bytes]:
    wanted = name.lower().encode()
    pairs = (line.partition(b": ") for line in request.split(b"\r\n")[1:])
    return [value for key, _, value in pairs if key.lower() == wanted]


@LANES
async def test_a_conditional_request_and_its_304_pass_untouched(tmp_path: Path, *, fast_lane: bool) -> None:
    fields = (
        b'ETag: W/"v1"\r\nLast-Modified: Thu, 26 Nov 2026 07:00:00 GMT\r\nVary: Accept-Encoding, Cookie\r\n'
        b"Cache-Control: max-age=60\r\nDate: Thu, 26 Nov 2026 07:10:00 GMT\r\nContent-Length: 4711\r\n"
    )
    conditions = (
        'If-None-Match: W/"v1", "v2"',
        "If-Modified-Since: Thu, 26 Nov 2026 07:00:00 GMT",
        'If-Match: "v0"',
        "If-Unmodified-Since: Thu, 26 Nov 2026 07:00:00 GMT",
    )
    unmodified = b"HTTP/1.1 304 Not Modified\r\n" + fields + b"\r\n"
    async with answering(tmp_path, unmodified, fast_lane=fast_lane) as (door, client):
        answer = await twice(client, get("/page", *conditions, host=HOST))
        assert answer.head.startswith(b"HTTP/1.1 304 Not Modified\r\n" + fields)
        for request in door.upstream.requests:
            assert "\r\n".join(conditions).encode() in request
        assert door.upstream.connections == 1


@LANES
@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_nothing_follows_a_head_that_ends_its_answer(
    tmp_path: Path, status: bytes, *, fast_lane: bool
) -> None:
    unmodified = b"HTTP/1.1 " + status + b'\r\nETag: "v1"\r\n\r\n'
    async with answering(tmp_path, unmodified, unmodified, ok(b"next"), fast_lane=fast_lane) as (
        door,
        client,
    ):
        answer = await twice(client, get("/", host=HOST), head_only=True)
        assert without_id(answer.head) == [b"HTTP/1.1 " + status, b'ETag: "v1"']
        await client.write(get("/", host=HOST))
        assert (await client.answer()).body == b"next"
        assert door.upstream.connections == 1


@LANES
async def test_ranges_pass_with_all_their_parts(tmp_path: Path, *, fast_lane: bool) -> None:
    parts = (
        b"--sep\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/9\r\n\r\nab\r\n"
        b"--sep\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-8/9\r\n\r\n\x00\xff\r\n--sep--\r\n"
    )
    several = (
        b"HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=sep\r\n"
        b"Content-Length: %d\r\n" % len(parts)
    )
    one = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/9\r\nContent-Length: 2\r\n"
    none = b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n"
    for asked, head, body in (("0-1,-2", several, parts), ("2-3", one, b"cd"), ("99-", none, b"")):
        async with answering(tmp_path, head + b"\r\n" + body, fast_lane=fast_lane) as (door, client):
            wanted = (f"Range: bytes={asked}", 'If-Range: "v1"')
            answer = await twice(client, get("/file", *wanted, host=HOST))
            assert answer.head.startswith(head)
            assert answer.body == body
            assert all("\r\n".join(wanted).encode() in request for request in door.upstream.requests)


@LANES
@pytest.mark.parametrize("framing", [b"Content-Length: 1000000\r\n", b"Transfer-Encoding: chunked\r\n", b""])
async def test_head_is_answered_by_the_head_alone(tmp_path: Path, framing: bytes, *, fast_lane: bool) -> None:
    head = b'HTTP/1.1 200 OK\r\nETag: "v1"\r\n' + framing
    async with answering(tmp_path, head + b"\r\n", fast_lane=fast_lane) as (door, client):
        answer = await twice(client, get("/file", host=HOST, method="HEAD"), head_only=True)
        assert answer.values("etag") == [b'"v1"']
        assert answer.values("content-length") == ([b"1000000"] if b"Length" in framing else [])
        door.upstream.answer_with(ok(b"whole"))
        await client.write(get("/file", host=HOST))
        assert (await client.answer()).body == b"whole"
        assert [request.split(b" ")[0] for request in door.upstream.requests] == [b"HEAD", b"HEAD", b"GET"]
        assert door.upstream.connections == 1


@LANES
@pytest.mark.parametrize(
    ("fault", "method"), [("body on HEAD", "HEAD"), ("body on 204", "GET"), ("body on 304", "GET")]
)
async def test_H41_a_body_where_none_may_be_is_nobodys(
    tmp_path: Path, fault: str, method: str, *, fast_lane: bool
) -> None:
    async with answering(tmp_path, FAULTS[fault], fast_lane=fast_lane) as (door, client):
        answer = await twice(client, get("/first", host=HOST, method=method), head_only=True)
        assert answer.values("content-length") == ([] if answer.status == 204 else [b"5"])
        door.upstream.answer_with(ok(b"second"))
        await client.write(get("/second", host=HOST))
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b"second")
        assert door.upstream.connections == 3, "what carried it carries nothing else"


@LANES
async def test_every_byte_of_a_requests_fields_arrives(tmp_path: Path, *, fast_lane: bool) -> None:
    fields = (
        "aCCept-lAnguage: de;q=0.5",
        "x-first: 1",
        "X-FIRST: 2",
        "X-Latin: caf\xe9 \xff\x80",
        "X-Empty: ",
        "x-first: 3",
        "X-Marks: \t\"'()<>@,;:\\/[]?={}|~`!#$%&*+^_-.",
        "Authorization: Basic b3BlbjpzZXNhbWU=",
        "Cookie: b=2; a=1; a=3",
        "Cookie: c=caf\xe9",
    )
    async with answering(tmp_path, ok(b"hello"), fast_lane=fast_lane) as (door, client):
        await twice(client, get("/x?y=%20&&z", *fields, host=HOST))
        expected = "\r\n".join(fields).replace(": \t", ": ").encode("latin-1")
        for request in door.upstream.requests:
            assert request.startswith(b"GET /x?y=%20&&z HTTP/1.1\r\nHost: ")
            assert expected in request, request
        await client.write(get("/x", *fields, "Content-Length: 3", host=HOST, method="POST") + b"\x00\r\n")
        await client.answer()
        assert expected in door.upstream.requests[-1]
        assert door.upstream.requests[-1].endswith(b"\r\n\r\n\x00\r\n")


@LANES
async def test_every_byte_of_an_answers_fields_arrives(tmp_path: Path, *, fast_lane: bool) -> None:
    fields = (
        b"sErver: App/1.0\r\nX-First: 1\r\nx-first: 2\r\n"
        b"Set-Cookie: a=1; Path=/; Expires=Thu, 26 Nov 2026 07:00:00 GMT\r\n"
        b"X-Latin: caf\xe9 \xff\x80\r\nset-cookie: b=2, c=3\r\nX-Empty: \r\nSET-COOKIE: a=2\r\nX-First: 3\r\n"
        b'WWW-Authenticate: Basic realm="a, b", Bearer\r\nLink: </x>; rel="next"\r\n'
    )
    for cookies in (True, False):  # a head that sets none may be remembered
        told = (
            fields
            if cookies
            else b"".join(
                line
                for line in fields.splitlines(keepends=True)
                if not line.lower().startswith(b"set-cookie")
            )
        )
        whole = b"HTTP/1.1 299 Rather \xfcnusual\r\n" + told + b"Content-Length: 2\r\n\r\nok"
        async with answering(tmp_path, whole, fast_lane=fast_lane) as (_, client):
            answer = await twice(client, get("/", host=HOST))
            assert answer.head.startswith(
                b"HTTP/1.1 299 Rather \xfcnusual\r\n" + told + b"Content-Length: 2\r\n"
            )
            assert answer.body == b"ok"


@LANES
async def test_F13_nothing_is_added_that_nobody_said(tmp_path: Path, *, fast_lane: bool) -> None:
    async with answering(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", fast_lane=fast_lane) as (
        door,
        client,
    ):
        answer = await twice(client, get("/", host=HOST))
        assert without_id(answer.head) == [b"HTTP/1.1 200 OK", b"Content-Length: 0"]
        for name in ("Accept", "Accept-Encoding", "User-Agent", "Content-Type", "Content-Length"):
            assert field(name, door.upstream.requests[-1]) == []


@LANES
async def test_interim_answers_and_trailers_end_here(tmp_path: Path, *, fast_lane: bool) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"2\r\nhe\r\n3;ext=1\r\nllo\r\n0\r\nX-Sum: 5\r\nSet-Cookie: a=b\r\n\r\n"
    async with answering(tmp_path, interim + chunked + body, fast_lane=fast_lane) as (_, client):
        await client.write(get("/", "TE: trailers", "Connection: close", host=HOST))
        raw = await client.rest()
        head, _, rest = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"railer:" not in head
        assert rest in (b"5\r\nhello\r\n0\r\n\r\n", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")


@LANES
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_long_poll_is_answered_as_soon_as_there_is_something(
    tmp_path: Path, framing: str, *, fast_lane: bool
) -> None:
    heads = {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "close": b"HTTP/1.1 200 OK\r\n\r\n",
    }
    pieces = [b"5\r\nfirst\r\n", b"5\r\nsecon\r\n"] if framing == "chunked" else [b"first", b"secon"]
    async with (
        Poll() as app,
        running_gateway(tmp_path, upstream=app.url, route_keys=PUBLIC, fast_lane=fast_lane) as gate,
        await RawConnection.open(gate.port) as client,
    ):
        await client.write(get("/poll", host=HOST))
        await app.asked()
        await app.push(heads[framing])
        async with asyncio.timeout(10):
            assert (await client.answer(head_only=True)).status == 200
            for piece, told in zip(pieces, (b"first", b"secon"), strict=True):
                await app.push(piece)
                await client.reader.readuntil(told)


class Poll(LastingApp):
    """An app that answers when it is told to, and with what."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = asyncio.Event()

    async def asked(self) -> None:
        async with asyncio.timeout(10):
            await self._asked.wait()

    async def _last(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        self._asked.set()
        await reader.read()
