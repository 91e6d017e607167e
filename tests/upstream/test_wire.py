"""One connection: its timers, its backpressure, its silence."""

import asyncio

import pytest

from gateway.errors import UpstreamBroken, UpstreamTimeout
from gateway.model.turn import Turn
from gateway.model.upstream import Timeouts
from gateway.upstream import wire
from gateway.upstream.answer import AnswerReader
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.reserved import Reserved
from gateway.upstream.wire import HIGH_WATER, Connection, Released
from tests.fakes.dressing import asking
from tests.fakes.upstream import RecordingUpstream, ok


class Owner:
    """Remembers what it was given back."""

    def __init__(self) -> None:
        self.kept: list[Connection] = []
        self.lost = asyncio.Event()

    def keep(self, connection: Connection) -> None:
        self.kept.append(connection)

    def lose(self, connection: Connection) -> None:
        self.lost.set()

    def release(self, connection: Connection, successor: Released) -> None:
        self.released = connection, successor

    def forget(self, end: Released) -> None:
        self.lost.set()


async def connected(up: RecordingUpstream, owner: Owner, **timeouts: float) -> Connection:
    def new() -> Connection:
        return Connection(
            owner=owner,
            timeouts=Timeouts(**timeouts),
            heads=AnswerHeads(Reserved(()).answers),
            turn=Turn(),
            reuse=True,
        )

    _, connection = await asyncio.get_running_loop().create_connection(new, "127.0.0.1", up.port)
    return connection


async def answered(connection: Connection) -> AnswerReader:
    """Ask for something, and return the answer once it is whole."""
    reader = connection.begin("GET", asking().head, body_follows=False)
    while not reader.complete:
        await connection.more()
    return reader


async def test_a_connection_comes_back_once_its_answer_is_whole() -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        reader = connection.begin("GET", asking().head, body_follows=False)
        assert not connection.used
        while not reader.complete:
            await connection.more()
        assert owner.kept == [connection]
        assert connection.used
        assert connection.silent()
        connection.drop()
        await owner.lost.wait()


async def test_U25_one_that_idles_is_over_with_the_time_since_its_address_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "LIFETIME", 1.0)
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        await answered(connection)
        assert not connection.closed
        async with asyncio.timeout(20):
            await owner.lost.wait()
        assert connection.failure is None  # nobody failed


async def test_U25_one_whose_address_is_old_carries_one_answer_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "LIFETIME", 0.0)
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        reader = await answered(connection)
        assert reader.take() == b"hello"
        assert owner.kept == []
        await owner.lost.wait()


@pytest.mark.parametrize("late", [b"X", b"\r\n", ok(b"evil")])
async def test_F2_a_byte_while_it_idles_closes_it(late: bytes) -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        await answered(connection)
        await up.push(late)
        await owner.lost.wait()
        assert connection.closed
        assert not connection.silent()


@pytest.mark.parametrize("late", [b"X", ok(b"evil")])
async def test_F2_what_comes_before_the_request_has_gone_out_is_not_its_answer(late: bytes) -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        await answered(connection)
        second = connection.begin("GET", asking().head, body_follows=False)
        connection.data_received(late)  # within the turn at whose end the request would go out
        assert isinstance(connection.failure, UpstreamBroken)
        assert (second.begun, second.chunks, connection.used) == (False, [], True)  # so it is asked elsewhere
        await owner.lost.wait()
        await up.closed()
        assert len(up.requests) == 1


async def test_a_request_that_is_given_up_before_it_has_gone_out_never_does() -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        connection.abandon(connection.begin("GET", asking().head, body_follows=False))
        await owner.lost.wait()
        await up.closed()
        assert (up.requests, up.partial) == ([], [])


async def test_an_answer_that_comes_before_the_rest_of_the_body_has_gone_out_is_one() -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        up.fault = "silent"
        reader = connection.begin(
            "POST", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n", body_follows=True
        )
        await asyncio.sleep(0)
        await connection.write(reader, [b"h"])
        connection.data_received(ok(b"early"))
        assert (connection.failure, reader.take()) == (None, b"early")
        connection.drop()
        await owner.lost.wait()


async def test_F2_H27_a_connection_is_not_kept_that_has_not_taken_all_of_the_request_it_answers() -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        up.fault = "deaf"
        body = b"x" * 8_000_000  # more than the kernel holds of what nobody reads
        reader = connection.begin("POST", asking("POST", body=len(body)).head + body, body_follows=False)
        await up.request()
        await up.push(ok(b"early"))
        while not reader.complete:
            await connection.more()
        assert reader.take() == b"early"
        assert owner.kept == []
        await owner.lost.wait()


async def test_F2_a_byte_in_the_kernel_is_seen_before_reuse() -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        assert connection.silent()
        writer = next(iter(up._writers))
        writer.write(b"X")  # written at once, and read by the loop only on its next turn
        assert not connection.silent()
        await owner.lost.wait()


