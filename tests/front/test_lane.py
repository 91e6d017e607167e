"""The fast lane changes the plumbing and nothing else: the same bytes go both ways, with it and without."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.front.connection import Connection
from gateway.front.lane import Lane
from gateway.front.limits import Limits
from gateway.passage import Passage
from gateway.pipeline import Course, Pipeline
from gateway.upstream.headers import Dresser
from gateway.upstream.outbound import Outbound
from tests.fakes.front import Door, ask, front
from tests.fakes.raw_client import RawConnection
from tests.fakes.upstream import ok

GET = b"GET /x HTTP/1.1"


@dataclass
class Taken:
    """How many requests the lane took, how many of them unparsed, and how many it left."""

    yes: int = 0
    again: int = 0
    no: int = 0


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    """Count what the lane takes."""
    counted, take, repeat = Taken(), Lane.take, Lane.repeat

    def counting(self: Lane, *given: object) -> bool:
        took = take(self, *given)  # type: ignore[arg-type]
        counted.yes += took
        counted.no += not took
        return took

    def repeating(self: Lane, *given: object) -> bool:
        took = repeat(self, *given)  # type: ignore[arg-type]
        counted.yes += took
        counted.again += took
        return took

    monkeypatch.setattr(Lane, "take", counting)
    monkeypatch.setattr(Lane, "repeat", repeating)
    return counted


@asynccontextmanager
async def warm(tmp_path: Path, **more: object) -> AsyncIterator[tuple[Door, RawConnection]]:
    """A gateway with the lane on and one idle upstream connection, and a client's connection to it."""
    async with front(tmp_path, fast_lane=True, **more) as door, await door.open() as client:  # type: ignore[arg-type]
        await client.write(ask(GET))
        assert (await client.answer()).status == 200
        yield door, client


async def test_a_warm_request_takes_the_lane_and_our_own_pages_do_not(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        assert (taken.yes, taken.no) == (0, 1)  # no upstream connection was open yet
        for _ in range(3):
            await client.write(ask(GET))
            assert (await client.answer()).status == 200
        assert taken.yes == 3
        await client.write(ask(b"GET /.gateway/session HTTP/1.1"))
        assert (await client.answer()).body == b"null"
        assert taken.yes == 3
        assert door.upstream.connections == 1


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"GET"])
async def test_a_small_body_that_comes_with_its_head_goes_with_it(
    tmp_path: Path, taken: Taken, method: bytes
) -> None:
    async with warm(tmp_path) as (door, client):
        for size in (0, 2, 16_384):
            length = b"Content-Length: %d" % size
            await client.write(ask(method + b" /x HTTP/1.1", length, body=b"x" * size))
            assert (await client.answer()).status == 200
        assert taken.yes >= 2  # the largest may come in pieces
        assert [each.partition(b"\r\n\r\n")[2] for each in door.upstream.requests] == [
            b"",
            b"",
            b"xx",
            b"x" * 16_384,
        ]
        assert door.upstream.connections == 1


@pytest.mark.parametrize(
    "pieces",
    [
        [ask(b"POST /x HTTP/1.1", b"Content-Length: 2", body=b"hi")],
        [ask(b"POST /x HTTP/1.1", b"Content-Length: 2", body=b"h"), b"i"],
        [ask(b"POST /x HTTP/1.1", b"Content-Length: 2"), b"hi"],
        [ask(b"POST /x HTTP/1.1", b"Content-Length: 100000"), b"a" * 100_000],
    ],
    ids=["whole", "cut", "apart", "large"],
)
async def test_a_head_is_known_again_after_a_body(tmp_path: Path, taken: Taken, pieces: list[bytes]) -> None:
    async with warm(tmp_path) as (_, client):
        await client.write(ask(GET))
        assert (await client.answer()).status == 200
        for piece in pieces:
            await client.write(piece)
            await asyncio.sleep(0.01)
        assert (await client.answer()).status == 200
        await client.write(ask(GET))
        assert (await client.answer()).status == 200
        assert taken.again == 2


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ((b"Content-Length: 16385",), b"x" * 16_385),
        ((b"Transfer-Encoding: chunked",), b"2\r\nhi\r\n0\r\n\r\n"),
        ((b"Content-Length: 2", b"Expect: 100-continue"), b"hi"),
    ],
    ids=["large", "chunks", "expected"],
)
async def test_other_bodies_are_left_to_the_ordinary_lane(
    tmp_path: Path, taken: Taken, fields: tuple[bytes, ...], body: bytes
) -> None:
    async with warm(tmp_path) as (door, client):
        await client.write(ask(b"POST /x HTTP/1.1", *fields, body=body))
        answer = await client.answer()
        if answer.status == 100:
            answer = await client.answer()
        assert (answer.status, taken.yes) == (200, 0)
        assert len(door.upstream.requests) == 2


