"""One request and its answer over a real socket: relayed, streamed, held back, cut."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from gateway.errors import RequestRejected, UpstreamBroken, UpstreamTimeout
from gateway.model.upstream import Timeouts
from gateway.upstream.answer import AnswerReader
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.pool import Pool
from gateway.upstream.reserved import Reserved
from gateway.upstream.wire import HIGH_WATER, Connection
from tests.fakes.dressing import TOLD, asking, pool_at, upstream_at
from tests.fakes.upstream import RecordingUpstream, ok


class ClientGone(Exception):
    """What the front raises when the client hangs up in its body."""


def pool_to(up: RecordingUpstream, **facts: object) -> Pool:
    return pool_at(upstream_at(up.port, **facts), AnswerHeads(Reserved((TOLD,)).answers))


async def body_of(*pieces: bytes, then: BaseException | asyncio.Event | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if isinstance(then, asyncio.Event):
        await then.wait()
    elif then is not None:
        raise then


async def test_a_small_answer_is_whole_at_once() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        async with pool.send(asking()) as answer:
            assert (answer.head.status, answer.head.reason, answer.head.length) == (200, b"OK", 5)
            assert answer.whole() == b"hello"
            assert [piece async for piece in answer.chunks()] == []
        assert up.requests == [b"GET / HTTP/1.1\r\nHost: app\r\n\r\n"]
        await pool.close()


async def test_what_has_come_is_yielded_without_waiting() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        async with pool.send(asking()) as answer:
            pieces = answer.chunks()
            with pytest.raises(StopIteration) as got:
                pieces.__anext__().__await__().send(None)
            assert got.value.value == b"hello"
        await pool.close()


async def test_U09_nothing_is_read_ahead_of_a_large_piece_that_is_being_passed_on() -> None:
    large = bytes(range(256)) * 100_000
    async with RecordingUpstream() as up:
        up.answer_with(ok(large))
        pool = pool_to(up)
        async with pool.send(asking()) as answer:
            got, pieces = 0, answer.chunks()
            while got < 2**20:  # the first may be small
                piece = await anext(pieces)
                got += len(piece)
                for _ in range(20):
                    await asyncio.sleep(0)
                assert answer._reader.buffered == 0 or len(piece) <= HIGH_WATER
        await pool.close()


async def test_a_large_answer_comes_whole_in_pieces() -> None:
    large = bytes(range(256)) * 20_000
    async with RecordingUpstream() as up:
        up.answer_with(ok(large))
        pool = pool_to(up)
        async with pool.send(asking()) as answer:
            await asyncio.sleep(0.05)
            assert answer.whole() is None
            assert b"".join([piece async for piece in answer.chunks()]) == large
        async with pool.send(asking()) as answer:
            assert b"".join([piece async for piece in answer.chunks()]) == large
        assert up.connections == 1
        await pool.close()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_H10_a_declared_body_is_sent_as_it_is(method: str) -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        async with pool.send(asking(method, body=6), body_of(b"abc", b"", b"def")) as answer:
            assert answer.head.status == 200
        assert up.requests[0].endswith(b"Content-Length: 6\r\n\r\nabcdef")
        await pool.close()


async def test_a_chunked_body_is_sent_in_chunks_and_the_connection_kept() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        for _ in range(2):
            async with pool.send(asking("POST", body=-1), body_of(b"a" * 26, b"", b"b")) as answer:
                assert answer.whole() == b"hello"
            assert up.requests[-1].endswith(b"\r\n\r\n1a\r\n" + b"a" * 26 + b"\r\n1\r\nb\r\n0\r\n\r\n")
        assert up.connections == 1
        await pool.close()


@pytest.mark.parametrize(("length", "framed"), [(3, b"abc"), (-1, b"3\r\nabc\r\n0\r\n\r\n")])
async def test_a_whole_body_goes_out_with_its_head_so_that_no_answer_to_it_is_early(
    monkeypatch: pytest.MonkeyPatch, length: int, framed: bytes
) -> None:
    begun: list[tuple[bytes, bool]] = []
    begin = Connection.begin

    def noted(
        connection: Connection, method: str, head: bytes, *, body_follows: bool, **more: Any
    ) -> AnswerReader:
        begun.append((head, body_follows))
        return begin(connection, method, head, body_follows=body_follows, **more)

    monkeypatch.setattr(Connection, "begin", noted)
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        for _ in range(2):
            outbound = asking("POST", body=length)
            async with pool.send(outbound, b"abc") as answer:
                assert answer.whole() == b"hello"
            assert up.requests[-1] == outbound.head + framed
        assert begun == [(outbound.head + framed, False)] * 2
        assert up.connections == 1
        await pool.close()


async def test_a_whole_body_of_another_length_than_declared_is_never_sent() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        for body in (b"ab", b"abcd"):
            with pytest.raises(RequestRejected):
                pool.send(asking("POST", body=3), body)
        assert up.connections == 0
        await pool.close()


async def test_H43_a_whole_body_is_sent_once_also_where_its_connection_was_dead() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        async with pool.send(asking()) as answer:
            answer.whole()
        up.fault = "no answer"
        with pytest.raises(UpstreamBroken):
            async with pool.send(asking("PUT", body=3), b"abc"):
                pass
        assert [request.split(b" ")[0] for request in up.requests] == [b"GET", b"PUT"]
        await pool.close()


async def test_U09_a_large_body_waits_for_a_slow_upstream() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 65_536

    async with RecordingUpstream() as up:
        up.fault = "deaf"
        pool = pool_to(up, timeouts=Timeouts(idle=0.3))
        with pytest.raises(UpstreamTimeout):
            async with pool.send(asking("POST", body=-1), endless()):
                pass
        assert taken < 400
        await pool.close()


async def test_H19_an_aborted_body_is_never_ended() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        with pytest.raises(ClientGone):
            async with pool.send(asking("POST", body=-1), body_of(b"abc", then=ClientGone())):
                pass
        await up.closed()
        assert up.requests == []
        assert up.partial[0].endswith(b"3\r\nabc\r\n")
        await pool.close()


@pytest.mark.parametrize("pieces", [(b"ab",), (b"abcd",)])
async def test_a_body_of_another_length_than_declared_ends_the_connection(pieces: tuple[bytes, ...]) -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        with pytest.raises(RequestRejected):
            async with pool.send(asking("POST", body=3), body_of(*pieces)):
                pass
        await up.closed()
        assert up.requests == []
        await pool.close()


async def test_H27_an_early_answer_is_relayed_and_the_rest_not_sent() -> None:
    async with RecordingUpstream() as up:
        up.fault = "early"
        pool = pool_to(up)
        more = asyncio.Event()
        async with pool.send(asking("POST", body=10), body_of(b"abc", then=more)) as answer:
            assert answer.head.status == 413
            assert answer.whole() == b"large"
        up.fault = ""
        async with pool.send(asking()) as answer:
            assert answer.whole() == b"hello"
        assert up.connections == 2
        await pool.close()


@pytest.mark.parametrize("unread", [b"body", b"x" * 8_000_000])
async def test_U06_H27_an_early_answer_that_stops_has_its_time(unread: bytes) -> None:
    async with RecordingUpstream() as up:
        up.fault = "deaf"
        pool = pool_to(up, timeouts=Timeouts(idle=0.1))
        exchange = pool.send(asking("POST", body=-1), body_of(unread, then=asyncio.Event()))
        entering = asyncio.create_task(exchange.__aenter__())
        await up.request()
        await up.push(b"HTTP/1.1 413 Large\r\nContent-Length: 9\r\n\r\nlarge")
        answer = await entering
        with pytest.raises(UpstreamTimeout):
            assert [piece async for piece in answer.chunks()] == [b"large"]
        await exchange.__aexit__(None, None, None)
        await pool.close()


async def test_U06_the_answer_to_a_streamed_body_has_its_time_from_its_end() -> None:
    async with RecordingUpstream() as up:
        up.fault = "silent"
        pool = pool_to(up, timeouts=Timeouts(first_byte=0.05))
        with pytest.raises(UpstreamTimeout):
            async with pool.send(asking("POST", body=4), body_of(b"bo", b"dy")):
                pass
        await pool.close()


async def test_U06_an_answer_that_began_before_the_body_was_over_has_its_time_between_bytes() -> None:
    rest = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"bo"
        await rest.wait()
        yield b"dy"

    async with RecordingUpstream() as up:
        up.fault = "deaf"
        pool = pool_to(up, timeouts=Timeouts(idle=0.05))
        exchange = pool.send(asking("POST", body=4), body())
        entering = asyncio.create_task(exchange.__aenter__())
        await up.request()
        await up.push(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun")
        answer = await entering
        rest.set()
        with pytest.raises(UpstreamTimeout):
            assert [piece async for piece in answer.chunks()] == [b"begun"]
        await exchange.__aexit__(None, None, None)
        await pool.close()


async def test_a_refusal_that_comes_after_the_whole_body_keeps_the_connection() -> None:
    async with RecordingUpstream() as up:
        up.answer_with(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n")
        pool = pool_to(up)
        async with pool.send(asking("POST", body=4), body_of(b"bo", b"dy")) as answer:
            await up.push(b"gone")
            assert b"".join([piece async for piece in answer.chunks()]) == b"gone"
        assert pool.idle(asking()) is not None
        await pool.close()


async def test_F2_one_that_is_cancelled_while_the_upload_stops_leaves_no_connection_behind() -> None:
    stopping, stopped = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"body"
            await asyncio.Event().wait()
        finally:
            stopping.set()
            await stopped.wait()

    async with RecordingUpstream() as up:
        up.fault = "deaf"
        pool = pool_to(up)
        entering = asyncio.create_task(pool.send(asking("POST", body=-1), body()).__aenter__())
        await up.request()
        await up.push(b"HTTP/1.1 413 Large\r\nContent-Length: 9\r\n\r\nlarge")
        await stopping.wait()
        entering.cancel()
        await asyncio.wait((entering,))
        stopped.set()
        async with asyncio.timeout(10):
            while pool.busy:
                await asyncio.sleep(0.001)
        await pool.close()


async def test_H27_the_connection_of_an_early_answer_that_goes_on_is_not_kept() -> None:
    async with RecordingUpstream() as up:
        up.fault = "deaf"
        pool = pool_to(up)
        exchange = pool.send(asking("POST", body=-1), body_of(b"body", then=asyncio.Event()))
        entering = asyncio.create_task(exchange.__aenter__())
        await up.request()
        await up.push(b"HTTP/1.1 413 Large\r\nContent-Length: 5\r\n\r\nlar")
        answer = await entering
        pieces = answer.chunks()
        assert await anext(pieces) == b"lar"
        await up.push(b"ge")
        assert b"".join([piece async for piece in pieces]) == b"ge"
        assert pool.idle(asking()) is None
        await exchange.__aexit__(None, None, None)
        await pool.close()


async def test_a_streamed_answer_may_begin_before_the_body_is_over() -> None:
    gate = asyncio.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        writer.write(await reader.readexactly(3))
        await writer.drain()
        gate.set()
        writer.write(await reader.readexactly(3))
        await reader.read()
        writer.close()

    async def spoken() -> AsyncIterator[bytes]:
        yield b"abc"
        await gate.wait()
        yield b"def"

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    pool = pool_at(upstream_at(server.sockets[0].getsockname()[1]))
    async with pool.send(asking("POST", body=6), spoken()) as answer:
        assert b"".join([piece async for piece in answer.chunks()]) == b"abcdef"
    await pool.close()
    server.close()
    await server.wait_closed()


async def test_H42_a_cut_body_is_told_after_its_last_piece() -> None:
    async with RecordingUpstream() as up:
        up.fault = "truncated"
        pool = pool_to(up)
        async with pool.send(asking()) as answer:
            pieces = answer.chunks()
            assert await anext(pieces) == b"hello"
            with pytest.raises(UpstreamBroken):
                await anext(pieces)
        await pool.close()


async def test_leaving_early_closes_the_connection() -> None:
    async with RecordingUpstream() as up:
        up.fault = "slow body"
        pool = pool_to(up)
        async with pool.send(asking()) as answer:
            assert answer.head.status == 200
        up.release.set()
        await up.closed()
        await pool.close()


async def test_F2_a_cancelled_exchange_is_never_pooled() -> None:
    async with RecordingUpstream() as up:
        up.fault = "silent"
        pool = pool_to(up)

        async def ask() -> None:
            async with pool.send(asking()):
                pass

        task = asyncio.create_task(ask())
        await up.request()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        up.fault = ""
        async with pool.send(asking()) as answer:
            assert answer.whole() == b"hello"
        assert up.connections == 2
        await pool.close()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_H43_a_safe_request_is_repeated_once_on_a_connection_found_dead(method: str) -> None:
    async with RecordingUpstream() as up:
        up.answer_with(ok(b""))
        pool = pool_to(up)
        async with pool.send(asking(method)):
            pass
        up.fault = "no answer"
        with pytest.raises(UpstreamBroken):
            async with pool.send(asking(method)):
                pass
        assert len(up.requests) == 3
        await pool.close()


async def test_H43_what_is_repeated_is_made_anew_where_its_head_serves_but_once() -> None:
    again = asking(target=b"/again")
    async with RecordingUpstream() as up:
        up.answer_with(ok(b""))
        pool = pool_to(up)
        async with pool.send(asking()):
            pass
        up.fault = "no answer"
        with pytest.raises(UpstreamBroken):
            async with pool.send(msgspec.structs.replace(asking(target=b"/first"), anew=lambda: again)):
                pass
        assert [request.split(b" ")[1] for request in up.requests] == [b"/", b"/first", b"/again"]
        await pool.close()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_H43_other_requests_are_never_repeated(method: str) -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        async with pool.send(asking(method)):
            pass
        up.fault = "no answer"
        with pytest.raises(UpstreamBroken):
            async with pool.send(asking(method)):
                pass
        assert len(up.requests) == 2
        await pool.close()


async def test_H43_a_get_with_a_body_or_with_a_byte_answered_is_never_repeated() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        for fault, body in (("no answer", 3), ("cut head", None)):
            up.fault = ""
            async with pool.send(asking()):
                pass
            before = len(up.requests)
            up.fault = fault
            with pytest.raises(UpstreamBroken):
                async with pool.send(asking("GET", body=body), body_of(b"abc")):
                    pass
            assert len(up.requests) == before + 1
        await pool.close()


async def test_H43_a_kept_connection_that_stays_silent_is_not_found_dead() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, timeouts=Timeouts(first_byte=0.05))
        async with pool.send(asking()) as answer:
            assert answer.whole() == b"hello"
        up.fault = "silent"
        with pytest.raises(UpstreamTimeout):
            async with pool.send(asking()):
                pass
        assert (len(up.requests), up.connections) == (2, 1)
        await pool.close()


async def test_a_new_connection_that_dies_is_not_tried_again() -> None:
    async with RecordingUpstream() as up:
        up.fault = "no answer"
        pool = pool_to(up)
        with pytest.raises(UpstreamBroken):
            async with pool.send(asking()):
                pass
        assert len(up.requests) == 1
        await pool.close()
