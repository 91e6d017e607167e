"""What `[upstreams.NAME]` says holds for a whole gateway, sentence by sentence and in both lanes."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme

from tests.fakes.gateway import HOST, RunningGateway, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawAnswer, RawConnection, get
from tests.fakes.upstream import RecordingUpstream, ok

LANES = pytest.mark.parametrize("fast_lane", [True, False])
PAGE = get("/page", host=HOST)


@asynccontextmanager
async def leading_to(
    folder: Path, *urls: str, more: str = "", top: str = "", fast_lane: bool
) -> AsyncIterator[RunningGateway]:
    tables = f"[upstreams.wiki]\nurls = {list(urls)}\n{more}\n"
    keys = 'access = "public"'
    async with running_gateway(
        folder, upstream="wiki", route_keys=keys, tables=tables, top=top, fast_lane=fast_lane
    ) as gateway:
        yield gateway


async def asked(gateway: RunningGateway, request: bytes = PAGE, *, times: int = 1) -> RawAnswer:
    """Return the last answer to *request*, made *times* on one connection."""
    async with await RawConnection.open(gateway.port) as client:
        for _ in range(times):
            await client.write(request)
            answer = await client.answer()
        return answer


async def until(app: RecordingUpstream, count: int) -> None:
    async with asyncio.timeout(10):
        while len(app.requests) < count:
            await app.request()


# Balance


@LANES
async def test_the_least_busy_member_gets_what_comes(tmp_path: Path, *, fast_lane: bool) -> None:
    async with RecordingUpstream() as slow, RecordingUpstream() as quick:
        slow.fault = "late"
        async with leading_to(tmp_path, slow.url, quick.url, fast_lane=fast_lane) as gateway:
            waiting = [asyncio.create_task(asked(gateway)) for _ in range(2)]
            await until(slow, 1)
            assert (await asked(gateway, times=20)).status == 200
            assert len(slow.requests) <= 2
            assert len(quick.requests) >= 20
            slow.release.set()
            assert [answer.status for answer in await asyncio.gather(*waiting)] == [200, 200]


@LANES
async def test_by_address_a_client_stays_at_its_member(tmp_path: Path, *, fast_lane: bool) -> None:
    more, top = 'balance = "hash:ip"', 'trusted_proxies = ["127.0.0.1"]'
    async with RecordingUpstream() as one, RecordingUpstream() as other:
        async with leading_to(
            tmp_path, one.url, other.url, more=more, top=top, fast_lane=fast_lane
        ) as gateway:
            for number in range(12):
                here = f"X-Forwarded-For: 192.0.2.{number}"
                before = len(one.requests), len(other.requests)
                await asked(gateway, get("/page", here, host=HOST), times=3)
                grown = len(one.requests) - before[0], len(other.requests) - before[1]
                assert sorted(grown) == [0, 3]
        assert one.requests
        assert other.requests


@LANES
async def test_by_user_a_caller_stays_at_their_member_wherever_they_come_from(
    tmp_path: Path, *, fast_lane: bool
) -> None:
    tables = '[upstreams.wiki]\nurls = ["{}", "{}"]\nbalance = "hash:user"\n'
    async with HostileIssuer() as issuer, RecordingUpstream() as one, RecordingUpstream() as other:
        gate = running_gateway(
            tmp_path,
            upstream="wiki",
            issuer=issuer,
            top='trusted_proxies = ["127.0.0.1"]',
            tables=tables.format(one.url, other.url),
            fast_lane=fast_lane,
        )
        async with gate as gateway:
            for user in ("alice", "bob"):
                issuer.user = user
                browser = gateway.browser()
                assert (await browser.navigate(gateway.url + "/")).status == 200
                before = len(one.requests), len(other.requests)
                for number in range(8):
                    page = await browser.fetch(gateway.url + "/x", X_Forwarded_For=f"192.0.2.{number}")
                    assert page.status == 200
                grown = len(one.requests) - before[0], len(other.requests) - before[1]
                assert sorted(grown) == [0, 8]


# Health, retries


@LANES
async def test_a_member_that_is_ill_gets_nothing_until_it_is_well(tmp_path: Path, *, fast_lane: bool) -> None:
    more = 'health = { path = "/up", interval = "10ms" }\nslow_start = "10ms"'
    ill = b"HTTP/1.1 503 Ill\r\nContent-Length: 0\r\n\r\n"
    async with RecordingUpstream() as one, RecordingUpstream() as other:
        one.answer_with(ill)
        async with leading_to(tmp_path, one.url, other.url, more=more, fast_lane=fast_lane) as gateway:
            async with asyncio.timeout(10):
                while not gateway.events("upstream.member_gone"):
                    await one.request()
            assert (await asked(gateway, times=10)).status == 200
            assert not any(request.startswith(b"GET /page") for request in one.requests)
            one.answer_with(ok(b"well"))
            async with asyncio.timeout(10):
                while not gateway.events("upstream.member_back"):
                    await one.request()
                while not any(request.startswith(b"GET /page") for request in one.requests):
                    assert (await asked(gateway, times=4)).status == 200
        [question] = {request for request in one.requests if request.startswith(b"GET /up ")}
        assert b"\r\nUser-Agent: vestibule-health\r\n" in question


@LANES
@pytest.mark.parametrize(("method", "status", "sent"), [("GET", 200, 2), ("POST", 502, 1)])
async def test_H43_only_what_does_nothing_new_is_sent_to_another_member(
    tmp_path: Path, method: str, status: int, sent: int, *, fast_lane: bool
) -> None:
    more = 'balance = "round_robin"'
    async with (
        RecordingUpstream() as one,
        RecordingUpstream() as other,
        leading_to(tmp_path, one.url, other.url, more=more, fast_lane=fast_lane) as gateway,
    ):
        await asked(gateway, times=4)  # both have connections that are kept
        for app in (one, other):
            app.requests.clear()
        one.fault = "no answer"
        request = get("/page", "Content-Length: 0", host=HOST, method=method)
        answers = [await asked(gateway, request) for _ in range(2)]
        assert sorted(answer.status for answer in answers) == sorted([200, status])
        assert len(one.requests) == 1
        assert len(one.requests) + len(other.requests) == 1 + sent


# Connections


@LANES
async def test_more_than_may_wait_are_turned_away(tmp_path: Path, *, fast_lane: bool) -> None:
    more = "limits = { connections = 1, queue = 1 }"
    async with RecordingUpstream() as app:
        app.fault = "late"
        async with leading_to(tmp_path, app.url, more=more, fast_lane=fast_lane) as gateway:
            first = asyncio.create_task(asked(gateway))
            await until(app, 1)
            others = {asyncio.create_task(asked(gateway)) for _ in range(2)}
            async with asyncio.timeout(10):
                [refused], waiting = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
            answer = refused.result()
            assert answer.status == 503
            assert answer.values("retry-after")
            app.release.set()
            assert (await first).status == 200
            assert [(await each).status for each in waiting] == [200]
            assert app.connections == 1


@LANES
async def test_connections_are_kept_unless_their_app_is_not_trusted(
    tmp_path: Path, *, fast_lane: bool
) -> None:
    for more, connections in (("", 1), ("reuse = false", 5)):
        async with RecordingUpstream() as app:
            async with leading_to(tmp_path, app.url, more=more, fast_lane=fast_lane) as gateway:
                assert (await asked(gateway, times=5)).body == b"hello"
            assert app.connections == connections


@LANES
async def test_an_app_on_a_unix_socket_is_reached(tmp_path: Path, *, fast_lane: bool) -> None:
    path = tmp_path / "app.sock"
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(ok(b"by socket"))
        writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    async with leading_to(tmp_path, f"unix:{path}", fast_lane=fast_lane) as gateway:
        assert (await asked(gateway, times=3)).body == b"by socket"
    server.close()
    await server.wait_closed()
    assert len(heads) == 3
    assert heads[0].startswith(b"GET /page HTTP/1.1\r\nHost: localhost\r\n")


# TLS


def mutual(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return a server's context that lets only clients of *authority* in."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@LANES
@pytest.mark.parametrize(
    ("left_out", "status"), [("", 200), ("ca", 502), ("server_name", 502), ("client_cert", 502)]
)
async def test_U08_an_app_is_verified_and_shown_who_we_are(
    tmp_path: Path, left_out: str, status: int, *, fast_lane: bool
) -> None:
    authority = trustme.CA()
    ours = authority.issue_cert("gateway.example.com")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "ours.pem")
    (tmp_path / "ours.pem").chmod(0o600)
    keys = {"ca": tmp_path / "ca.pem", "client_cert": tmp_path / "ours.pem", "server_name": "wiki.internal"}
    keys.pop(left_out, None)
    more = f"tls = {{ {', '.join(f'{key} = {str(value)!r}' for key, value in keys.items())} }}"
    async with RecordingUpstream(tls=mutual(authority, "wiki.internal")) as app:
        async with leading_to(tmp_path, app.url, more=more, fast_lane=fast_lane) as gateway:
            answer = await asked(gateway, times=2)
        assert answer.status == status
        assert len(app.requests) == (2 if status == 200 else 0)


# Time


@LANES
async def test_U06_a_silent_app_is_given_up_after_its_own_time(tmp_path: Path, *, fast_lane: bool) -> None:
    more = 'timeouts = { first_byte = "50ms" }'
    async with RecordingUpstream() as app:
        app.fault = "silent"
        async with leading_to(tmp_path, app.url, more=more, fast_lane=fast_lane) as gateway:
            answer = await asked(gateway)
            assert answer.status == 504
            app.release.set()
            async with asyncio.timeout(10):
                await app.closed()


@LANES
async def test_U06_an_app_that_stops_in_its_answer_is_cut_off(tmp_path: Path, *, fast_lane: bool) -> None:
    more = 'timeouts = { idle = "50ms" }'
    async with (
        RecordingUpstream() as app,
        leading_to(tmp_path, app.url, more=more, fast_lane=fast_lane) as gateway,
        await RawConnection.open(gateway.port) as client,
    ):
        app.fault = "slow body"
        await client.write(PAGE)
        assert (await client.answer(head_only=True)).values("content-length") == [b"10"]
        assert await client.rest() == b"hello"