@pytest.mark.parametrize("fault", ["silent", "slow head"])
async def test_U06_the_head_has_its_time(fault: str) -> None:
    async with RecordingUpstream() as up:
        up.fault = fault
        owner = Owner()
        connection = await connected(up, owner, first_byte=0.1)
        reader = connection.begin("GET", asking().head, body_follows=False)
        while connection.failure is None:
            await connection.more()
        assert isinstance(connection.failure, UpstreamTimeout)
        assert not reader.head_done
        await owner.lost.wait()


async def test_U06_the_body_has_its_time_between_bytes() -> None:
    async with RecordingUpstream() as up:
        up.fault = "slow body"
        owner = Owner()
        connection = await connected(up, owner, first_byte=60, idle=0.1)
        reader = connection.begin("GET", asking().head, body_follows=False)
        while connection.failure is None:
            await connection.more()
        assert isinstance(connection.failure, UpstreamTimeout)
        assert reader.take() == b"hello"
        await owner.lost.wait()


async def test_U09_reading_stops_while_the_body_is_not_taken() -> None:
    large = b"x" * (HIGH_WATER * 40)
    async with RecordingUpstream() as up:
        up.answer_with(ok(large))
        owner = Owner()
        connection = await connected(up, owner, idle=0.2)
        reader = connection.begin("GET", asking().head, body_follows=False)
        await asyncio.sleep(0.5)
        assert HIGH_WATER < reader.buffered < HIGH_WATER + 2**19  # and what one read brings
        assert connection.failure is None
        got = 0
        while not reader.complete or reader.chunks:
            got += len(reader.take())
            connection.drained(reader)
            if not reader.complete:
                await connection.more()
        assert got == len(large)
        assert owner.kept == [connection]
        connection.drop()
        await owner.lost.wait()


async def test_what_is_said_of_an_old_exchange_does_not_touch_a_new_one() -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner)
        first = await answered(connection)
        second = connection.begin("GET", asking().head, body_follows=False)
        connection.abandon(first)
        connection.write_last(first, [b"stray"])
        await connection.write(first, [b"stray"])
        connection.drained(first)
        while not second.complete:
            await connection.more()
        assert second.take() == b"hello"
        assert b"stray" not in b"".join(up.requests)
        connection.drop()
        await owner.lost.wait()


async def test_a_slow_client_does_not_run_down_the_upstreams_time() -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection = await connected(up, owner, first_byte=0.1, idle=0.1)
        reader = connection.begin("POST", asking("POST", body=6).head, body_follows=True)
        await connection.write(reader, [b"abc"])
        await asyncio.sleep(0.3)
        assert connection.failure is None
        connection.write_last(reader, [b"def"])
        while not reader.complete:
            await connection.more()
        assert owner.kept == [connection]
        connection.drop()
        await owner.lost.wait()


class Deaf(asyncio.Protocol):
    """Takes a connection over and does nothing with it."""

    def begin(self, transport: asyncio.Transport, **facts: object) -> None:
        self.transport, self.ended = transport, facts["ended"]
        transport.set_protocol(self)

    def abort(self) -> None:
        self.transport.abort()


SWITCHED = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


async def switched(up: RecordingUpstream, owner: Owner, said: bytes) -> tuple[Connection, AnswerReader]:
    up.answer_with(SWITCHED + said)
    connection = await connected(up, owner)
    reader = connection.begin("GET", asking().head, body_follows=False, upgrade=True)
    while not reader.head_done:
        await connection.more()
    return connection, reader


async def test_a_connection_is_left_once_with_what_has_come() -> None:
    async with RecordingUpstream() as up:
        owner, successor = Owner(), Deaf()
        connection, reader = await switched(up, owner, b"welcome")
        assert connection.leave_http(reader, successor) == b"welcome"
        assert owner.released == (connection, successor)
        assert not successor.ended
        connection.abandon(reader)
        assert not successor.transport.is_closing()
        assert not connection.silent()
        with pytest.raises(UpstreamBroken):
            connection.leave_http(reader, successor)
        successor.abort()


async def test_what_an_upstream_says_before_it_ends_is_left_too() -> None:
    async with RecordingUpstream() as up:
        owner, successor = Owner(), Deaf()
        connection, reader = await switched(up, owner, b"no")
        up.hang_up()
        while not reader.complete:
            await connection.more()
        assert connection.leave_http(reader, successor) == b"no"
        assert successor.ended
        successor.abort()


async def test_one_that_broke_with_its_upgrade_is_left_to_nobody() -> None:
    async with RecordingUpstream() as up:
        owner = Owner()
        connection, reader = await switched(up, owner, b"")
        connection.drop(UpstreamTimeout("broken"))
        with pytest.raises(UpstreamTimeout):
            connection.leave_http(reader, Deaf())
        await owner.lost.wait()
