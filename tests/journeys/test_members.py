"""An app of several members behind a whole gateway, in both lanes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.gateway import HOST, RunningGateway, running_gateway
from tests.fakes.ports import free_port
from tests.fakes.raw_client import RawConnection, get, send_raw
from tests.fakes.upstream import RecordingUpstream

REQUEST = get("/page", host=HOST)


@asynccontextmanager
async def wiki(
    folder: Path, *urls: str, more: str = "", fast_lane: bool = True
) -> AsyncIterator[RunningGateway]:
    tables = f"[upstreams.wiki]\nurls = {list(urls)}\n{more}\n"
    keys = 'access = "public"'
    async with running_gateway(
        folder, upstream="wiki", route_keys=keys, tables=tables, fast_lane=fast_lane
    ) as gateway:
        yield gateway


@pytest.mark.parametrize("fast_lane", [True, False])
async def test_requests_are_shared_and_one_dead_member_is_nobodys_trouble(
    tmp_path: Path, *, fast_lane: bool
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    async with RecordingUpstream() as one, RecordingUpstream() as other:
        urls = (dead, one.url, other.url)
        async with (
            wiki(tmp_path, *urls, more='balance = "round_robin"', fast_lane=fast_lane) as gateway,
            await RawConnection.open(gateway.port) as client,
        ):
            for _ in range(40):
                await client.write(REQUEST)
                assert (await client.answer()).status == 200
        gone = gateway.events("upstream.member_gone")
        assert [(event["member"], event["reason"]) for event in gone] == [(dead, "failures")]
        counts = [len(one.requests), len(other.requests)]
        assert sum(counts) == 40
        assert min(counts) >= 10
        hosts = {line for request in one.requests for line in request.split(b"\r\n") if line[:5] == b"Host:"}
        assert hosts == {b"Host: " + dead.removeprefix("http://").encode()}


async def test_where_no_member_is_well_it_is_502_with_a_request_id(tmp_path: Path) -> None:
    more = 'health = { path = "/up", interval = "10ms" }'
    async with RecordingUpstream() as one:
        one.answer_with(b"HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n")
        async with wiki(tmp_path, one.url, more=more) as gateway:
            ill = b'gateway_upstream_member_up{member="%b",upstream="wiki"} 0.0' % one.url.encode()
            async with asyncio.timeout(10):
                while ill not in await metrics(gateway):
                    await one.request()
            answer = (await send_raw(gateway.port, REQUEST))[0]
        assert answer.status == 502
        assert answer.values("x-request-id")
        assert not any(request.startswith(b"GET /page") for request in one.requests)


async def metrics(gateway: RunningGateway) -> bytes:
    asked = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return (await send_raw(gateway.admin_port, asked))[0].body
