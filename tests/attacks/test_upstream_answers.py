"""Hostile and broken upstreams (groups H and U), each against a real socket."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from gateway.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from gateway.model.inbound import RawHeaders
from gateway.model.upstream import Timeouts
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.pool import Pool
from gateway.upstream.reserved import Reserved
from tests.fakes.dressing import TOLD, asking, pool_at, upstream_at
from tests.fakes.ports import free_port
from tests.fakes.upstream import FAULTS, RecordingUpstream, ok

HEADS = AnswerHeads(Reserved((TOLD,)).answers)


def pool_to(up: RecordingUpstream, **facts: object) -> Pool:
    return pool_at(upstream_at(up.port, **facts))


async def ask(pool: Pool, method: str = "GET") -> tuple[int, RawHeaders, bytes]:
    async with pool.send(asking(method)) as answer:
        body = b"".join([piece async for piece in answer.chunks()])
        return answer.head.status, answer.head.headers, body


async def refused(fault: str) -> None:
    """Claim that *fault* is a 502, that its connection ends, and that the next request is served."""
    async with RecordingUpstream() as up:
        up.fault = fault
        pool = pool_to(up)
        with pytest.raises(UpstreamBroken) as told:
            await ask(pool)
        assert told.value.status == 502
        await up.closed()
        up.fault = ""
        assert (await ask(pool))[2] == b"hello"
        assert up.connections == 2
        await pool.close()


H38 = [
    "length and coding", "coding and length", "two lengths", "length list", "octal length", "signed length",
    "empty length", "huge length", "bare cr", "nul in value", "coding gzip", "coding xchunked",
    "coding gzip, chunked", "coding twice", "chunked in 1.0", "status 99", "status 1000", "http 0.9",
    "garbage", "rtsp", "bad chunk size",
]  # fmt: skip
H39 = [
    "bare lf",
    "folded line",
    "status 600",
    "http 2.0",
    "control in value",
    "control in reason",
    "space before colon",
]


@pytest.mark.parametrize("fault", H38)
async def test_H38_a_head_with_two_readings_is_502_and_the_connection_ends(fault: str) -> None:
    await refused(fault)


@pytest.mark.parametrize("fault", H39)
async def test_H39_what_httptools_or_aiohttp_would_take_is_502(fault: str) -> None:
    await refused(fault)


@pytest.mark.parametrize("fault", ["huge head", "endless head", "many fields"])
async def test_F13_a_head_over_64_kib_or_256_fields_is_502(fault: str) -> None:
    await refused(fault)


@pytest.mark.parametrize("fault", ["extra bytes", "two answers", "two chunked answers", "extra crlf"])
async def test_H40_bytes_after_a_complete_answer_reach_nobody(fault: str) -> None:
    async with RecordingUpstream() as up:
        up.fault = fault
        pool = pool_to(up)
        assert (await ask(pool))[2] in (b"hello", b"first")
        await up.closed()
        up.fault = ""
        assert (await ask(pool))[2] == b"hello"
        assert up.connections == 2
        await pool.close()


async def test_H40_no_user_ever_gets_an_answer_sent_before_the_question() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        for _ in range(20):
            await ask(pool)
            await up.push(ok(b"for somebody else"))
            assert (await ask(pool))[2] == b"hello"
        await pool.close()


@pytest.mark.parametrize(
    ("fault", "method"), [("body on HEAD", "HEAD"), ("body on 204", "GET"), ("body on 304", "GET")]
)
async def test_H41_a_body_where_none_may_be_is_dropped_with_the_connection(fault: str, method: str) -> None:
    async with RecordingUpstream() as up:
        up.fault = fault
        pool = pool_to(up)
        assert (await ask(pool, method))[2] == b""
        await up.closed()
        up.fault = ""
        assert (await ask(pool))[2] == b"hello"
        await pool.close()


@pytest.mark.parametrize("fault", ["1xx storm", "unasked upgrade", "bare 101"])
async def test_H41_interim_storms_and_unasked_upgrades_are_502(fault: str) -> None:
    await refused(fault)


async def test_U13_early_hints_are_dropped_and_never_final() -> None:
    async with RecordingUpstream() as up:
        up.answer_with(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 16 + ok(b"hello", b"X: y"))
        pool = pool_to(up)
        assert await ask(pool) == (200, ((b"X", b"y"), (b"Content-Length", b"5")), b"hello")
        await pool.close()


@pytest.mark.parametrize("fault", ["truncated", "cut chunk", "no last chunk"])
async def test_H42_U07_a_cut_body_is_told_as_broken(fault: str) -> None:
    async with RecordingUpstream() as up:
        up.fault = fault
        pool = pool_to(up)
        async with pool.send(asking()) as answer:
            pieces = answer.chunks()
            assert await anext(pieces) == b"hello"
            with pytest.raises(UpstreamBroken):
                await anext(pieces)
        await pool.close()


@pytest.mark.parametrize("fault", ["no answer", "cut head"])
async def test_U07_nothing_sent_yet_is_502(fault: str) -> None:
    async with RecordingUpstream() as up:
        up.fault = fault
        pool = pool_to(up)
        with pytest.raises(UpstreamBroken):
            await ask(pool)
        await pool.close()


async def test_H20_trailers_are_dropped() -> None:
    async with RecordingUpstream() as up:
        up.fault = "trailers"
        pool = pool_to(up)
        assert await ask(pool) == (200, (), b"hello")
        await pool.close()


async def test_H20_ten_thousand_trailers_are_refused() -> None:
    async with RecordingUpstream() as up:
        up.fault = "many trailers"
        pool = pool_to(up)
        with pytest.raises(UpstreamBroken):
            await ask(pool)
        await pool.close()


async def test_H27_an_early_answer_ends_its_connection() -> None:
    never = asyncio.Event()

    async def upload() -> AsyncIterator[bytes]:
        yield b"abc"
        await never.wait()

    async with RecordingUpstream() as up:
        up.fault = "early"
        pool = pool_to(up)
        async with pool.send(asking("POST", body=1_000_000), upload()) as answer:
            assert (answer.head.status, answer.whole()) == (413, b"large")
        up.fault = ""
        assert (await ask(pool))[2] == b"hello"
        assert up.connections == 2
        await pool.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_H43_what_is_not_safe_is_sent_once(method: str) -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        await ask(pool)
        up.fault = "no answer"
        with pytest.raises(UpstreamBroken):
            await ask(pool, method)
        assert [request[: len(method)] for request in up.requests[1:]] == [method.encode()]
        await pool.close()


async def test_H43_a_get_on_a_connection_found_dead_is_sent_once_more() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        await ask(pool)
        up.fault = "no answer"
        with pytest.raises(UpstreamBroken):
            await ask(pool)
        assert len(up.requests) == 3
        await pool.close()


async def test_U06_a_silent_upstream_is_504_and_its_connection_ends() -> None:
    async with RecordingUpstream() as up:
        up.fault = "silent"
        pool = pool_to(up, timeouts=Timeouts(first_byte=0.1))
        with pytest.raises(UpstreamTimeout) as told:
            await ask(pool)
        assert told.value.status == 504
        up.release.set()
        await up.closed()
        await pool.close()


async def test_U08_a_dead_upstream_is_502_within_a_second() -> None:
    pool = pool_at(upstream_at(free_port()))
    async with asyncio.timeout(1):
        with pytest.raises(UpstreamUnreachable) as told:
            await ask(pool)
    assert told.value.status == 502
    await pool.close()


async def test_U19_bytes_after_a_refused_upgrade_go_with_the_connection() -> None:
    async with RecordingUpstream() as up:
        up.answer_with(ok(b"no") + b"\x81\x05hello", ok(b"hello"))
        pool = pool_to(up)
        assert (await ask(pool))[2] == b"no"
        assert (await ask(pool))[2] == b"hello"
        assert up.connections == 2
        await pool.close()


async def test_U20_names_that_speak_for_the_gateway_are_removed() -> None:
    lines = [
        b"Keep-Alive: timeout=5", b"Proxy-Authenticate: Basic", b"Alt-Svc: h3", b"X-Hop: 1",
        b"Strict-Transport-Security: max-age=1", b"Clear-Site-Data: *", b"X-Accel-Redirect: /etc",
        b"Connection: x-hop", b"X-Gateway-Assertion: ey", b"X-Kept: 1",
    ]  # fmt: skip
    async with RecordingUpstream() as up:
        up.answer_with(ok(b"", *lines))
        pool = pool_to(up)
        assert (await ask(pool))[1] == ((b"X-Kept", b"1"), (b"Content-Length", b"0"))
        await pool.close()


async def test_U21_U22_a_coded_or_partial_body_passes_byte_for_byte() -> None:
    coded = bytes(range(256)) * 3
    headers = (b"Content-Encoding: gzip", b'ETag: "x"', b"Content-Range: bytes 0-767/9000")
    async with RecordingUpstream() as up:
        up.answer_with(ok(coded, *headers, status=b"206 Partial Content"))
        pool = pool_to(up)
        status, told, body = await ask(pool)
        assert (status, body) == (206, coded)
        assert told[:3] == tuple(tuple(line.split(b": ")) for line in headers)
        await pool.close()


async def test_U09_a_large_body_is_streamed_in_bounded_memory() -> None:
    pieces, piece = 1024, b"x" * 65_536
    seen = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (pieces * len(piece)))
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(pour, "127.0.0.1", 0)
    pool = pool_at(upstream_at(server.sockets[0].getsockname()[1]))
    tracemalloc.start()
    async with pool.send(asking()) as answer:
        async for got in answer.chunks():
            seen += len(got)
            await asyncio.sleep(0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seen == pieces * len(piece)
    assert peak < 4 * 1024 * 1024
    await pool.close()
    server.close()
    await server.wait_closed()


def test_every_fault_of_an_answer_is_tried() -> None:
    elsewhere = {
        "huge head", "endless head", "many fields", "extra bytes", "two answers", "two chunked answers",
        "extra crlf", "body on HEAD", "body on 204", "body on 304", "1xx storm", "unasked upgrade",
        "bare 101", "trailers", "many trailers",
    }  # fmt: skip
    assert set(FAULTS) == {*H38, *H39, *elsewhere}
