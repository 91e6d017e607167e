"""Answers reach whoever reads them, and cost little where nobody does; a connection ends in its time."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.front.limits import Limits
from gateway.front.server import Server
from tests.fakes.front import anybody, ask, front

GET = b"GET / HTTP/1.1"


async def test_an_idle_connection_is_closed_without_a_word(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(keepalive=0.05)) as door:
        async with await door.open() as client:
            assert await client.rest() == b""
        async with await door.open() as client:
            await client.write(ask(GET))
            assert (await client.answer()).status == 200
            assert await client.rest() == b""


async def test_U03_a_client_that_stops_reading_is_cut_off_and_costs_little(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(write_idle=0.1)) as door:
        door.upstream.answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"a" * 50_000_000)
        async with await door.open() as client:
            client.writer.transport.pause_reading()
            await client.write(ask(GET))
            async with asyncio.timeout(10):
                await door.upstream.closed()
    assert [line["status"] for line in door.gateway.events("request")] == [200]
    assert door.gateway.events("request.fault") == []


async def test_a_slow_reader_that_reads_is_served_to_the_end(tmp_path: Path) -> None:
    size = 8_000_000
    async with front(tmp_path, limits=Limits(write_idle=0.3)) as door, await door.open() as client:
        door.upstream.answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
        await client.write(ask(GET))
        await client.reader.readuntil(b"\r\n\r\n")
        read = 0
        while read < size:
            read += len(await client.reader.read(1_000_000))
            await asyncio.sleep(0.05)
        assert read == size


class Stalled(asyncio.Transport):
    """A transport whose other end takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = asyncio.Event()

    def get_write_buffer_size(self) -> int:
        return 1

    def close(self) -> None: ...

    def abort(self) -> None:
        self.aborted.set()


async def test_last_bytes_that_are_not_taken_do_not_keep_a_connection() -> None:
    async def never(*_: object) -> bool:
        raise NotImplementedError

    server = Server(never, limits=Limits(write_idle=0.01), refuse=lambda error, peer: b"", crowd=anybody())
    connection, transport = server(), Stalled()
    connection.connection_made(transport)
    await asyncio.sleep(0)
    connection.force_close()
    async with asyncio.timeout(1):
        await transport.aborted.wait()
    connection.connection_lost(None)
    assert server.open_connections == 0


async def test_U26_a_client_that_hangs_up_ends_the_upstream_request(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        door.upstream.fault = "silent"
        async with await door.open() as client:
            await client.write(ask(GET))
            await door.upstream.request()
            tasks = len(asyncio.all_tasks())
        door.upstream.release.set()
        await door.upstream.closed()
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= tasks
    told = door.gateway.events("request")
    assert [line["status"] for line in told] == [499]
    assert door.gateway.events("request.fault") == []


async def test_a_request_is_told_once_whatever_becomes_of_it(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(head_time=0.05)) as door:
        door.upstream.fault = "truncated"
        async with await door.open() as client:
            await client.write(ask(GET))
            await client.rest()
        await door.refused(b"GET / HT", 408)
        await door.refused(b"BROKEN\r\n\r\n", 400)
        await door.refused(ask(b"GET /.. HTTP/1.1"), 400)
    assert [line["status"] for line in door.gateway.events("request")] == [200, 408, 400, 400]
    assert [line["error"] for line in door.gateway.events("request.fault")] == ["UpstreamBroken"]


async def test_a_refusal_arrives_although_the_client_is_still_sending(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        for start in (b"BROKEN\r\n\r\n", ask(b"POST /.. HTTP/1.1", b"Content-Length: 200000")):
            async with await door.open() as client:
                client.writer.write(start)
                for _ in range(20):
                    client.writer.write(b"a" * 10_000)
                    await asyncio.sleep(0)
                assert (await client.answer()).status == 400
                assert await client.rest() == b""


async def test_a_client_that_never_stops_sending_is_read_for_a_moment_only(tmp_path: Path) -> None:
    async with front(tmp_path, limits=Limits(linger_time=0.2, linger_bytes=10_000)) as door:
        loop = asyncio.get_running_loop()
        async with await door.open() as client:
            began = loop.time()
            await client.write(b"BROKEN\r\n\r\n")
            sent = 0
            with suppress(ConnectionError):
                while sent < 50_000_000:
                    await client.write(b"a" * 100_000)
                    sent += 100_000
            assert loop.time() - began < 5
            assert sent < 50_000_000


@pytest.mark.parametrize(
    ("version", "field", "stays"),
    [
        (b"1.1", b"X: a", True),
        (b"1.1", b"Connection: close", False),
        (b"1.1", b"Connection: x, Close", False),
        (b"1.0", b"X: a", False),
        (b"1.0", b"Connection: keep-alive", True),
    ],
)
async def test_a_connection_stays_open_as_the_client_asks(
    tmp_path: Path, version: bytes, field: bytes, stays: bool
) -> None:
    async with front(tmp_path) as door, await door.open() as client:
        await client.write(ask(b"GET / HTTP/" + version, field))
        answer = await client.answer()
        assert answer.body == b"hello"
        said = answer.values("connection")
        if not stays:
            assert said == [b"close"]
            assert await client.rest() == b""
            return
        assert said == ([b"keep-alive"] if version == b"1.0" else [])
        await client.write(ask(b"GET / HTTP/" + version, field))
        assert (await client.answer()).body == b"hello"