async def test_a_head_never_leaves_without_the_body_that_it_declares(
    tmp_path: Path, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = Connection._fits
    monkeypatch.setattr(
        Connection, "_fits", lambda self, lane, message, _: fits(self, lane, message, EMPTY_PAYLOAD)
    )
    async with warm(tmp_path) as (door, client):
        await client.write(ask(b"POST /x HTTP/1.1", b"Content-Length: 2", body=b"hi"))
        assert ((await client.answer()).status, taken.yes) == (200, 0)
        assert door.upstream.requests[-1].endswith(b"\r\n\r\nhi")


async def test_a_body_is_sent_once_whatever_became_of_its_connection(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        door.upstream.fault = "hang up"
        await client.write(ask(b"POST /x HTTP/1.1", b"Content-Length: 2", body=b"hi"))
        assert (await client.answer()).status == 502
        assert (taken.yes, door.upstream.connections) == (1, 1)


async def test_U10_a_body_above_its_routes_limit_is_413_in_the_lane_too(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path, route_keys='access = "public"\nmax_body = "1KiB"') as (door, client):
        for size, status in ((1024, 200), (1025, 413)):
            length = b"Content-Length: %d" % size
            await client.write(ask(b"POST /x HTTP/1.1", length, body=b"x" * size))
            assert (await client.answer()).status == status
        assert (taken.yes, len(door.upstream.requests)) == (1, 2)


def rest_of(head: bytes) -> bytes:
    return head[head.index(b" HTTP/1.1") :]


async def test_a_head_that_repeats_the_last_one_is_not_parsed_again(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        for target in (b"/x", b"/y?z=1", b"/x", b"/%41"):
            await client.write(b"GET %b%b" % (target, rest_of(ask(GET))))
            assert (await client.answer()).status == 200
        assert taken.again == 4
        lines = [each.split(b"\r\n")[0] for each in door.upstream.requests[-4:]]
        assert lines == [b"GET /x HTTP/1.1", b"GET /y?z=1 HTTP/1.1", b"GET /x HTTP/1.1", b"GET /%41 HTTP/1.1"]


async def test_a_request_that_repeats_one_goes_the_same_way_with_ids_of_its_own(
    tmp_path: Path, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    courses, again = [], Pipeline.again

    def counting(self: Pipeline, course: Course, passage: Passage) -> Outbound | None:
        courses.append(course.inbound.target)
        return again(self, course, passage)

    monkeypatch.setattr(Pipeline, "again", counting)
    async with warm(tmp_path) as (door, client):
        for target in (b"/x", b"/x", b"/x", b"/y", b"/x", b"/x"):
            await client.write(b"GET %b%b" % (target, rest_of(ask(GET))))
            assert (await client.answer()).status == 200
        assert taken.again == 6
        assert courses == [b"/x"] * 4  # not the one after another target
        sent = [each.split(b"\r\n") for each in door.upstream.requests]
        ids = [line for lines in sent for line in lines if line.startswith(b"X-Request-Id: ")]
        traces = [line for lines in sent for line in lines if line.startswith(b"traceparent: ")]
        assert len(set(ids)) == len(set(traces)) == len(sent) == 7
        rest = [
            [line for line in lines if not line.startswith((b"X-Request-Id", b"traceparent"))]
            for lines in sent
        ]
        assert rest[1] == rest[2] == rest[3] == rest[5] == rest[6]


async def test_a_head_is_known_again_on_another_connection_of_the_same_peer(
    tmp_path: Path, taken: Taken
) -> None:
    async with warm(tmp_path) as (door, client):
        async with await door.open() as other:
            await other.write(ask(b"GET /z HTTP/1.1"))
            assert (await other.answer()).status == 200
            assert taken.again == 1
            await other.write(ask(b"GET /z HTTP/1.1", b"X-B: 1"))
            assert (await other.answer()).status == 200
        await client.write(ask(b"GET /y HTTP/1.1", b"X-B: 1"))
        assert (await client.answer()).status == 200
        assert taken.again == 2
        assert [b"X-B: 1" in each for each in door.upstream.requests] == [False, False, True, True]


NOT_TARGETS = (
    b"",
    b" ",
    b"x",
    b"*",
    b"/a b",
    b"/..",
    b"/%2e%2e/x",
    b"/a\rb",
    b"/a\nb",
    b"/a\x00b",
    b"/a#b",
    b"/\xff",
    b"/a HTTP/1.1\r\nHost: evil\r\n\r\nGET /b",
    b"/a HTTP/1.1\r\nHost: evil\r\nX-B:",
    b"http://evil/",
    b"//evil/x",
    b"/" + b"a" * 9000,
)


@pytest.mark.parametrize("target", NOT_TARGETS, ids=range(len(NOT_TARGETS)))
async def test_H01_what_is_no_target_is_judged_as_on_a_new_connection(
    tmp_path: Path, taken: Taken, target: bytes
) -> None:
    async with warm(tmp_path) as (door, client):
        head = b"GET %b%b" % (target, rest_of(ask(GET)))
        await client.write(head)
        warmed = await client.answer()
        async with await door.open() as fresh:
            await fresh.write(head)
            assert (await fresh.answer()).status == warmed.status >= 400
        assert (taken.again, len(door.upstream.requests)) == (0, 1)


@pytest.mark.parametrize(("first", "status"), [(b"\r\n", 200), (b"G", 400)])
async def test_a_head_after_a_beginning_is_parsed(
    tmp_path: Path, taken: Taken, first: bytes, status: int
) -> None:
    async with warm(tmp_path) as (door, client):
        await client.write(first)
        await door.passes(ask(GET, b"X-B: 1"))  # until then, what came before has been read
        await client.write(ask(GET))
        assert (await client.answer()).status == status
        assert taken.again == 0


async def test_a_head_is_never_taken_for_that_of_another_request_in_the_queue(tmp_path: Path) -> None:
    one, other = ask(GET, b"X-B: 1"), ask(GET, b"X-B: 2")
    async with warm(tmp_path) as (door, client):
        door.upstream.fault = "late"
        for head in (ask(GET), one, other):
            await client.write(head)
            await door.lives()  # until then, what came before has been read
        door.upstream.release.set()
        door.upstream.fault = ""
        for head in (b"", b"", b"", other, one, other):
            await client.write(head)
            assert (await client.answer()).status == 200
        told = [b"X-B: 1" in each for each in door.upstream.requests[2:]]
        assert told == [True, False, False, True, False]


async def test_only_a_get_is_repeated_unparsed(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (_, client):
        for line in (b"HEAD /x HTTP/1.1", b"HEAD /x HTTP/1.1", b"GET /x HTTP/1.1"):
            await client.write(ask(line))
            assert (await client.answer(head_only=line.startswith(b"HEAD"))).status == 200
        assert taken.again == 0


VARIED = (
    ask(GET),
    ask(b"HEAD /y HTTP/1.1", b"Accept: text/html", b"X-User-Id: admin"),
    ask(b"GET /a%20b?c=%2F HTTP/1.1", b"Connection: X-Gone", b"X-Gone: 1", b"Cookie: a=b; session=c"),
    ask(b"GET /../x HTTP/1.1"),
    ask(b"GET /gone HTTP/1.1", b"Range: bytes=0-1", b"If-None-Match: x"),
    ask(b"DELETE /x HTTP/1.1"),
)
ANSWERS = (
    ok(b"hello", b"X-A: 1", b"Set-Cookie: a=b", b"Set-Cookie: session=evil"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
)


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
async def test_the_same_bytes_go_both_ways_with_the_lane_and_without(tmp_path: Path, answer: bytes) -> None:
    told = []
    for fast_lane in (True, False):
        folder = tmp_path / str(fast_lane)
        folder.mkdir()
        async with front(folder, fast_lane=fast_lane) as door:
            door.upstream.answer_with(answer)
            seen = []
            async with await door.open() as client:
                for request in VARIED:
                    if client.writer.is_closing() or client.reader.at_eof():
                        break
                    await client.write(request)
                    got = await client.answer(head_only=request.startswith(b"HEAD"))
                    seen.append((got.status, _steady(got.head), got.body if got.status < 400 else b""))
                    if got.values("connection") == [b"close"]:
                        break
            told.append((seen, [_steady(each) for each in door.upstream.requests]))
    assert told[0] == told[1]


def _steady(head: bytes) -> bytes:
    """What of a head does not change from run to run."""
    head = re.sub(rb"(?im)^(x-request-id|traceparent|date|host): [^\r]*", rb"\1: -", head)
    return re.sub(rb"(?im)^(content-length): [^\r]*", rb"\1: -", head)


async def test_a_connection_found_dead_is_replaced_once(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        door.upstream.fault = "hang up"
        await client.write(ask(GET))
        answer = await client.answer()
        assert answer.status == 502
        assert taken.yes == 1
        assert door.upstream.connections == 2
        door.upstream.fault = ""
        await client.write(ask(GET))
        assert (await client.answer()).status == 200


async def test_what_is_handed_over_on_a_course_keeps_its_own_id(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        for _ in range(2):
            await client.write(ask(GET))
            assert (await client.answer()).status == 200
        door.upstream.fault = "hang up"
        await client.write(ask(GET))
        answer = await client.answer()
        assert (answer.status, taken.again) == (502, 3)
        (own,) = answer.values("x-request-id")
        heads = [each for each in door.upstream.requests if b"X-Request-Id: %b\r\n" % own in each]
        assert heads == door.upstream.requests[-2:]
    assert door.gateway.events("request")[-1]["request_id"] == own.decode()


@pytest.mark.parametrize(("fault", "status"), [("garbage", 502), ("two lengths", 502), ("huge head", 502)])
async def test_an_answer_that_is_none_is_refused_and_the_client_served_on(
    tmp_path: Path, taken: Taken, fault: str, status: int
) -> None:
    async with warm(tmp_path) as (door, client):
        door.upstream.fault = fault
        await client.write(ask(GET))
        assert (await client.answer()).status == status
        assert taken.yes == 1
        door.upstream.fault = ""
        await client.write(ask(GET))
        assert (await client.answer()).status == 200
    assert [line["status"] for line in door.gateway.events("request")] == [200, status, 200]


async def test_a_silent_upstream_is_504(tmp_path: Path, taken: Taken) -> None:
    tables = (
        '[upstreams.slow]\nurls = ["{upstream}"]\ntimeouts = { first_byte = "100ms" }\n'
        '[[routes]]\npath = "/slow"\nupstream = "slow"\naccess = "public"\n'
    )
    async with warm(tmp_path, tables=tables) as (door, client):
        await client.write(ask(b"GET /slow HTTP/1.1"))
        assert (await client.answer()).status == 200
        door.upstream.fault = "silent"
        await client.write(ask(b"GET /slow HTTP/1.1"))
        assert (await client.answer()).status == 504
        assert taken.yes == 1
        door.upstream.release.set()


async def test_U26_a_client_that_leaves_ends_the_request(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        door.upstream.fault = "silent"
        await client.write(ask(GET))
        await door.upstream.request()
        await door.upstream.request()
        client.close()
        async with asyncio.timeout(5):
            while door.gateway.app._metrics.in_flight:
                await asyncio.sleep(0.01)
        door.upstream.release.set()
        await door.upstream.closed()
        assert taken.yes == 1
    assert [line["status"] for line in door.gateway.events("request")] == [200, 499]


async def test_a_long_answer_is_handed_over_and_streams(tmp_path: Path, taken: Taken) -> None:
    body = bytes(range(256)) * 8192
    async with warm(tmp_path) as (door, client):
        door.upstream.answer_with(ok(body))
        for _ in range(3):
            await client.write(ask(GET))
            assert (await client.answer()).body == body
        assert taken.yes == 3
        assert door.upstream.connections == 1


async def test_H42_a_cut_answer_is_seen_cut(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        door.upstream.fault = "truncated"
        await client.write(ask(GET))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.answer()
        assert taken.yes == 1


async def test_H24_pipelined_requests_are_answered_in_order(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        await client.write(b"".join(ask(b"GET /%d HTTP/1.1" % place) for place in range(50)))
        for _ in range(50):
            assert (await client.answer()).status == 200
        targets = [each.split(b" ")[1] for each in door.upstream.requests[1:]]
        assert targets == [b"/%d" % place for place in range(50)]
        assert taken.yes > 0


async def test_a_bad_head_behind_a_request_under_way_waits_its_turn(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        door.upstream.fault = "late"
        await client.write(ask(GET))
        await door.upstream.request()
        await door.upstream.request()
        await client.write(b"NONSENSE\r\n\r\n")
        await asyncio.sleep(0)
        door.upstream.release.set()
        assert (await client.answer()).status == 200
        assert (await client.answer()).status == 400
        assert await client.rest() == b""
        assert taken.yes == 1


async def test_an_idle_end_does_not_cut_a_request_under_way(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path, limits=Limits(keepalive=0.05)) as (door, client):
        door.upstream.fault = "late"
        await client.write(ask(GET))
        await door.upstream.request()
        await door.upstream.request()
        await asyncio.sleep(0.15)  # the idle time is over, and somebody still waits
        door.upstream.release.set()
        assert (await client.answer()).status == 200
        assert await client.rest() == b""  # idle from here on: it ends in its time
        assert taken.yes == 1


async def test_C01_a_drain_lets_the_request_under_way_finish(tmp_path: Path, taken: Taken) -> None:
    async with warm(tmp_path) as (door, client):
        door.stopped = True
        door.upstream.fault = "late"
        await client.write(ask(GET))
        await door.upstream.request()
        await door.upstream.request()
        stopping = asyncio.create_task(door.gateway.app.stop(drain=5))
        await asyncio.sleep(0.05)
        door.upstream.release.set()
        answer = await client.answer()
        assert answer.status == 200
        assert answer.values("connection") == [b"close"]
        assert await client.rest() == b""
        await stopping
        assert taken.yes == 1


async def test_what_nobody_foresaw_is_left_to_the_ordinary_lane(
    tmp_path: Path, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("unforeseen")

    async with warm(tmp_path) as (door, client):
        monkeypatch.setattr(Dresser, "dress", broken)
        monkeypatch.setattr(Dresser, "cast", broken)
        before = len(door.upstream.requests)
        await client.write(ask(GET))
        answer = await client.answer()
        assert answer.status == 500
        assert taken.yes == 0
        assert len(door.upstream.requests) == before
    assert [line["status"] for line in door.gateway.events("request")] == [200, 500]
