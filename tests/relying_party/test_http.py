import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import web

from gateway.errors import IssuerUnavailable
from gateway.relying_party.http import CALLS_AT_ONCE, IssuerHttp

Respond = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(respond: Respond, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await respond(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://localhost:{port}/path"
    finally:
        server.close()


def saying(answer: bytes) -> Respond:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return respond


@pytest.fixture
async def http() -> AsyncIterator[IssuerHttp]:
    http = IssuerHttp(deadline=2)
    yield http
    await http.close()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def test_an_answer_is_status_and_body(http: IssuerHttp) -> None:
    async with listening(saying(ok(b"{}"))) as url:
        answer = await http.get(url)
    assert (answer.status, answer.body) == (200, b"{}")


@pytest.mark.parametrize(("size", "taken"), [(999, True), (1000, True), (1001, False)])
async def test_an_answer_is_read_up_to_its_limit(http: IssuerHttp, size: int, taken: bool) -> None:
    async with listening(saying(ok(b"x" * size))) as url:
        if taken:
            assert len((await http.get(url, limit=1000)).body) == size
            return
        with pytest.raises(IssuerUnavailable, match="1000 bytes"):
            await http.get(url, limit=1000)


async def test_a_redirect_is_an_answer_like_any_other(http: IssuerHttp) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
    async with listening(saying(redirect)) as url:
        assert (await http.get(url)).status == 302


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
    ],
)
async def test_a_broken_answer_is_an_outage_that_tells_no_secret(http: IssuerHttp, answer: bytes) -> None:
    async with listening(saying(answer)) as url:
        with pytest.raises(IssuerUnavailable) as caught:
            await http.post_form(url, "code=canary", headers={"Authorization": "canary"})
    assert "canary" not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_O20_an_address_that_cannot_be_read_is_an_outage(http: IssuerHttp) -> None:
    with pytest.raises(IssuerUnavailable):
        await http.get("https://[::1]evil.example/token")


async def test_nobody_listening_is_an_outage(http: IssuerHttp) -> None:
    async with listening(saying(b"")) as url:
        pass
    with pytest.raises(IssuerUnavailable, match="localhost: ClientConnectorError"):
        await http.get(url)


async def test_a_post_is_sent_exactly_once(http: IssuerHttp) -> None:
    seen = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))

    async with listening(hang_up) as url:
        with pytest.raises(IssuerUnavailable):
            await http.post_form(url, "a=b")
    assert len(seen) == 1
    assert b"content-type: application/x-www-form-urlencoded" in seen[0].lower()
    assert b"accept-encoding: identity" in seen[0].lower()


async def test_no_connection_serves_two_calls(http: IssuerHttp) -> None:
    peers = []

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername"))
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ok(b"{}"))

    async with listening(respond) as url:
        assert [(await http.get(url)).body for _ in range(2)] == [b"{}", b"{}"]
    assert len(set(peers)) == 2


async def test_a_call_meets_its_deadline(http: IssuerHttp) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with listening(drip) as url:
        with pytest.raises(IssuerUnavailable, match="TimeoutError"):
            await http.get(url, deadline=0.2)


async def test_O40_a_cookie_of_an_issuer_with_a_name_is_not_kept(http: IssuerHttp) -> None:
    heads: list[bytes] = []

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=1; Path=/\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()

    async with listening(respond) as url:
        assert [(await http.get(url)).status for _ in range(2)] == [200, 200]
    assert len(heads) == 2
    assert not any(b"cookie" in head.lower() for head in heads)


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Take a request, and never answer."""
    await reader.read()


async def test_O20_a_deadline_of_a_call_counts_where_it_is_shorter_than_that_of_all() -> None:
    http = IssuerHttp(deadline=60)
    async with listening(silent) as url:
        with pytest.raises(IssuerUnavailable, match="TimeoutError"):
            await asyncio.wait_for(http.get(url, deadline=0.2), 30)
    await http.close()


async def test_U23_who_waits_too_long_for_a_place_meets_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.relying_party.http.CALLS_AT_ONCE", 1)
    monkeypatch.setattr("gateway.relying_party.http.LONGEST_WAIT", 0.1)
    arrived = asyncio.Event()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await silent(reader, writer)

    http = IssuerHttp(deadline=60)
    async with listening(taken) as url:
        first = asyncio.create_task(http.get(url, deadline=60))
        await arrived.wait()
        with pytest.raises(IssuerUnavailable, match="TimeoutError"):
            await asyncio.wait_for(http.get(url, deadline=60), 30)
        first.cancel()
        await asyncio.wait([first])
    await http.close()


async def test_fifty_calls_run_at_once_and_the_others_wait(http: IssuerHttp) -> None:
    busy, most = 0, 0
    full, free = asyncio.Event(), asyncio.Event()

    async def respond(_: web.Request) -> web.Response:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        if busy == CALLS_AT_ONCE:
            full.set()
        await free.wait()
        busy -= 1
        return web.Response(text="{}")

    runner = web.ServerRunner(web.Server(respond))  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=256)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    calls = [asyncio.create_task(http.get(url)) for _ in range(CALLS_AT_ONCE + 10)]
    await full.wait()
    free.set()
    answers = await asyncio.gather(*calls)
    await runner.cleanup()
    assert most == CALLS_AT_ONCE
    assert len(answers) == CALLS_AT_ONCE + 10


async def test_a_certificate_is_checked() -> None:
    authority = trustme.CA()
    server, client = (ssl.SSLContext(kind) for kind in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT))
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    trusting, doubting = IssuerHttp(tls=client), IssuerHttp()
    async with listening(saying(ok(b"{}")), tls=server) as url:
        assert (await trusting.get(url)).status == 200
        with pytest.raises(IssuerUnavailable, match="Certificate"):
            await doubting.get(url)
        with pytest.raises(IssuerUnavailable, match="Certificate"):
            await trusting.get(url.replace("localhost", "127.0.0.1"))
    await trusting.close()
    await doubting.close()


async def test_a_closed_client_calls_nobody() -> None:
    http = IssuerHttp()
    await http.close()
    with pytest.raises(IssuerUnavailable):
        await http.get("http://localhost:1/")
