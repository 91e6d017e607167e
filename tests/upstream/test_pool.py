"""Connections are shared last in, first out, never beyond the bound, and never unverified."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from msgspec.structs import replace

from gateway.errors import UpstreamBusy, UpstreamTimeout, UpstreamUnreachable
from gateway.model.upstream import Limits, Timeouts, Trust
from gateway.upstream import names
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.exchange import Exchange
from gateway.upstream.outbound import Outbound
from gateway.upstream.pool import Pool
from gateway.upstream.reserved import Reserved
from gateway.upstream.wire import Owner
from tests.fakes.dressing import asking, pool_at, upstream_at
from tests.fakes.ports import free_port
from tests.fakes.upstream import RecordingUpstream, ok


def pool_to(up: RecordingUpstream, **facts: object) -> Pool:
    return pool_at(upstream_at(up.port, **facts))


async def ask(pool: Pool, outbound: Outbound | None = None) -> bytes:
    async with pool.send(outbound or asking()) as answer:
        return answer.whole() or b""


async def test_the_last_connection_used_goes_out_first() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        first, second = await pool.connect(), await pool.connect()
        for connection in (first, second):
            reader = connection.begin("GET", asking().head, body_follows=False)
            while not reader.complete:
                await connection.more()
        assert pool.idle(asking()) is second
        assert pool.idle(asking()) is first
        assert pool.idle(asking()) is None
        await pool.close()


async def test_reuse_off_gives_every_request_its_own_connection() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, reuse=False)
        for _ in range(3):
            assert await ask(pool) == b"hello"
        assert up.connections == 3
        await pool.close()


async def test_F2_a_connection_that_spoke_while_idle_is_not_used_again() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        await ask(pool)
        await up.push(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        assert await ask(pool) == b"hello"
        assert up.connections == 2
        await pool.close()


async def test_a_connection_closed_while_idle_is_replaced_also_for_a_post() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        await ask(pool)
        up.hang_up()
        await up.closed()
        assert pool.busy == 0
        async with pool.send(asking("POST")) as answer:
            assert answer.head.status == 200
        assert up.connections == 2
        await pool.close()


async def test_no_more_connections_than_the_bound() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limits=Limits(connections=2))
        assert await asyncio.gather(*[ask(pool) for _ in range(20)]) == [b"hello"] * 20
        assert up.connections == 2
        assert len(up.requests) == 20
        await pool.close()


async def test_waiting_for_a_connection_has_an_end_and_costs_none() -> None:
    async with RecordingUpstream() as up:
        up.fault = "silent"
        pool = pool_to(up, limits=Limits(connections=1), timeouts=Timeouts(connect=0.1))

        async def hang() -> None:
            async with pool.send(asking()):
                pass

        busy = asyncio.create_task(hang())
        await up.request()
        with pytest.raises(UpstreamTimeout):
            await ask(pool)
        busy.cancel()
        await asyncio.wait((busy,))
        up.fault = ""
        assert await ask(pool) == b"hello"
        await pool.close()


async def test_a_waiter_that_gives_up_as_its_turn_comes_loses_nothing() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limits=Limits(connections=1))
        held = await pool.connect()
        waiter = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.drop()
        waiter.cancel()
        await asyncio.wait((waiter,))
        assert await ask(pool) == b"hello"
        await pool.close()


async def test_a_dead_connection_is_not_handed_to_a_waiter() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limits=Limits(connections=1))
        held = await pool.connect()
        waiter = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        held.drop()
        assert await waiter == b"hello"
        await pool.close()


async def test_U08_a_refused_connection_is_unreachable() -> None:
    heard, upstream = Heard(), upstream_at(free_port())
    pool = Pool(upstream, upstream.members[0], heads=AnswerHeads(Reserved(()).answers), witness=heard)
    async with asyncio.timeout(1):
        with pytest.raises(UpstreamUnreachable):
            await ask(pool)
    assert heard.told == ["failed"]
    assert pool.busy == 0
    await pool.close()


async def test_U08_a_name_that_does_not_resolve_is_unreachable() -> None:
    pool = pool_at(upstream_at(80, host="nowhere.invalid"))
    with pytest.raises(UpstreamUnreachable):
        await ask(pool)
    await pool.close()


async def test_U25_an_app_that_moved_is_found_once_its_connections_are_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "KEPT", 0.0)
    places = ["127.0.0.1"]

    async def resolve(host: str) -> list[str]:
        return list(places)

    async with RecordingUpstream() as up:
        pool = pool_at(upstream_at(up.port, host="app.internal"), resolve=resolve)
        assert await ask(pool) == b"hello"
        places[:] = ["127.0.0.2"]  # where nobody listens
        assert await ask(pool) == b"hello"  # the connection is young enough
        kept = pool.idle(asking())
        assert kept is not None
        kept.drop()
        with pytest.raises(UpstreamUnreachable):
            await ask(pool)
        places[:] = ["127.0.0.2", "127.0.0.1"]
        assert await ask(pool) == b"hello"  # the first address that takes it
        assert up.connections == 2
        await pool.close()


def tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return a server's context for *name*."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(server)
    return server


def trusting(authority: trustme.CA, folder: Path, *, server_name: str = "") -> Trust:
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return Trust(ca=str(file), server_name=server_name)


@pytest.mark.parametrize(("name", "server_name"), [("127.0.0.1", ""), ("app.internal", "app.internal")])
async def test_https_is_spoken_and_reused(tmp_path: Path, name: str, server_name: str) -> None:
    authority = trustme.CA()
    async with RecordingUpstream(tls=tls(authority, name)) as up:
        pool = pool_to(up, tls=True, trust=trusting(authority, tmp_path, server_name=server_name))
        for _ in range(3):
            assert await ask(pool) == b"hello"
        assert up.connections <= 2  # a session ticket may be taken for a late byte, once
        await pool.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "other.example.com"])
async def test_U08_a_certificate_that_does_not_hold_is_unreachable(tmp_path: Path, name: str) -> None:
    authority = trustme.CA()
    trust = Trust() if name == "127.0.0.1" else trusting(authority, tmp_path)
    async with RecordingUpstream(tls=tls(authority, name)) as up:
        pool = pool_to(up, tls=True, trust=trust)
        with pytest.raises(UpstreamUnreachable):
            await ask(pool)
        assert up.requests == []
        await pool.close()


async def test_U08_plain_http_is_no_way_out_of_https() -> None:
    async with RecordingUpstream() as up:
        pool = pool_at(upstream_at(up.port, tls=True, timeouts=Timeouts(connect=0.2)))
        with pytest.raises((UpstreamUnreachable, UpstreamTimeout)):
            await ask(pool)
        assert up.requests == []
        await pool.close()


async def test_U06_connecting_has_its_time() -> None:
    open_writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: open_writers.append(writer), "127.0.0.1", 0)
    mute = upstream_at(server.sockets[0].getsockname()[1], tls=True, timeouts=Timeouts(connect=0.2))
    pool = pool_at(mute)
    with pytest.raises(UpstreamTimeout):
        await ask(pool)
    await pool.close()
    server.close()
    for writer in open_writers:
        writer.close()
    await server.wait_closed()


async def test_closing_ends_idle_and_busy_connections() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        await ask(pool)
        up.fault = "silent"
        exchange: Exchange = pool.send(asking())
        busy = asyncio.create_task(exchange.__aenter__())
        await up.request()
        await up.request()
        await pool.close()
        with pytest.raises(UpstreamUnreachable):
            await busy


SWITCHED = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Successor(asyncio.Protocol):
    """Takes a connection over, and remembers what it hears there."""

    def __init__(self) -> None:
        self.heard = b""
        self.gone = asyncio.Event()

    def begin(self, transport: asyncio.Transport, *, owner: Owner, **facts: object) -> None:
        self.transport, self.owner, self.facts = transport, owner, facts
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.forget(self)
        self.gone.set()

    def abort(self) -> None:
        self.transport.abort()


async def test_a_connection_that_left_http_takes_no_place_and_is_closed_with_the_pool() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limits=Limits(connections=1), timeouts=Timeouts(idle=7.0))
        up.answer_with(SWITCHED + b"early", SWITCHED, ok(b"hello"))
        upgrade = replace(asking(), upgrade=True)
        first, second = Successor(), Successor()
        async with pool.send(upgrade) as answer:
            assert answer.upgraded
            assert answer.leave_http(first) == b"early"
        async with pool.send(upgrade) as answer:
            assert answer.leave_http(second) == b""
            assert await ask(pool) == b"hello"
        assert first.facts == {"patience": 7.0, "full": False, "ended": False}
        assert not first.gone.is_set()
        await pool.close()
        assert (first.gone.is_set(), second.gone.is_set()) == (True, True)


async def test_what_has_left_http_is_no_more_of_the_exchange() -> None:
    async with RecordingUpstream() as up:
        pool, successor = pool_to(up), Successor()
        up.answer_with(SWITCHED, b"pong")
        async with pool.send(replace(asking(), upgrade=True)) as answer:
            answer.leave_http(successor)
        successor.transport.write(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nlast")
        assert (await up.request()).startswith(b"GET")
        assert (await up.request()).endswith(b"last")
        async with asyncio.timeout(10):
            while successor.heard != b"pong":
                await asyncio.sleep(0.001)
        successor.abort()
        await pool.close()


async def test_more_requests_than_may_wait_are_turned_away_at_once() -> None:
    async with RecordingUpstream() as up:
        up.fault = "late"
        pool = pool_to(up, limits=Limits(connections=1, queue=1))
        running = [asyncio.create_task(ask(pool)) for _ in range(2)]
        await up.request()
        assert pool.busy == 2
        with pytest.raises(UpstreamBusy) as told:
            await ask(pool)
        assert told.value.status == 503
        up.release.set()
        assert await asyncio.gather(*running) == [b"hello"] * 2
        assert pool.busy == 0
        await pool.close()


async def test_a_unix_socket_is_dialled(tmp_path: Path) -> None:
    place = str(tmp_path / "app.sock")
    async with RecordingUpstream() as up:
        server = await asyncio.start_unix_server(up._serve, place)
        upstream = upstream_at(0, host="", socket=place)
        pool = pool_at(upstream)
        assert await ask(pool) == b"hello"
        await pool.close()
        server.close()
        await server.wait_closed()


class Heard:
    """How requests fared."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def fared_well(self) -> None:
        self.told.append("well")

    def failed(self) -> None:
        self.told.append("failed")


