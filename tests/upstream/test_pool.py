"""Connections are shared last in, first out, never beyond the bound, and never unverified."""

import asyncio
import ssl

import pytest
import trustme
from msgspec.structs import replace

from gateway.errors import UpstreamTimeout, UpstreamUnreachable
from gateway.model.route import Timeouts
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.exchange import Exchange
from gateway.upstream.pool import Pool
from gateway.upstream.reserved import Reserved
from tests.fakes.dressing import asking, upstream_at
from tests.fakes.ports import free_port
from tests.fakes.upstream import RecordingUpstream, ok

HEADS = AnswerHeads(Reserved(()).answers)


def pool_to(up: RecordingUpstream, *, limit: int = 256, **facts: object) -> Pool:
    return Pool(upstream_at(up.port, **facts), heads=HEADS, limit=limit)


async def ask(pool: Pool) -> bytes:
    async with pool.send(asking()) as answer:
        return answer.whole() or b""


async def test_the_last_connection_used_goes_out_first() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        first, second = await pool.connect(), await pool.connect()
        for connection in (first, second):
            reader = connection.begin("GET", asking().head, body_follows=False)
            while not reader.complete:
                await connection.more()
        assert pool.idle() is second
        assert pool.idle() is first
        assert pool.idle() is None
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
        async with pool.send(asking("POST")) as answer:
            assert answer.head.status == 200
        assert up.connections == 2
        await pool.close()


async def test_no_more_connections_than_the_bound() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limit=2)
        assert await asyncio.gather(*[ask(pool) for _ in range(20)]) == [b"hello"] * 20
        assert up.connections == 2
        assert len(up.requests) == 20
        await pool.close()


async def test_waiting_for_a_connection_has_an_end_and_costs_none() -> None:
    async with RecordingUpstream() as up:
        up.fault = "silent"
        pool = pool_to(up, limit=1, timeouts=Timeouts(connect=0.1))

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
        pool = pool_to(up, limit=1)
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
        pool = pool_to(up, limit=1)
        held = await pool.connect()
        waiter = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        held.drop()
        assert await waiter == b"hello"
        await pool.close()


async def test_U08_a_refused_connection_is_unreachable() -> None:
    pool = Pool(upstream_at(free_port()), heads=HEADS)
    async with asyncio.timeout(1):
        with pytest.raises(UpstreamUnreachable):
            await ask(pool)
    await pool.close()


async def test_U08_a_name_that_does_not_resolve_is_unreachable() -> None:
    pool = Pool(upstream_at(80, host="nowhere.invalid"), heads=HEADS)
    with pytest.raises(UpstreamUnreachable):
        await ask(pool)
    await pool.close()


def tls(authority: trustme.CA, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context for *name* and a client's that trusts *authority*."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_https_is_spoken_and_reused() -> None:
    server, client = tls(trustme.CA(), "127.0.0.1")
    async with RecordingUpstream(tls=server) as up:
        pool = Pool(upstream_at(up.port, tls=True), heads=HEADS, trust=client)
        for _ in range(3):
            assert await ask(pool) == b"hello"
        assert up.connections <= 2  # a session ticket may be taken for a late byte, once
        await pool.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "other.example.com"])
async def test_U08_a_certificate_that_does_not_hold_is_unreachable(name: str) -> None:
    authority = trustme.CA()
    server, _ = tls(authority, name)
    trust = ssl.create_default_context()
    if name != "127.0.0.1":
        authority.configure_trust(trust)
    async with RecordingUpstream(tls=server) as up:
        pool = Pool(upstream_at(up.port, tls=True), heads=HEADS, trust=trust)
        with pytest.raises(UpstreamUnreachable):
            await ask(pool)
        assert up.requests == []
        await pool.close()


async def test_U08_plain_http_is_no_way_out_of_https() -> None:
    async with RecordingUpstream() as up:
        pool = Pool(upstream_at(up.port, tls=True, timeouts=Timeouts(connect=0.2)), heads=HEADS)
        with pytest.raises((UpstreamUnreachable, UpstreamTimeout)):
            await ask(pool)
        assert up.requests == []
        await pool.close()


async def test_U06_connecting_has_its_time() -> None:
    open_writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: open_writers.append(writer), "127.0.0.1", 0)
    mute = upstream_at(server.sockets[0].getsockname()[1], tls=True, timeouts=Timeouts(connect=0.2))
    pool = Pool(mute, heads=HEADS)
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


async def test_a_connection_that_left_http_takes_no_place_and_is_closed_with_the_pool() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up, limit=1)
        up.answer_with(SWITCHED, SWITCHED, ok(b"hello"))
        upgrade = replace(asking(), upgrade=True)
        async with pool.send(upgrade) as first, pool.send(upgrade) as second:
            assert first.upgraded
            assert second.upgraded
            assert await ask(pool) == b"hello"
            await pool.close()
            with pytest.raises(UpstreamUnreachable):
                [piece async for piece in first.chunks()]


async def test_a_connection_that_left_http_ends_once_it_has_taken_everything() -> None:
    async with RecordingUpstream() as up:
        pool = pool_to(up)
        up.answer_with(SWITCHED)
        async with pool.send(replace(asking(), upgrade=True)) as answer:
            await answer.send(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nlast")
            answer.send_eof()
            answer.close()
        assert (await up.request()).startswith(b"GET")
        assert (await up.request()).endswith(b"last")
        await pool.close()
