"""Connections are counted while they are open, and a drain ends each in its time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import http_parser

from gateway.front.connection import Connection
from gateway.front.limits import Limits
from gateway.front.server import Server, check_server
from tests.fakes.front import anybody
from tests.fakes.raw_client import RawConnection, get


class Slow:
    """Answers each request once it is let go."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, connection: Connection, message: object, payload: object) -> bool:
        self.asked.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return not connection.draining


@asynccontextmanager
async def serving(handler: Slow) -> AsyncIterator[tuple[Server, int, asyncio.Server]]:
    server = Server(handler, limits=Limits(), refuse=lambda error, peer: b"", crowd=anybody())
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield server, listening.sockets[0].getsockname()[1], listening
    finally:
        listening.close()
        await server.drain(0.01)


async def until(server: Server, count: int) -> None:
    async with asyncio.timeout(5):
        while server.open_connections != count:
            await asyncio.sleep(0.001)


async def test_a_connection_is_counted_while_it_is_open() -> None:
    async with serving(Slow()) as (server, port, _):
        async with await RawConnection.open(port), await RawConnection.open(port):
            await until(server, 2)
        await until(server, 0)


async def test_a_drain_waits_for_the_answer_and_not_for_the_idle() -> None:
    handler = Slow()
    async with serving(handler) as (server, port, _):
        idle, busy = await RawConnection.open(port), await RawConnection.open(port)
        await busy.write(get("/", host="x"))
        await handler.asked.wait()
        draining = asyncio.create_task(server.drain(5))
        assert await idle.rest() == b""
        assert not draining.done()
        handler.go.set()
        assert (await busy.answer()).status == 200
        assert await busy.rest() == b""
        await draining
        assert (server.open_connections, handler.cancelled) == (0, 0)
        idle.close()
        busy.close()


async def test_a_drain_with_patience_waits_for_one_more_request_and_no_longer() -> None:
    handler = Slow()
    handler.go.set()
    async with serving(handler) as (server, port, _), await RawConnection.open(port) as idle:
        await idle.write(get("/", host="x"))
        assert (await idle.answer()).status == 200
        draining = asyncio.create_task(server.drain(60, patience=0.05))
        assert await idle.rest() == b""
        async with asyncio.timeout(20):
            await draining


async def test_a_drain_answers_a_request_half_of_whose_head_has_come() -> None:
    handler = Slow()
    handler.go.set()
    request = get("/", host="x")
    async with serving(handler) as (server, port, _):
        client = await RawConnection.open(port)
        await client.write(request)
        assert (await client.answer()).status == 200
        await client.write(request[:20])
        (connection,) = [each for each in server.connections if isinstance(each, Connection)]
        async with asyncio.timeout(5):
            while connection.idle:
                await asyncio.sleep(0.001)
        draining = asyncio.create_task(server.drain(5))
        while not connection.draining:
            await asyncio.sleep(0)
        await client.write(request[20:])
        assert (await client.answer()).status == 200
        assert await client.rest() == b""
        await draining
        client.close()


async def test_a_drain_cuts_what_takes_too_long_and_waits_until_it_noticed() -> None:
    handler = Slow()
    async with serving(handler) as (server, port, _):
        async with await RawConnection.open(port) as client:
            await client.write(get("/", host="x"))
            await handler.asked.wait()
            await server.drain(0.01)
            assert await client.rest() == b""
        assert (server.open_connections, handler.cancelled) == (0, 1)


async def test_a_connection_that_comes_during_the_drain_is_ended() -> None:
    async with serving(Slow()) as (server, port, listening):
        await server.drain(0.01)
        assert listening.is_serving()
        async with await RawConnection.open(port) as client:
            assert await client.rest() == b""
        await until(server, 0)


def test_C10_the_server_is_checked_before_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    check_server()
    monkeypatch.setattr(http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy)
    with pytest.raises(RuntimeError, match="C parser"):
        check_server()