async def test_a_witness_hears_how_requests_fare_and_not_of_clients_that_leave() -> None:
    heard = Heard()
    async with RecordingUpstream() as up:
        upstream = upstream_at(up.port, timeouts=Timeouts(first_byte=0.1))
        pool = Pool(upstream, upstream.members[0], heads=AnswerHeads(Reserved(()).answers), witness=heard)
        await ask(pool)
        up.fault = "silent"
        with pytest.raises(UpstreamTimeout):
            await ask(pool)
        assert heard.told == ["well", "failed"]
        up.fault = "late"
        leaving = asyncio.create_task(ask(pool))
        await up.request()
        await up.request()
        await up.request()
        leaving.cancel()
        await asyncio.wait((leaving,))
        await pool.close()
    assert heard.told == ["well", "failed"]


async def test_who_gave_up_waiting_is_not_counted_among_those_who_wait() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limits=Limits(connections=1, queue=1), timeouts=Timeouts(connect=0.01))
        await pool.connect()
        for _ in range(3):
            with pytest.raises(UpstreamTimeout):
                await ask(pool)
        assert pool.busy == 1
        await pool.close()


async def test_one_that_idles_makes_room_for_a_repetition_where_no_more_may_be_open() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limits=Limits(connections=1))
        await ask(pool)
        async with pool.send(asking(), again=True) as answer:
            assert answer.whole() == b"hello"
        await up.closed()
        assert pool.busy == 0
        assert await asyncio.gather(*[ask(pool) for _ in range(10)]) == [b"hello"] * 10
        assert up.connections == 2
        await pool.close()


async def test_a_waiter_that_was_handed_a_dead_connection_keeps_its_turn_and_the_place() -> None:
    async with RecordingUpstream() as up:
        up.fault = "late"
        pool = pool_to(up, limits=Limits(connections=1))
        held = await pool.connect()
        reader = held.begin("GET", asking().head, body_follows=False)
        running = [asyncio.create_task(ask(pool, asking(target=target))) for target in (b"/1", b"/2", b"/3")]
        await up.request()
        reader.feed(ok(b""))
        pool.keep(held)  # given to the first in line, and dead before that one has its turn
        held.drop()
        up.release.set()
        assert await asyncio.gather(*running) == [b"hello"] * 3
        assert [request.split()[1] for request in up.requests] == [b"/", b"/1", b"/2", b"/3"]
        assert (up.connections, pool.busy) == (2, 0)
        await pool.close()


async def test_a_waiter_that_was_handed_a_lost_connection_waits_for_another() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limits=Limits(connections=1))
        held = await pool.connect()
        running = [asyncio.create_task(ask(pool)) for _ in range(3)]
        await asyncio.sleep(0)
        pool.keep(held)
        held.drop()
        held.connection_lost(None)  # before the first in line has its turn
        assert await asyncio.gather(*running) == [b"hello"] * 3
        assert pool.busy == 0
        await pool.close()


async def test_a_dead_connection_that_nobody_took_up_is_not_kept() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limits=Limits(connections=1))
        held = await pool.connect()
        waiter = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        pool.keep(held)
        waiter.cancel()
        held.drop()
        await asyncio.wait((waiter,))
        await up.closed()
        assert pool.busy == 0
        await pool.close()


async def test_who_waits_for_a_connection_as_the_pool_closes_gets_none() -> None:
    async with RecordingUpstream() as up:
        up.fault = "silent"
        pool = pool_to(up, limits=Limits(connections=1))
        running = [asyncio.create_task(ask(pool)) for _ in range(3)]
        await up.request()
        async with asyncio.timeout(10):
            await pool.close()
            for task in running:
                with pytest.raises(UpstreamUnreachable):
                    await task
        assert (up.connections, pool.busy) == (1, 0)


async def test_a_connection_that_is_made_as_the_pool_closes_carries_nothing() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        dialling = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(UpstreamUnreachable) as told:
            await dialling
        assert told.type is UpstreamUnreachable
        await up.closed()
        assert (up.requests, pool.busy) == ([], 0)
        with pytest.raises(UpstreamUnreachable):
            await ask(pool)
        await pool.close()


async def test_who_waits_for_a_name_as_the_pool_closes_waits_no_longer() -> None:
    async def resolve(host: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    pool = pool_at(upstream_at(80, host="app.internal"), resolve=resolve)
    asked = asyncio.create_task(ask(pool))
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(UpstreamUnreachable):
        await asked


async def test_closing_waits_for_what_has_left_http() -> None:
    async with RecordingUpstream() as up:
        pool, successor = pool_to(up), Successor()
        up.answer_with(SWITCHED)
        async with pool.send(replace(asking(), upgrade=True)) as answer:
            answer.leave_http(successor)
        await pool.close()
        assert successor.gone.is_set()
