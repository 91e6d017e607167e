"""Floods and hoards of connections, over sockets."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.front import Door, ask, front
from tests.fakes.raw_client import RawConnection

GET = ask(b"GET /x HTTP/1.1")
FEW = "[limits]\nconnections = 16\nconnections_per_address = "


async def held(door: Door, count: int) -> list[RawConnection]:
    """Open so many connections that each have a request under way."""
    door.upstream.fault = "late"
    opened = [await door.open() for _ in range(count)]
    for client in opened:
        await client.write(GET)
    for _ in opened:
        await door.upstream.request()
    return opened


async def test_U04_a_flood_is_turned_away_and_the_admin_port_answers(tmp_path: Path) -> None:
    async with front(tmp_path, tables=f'{FEW}"off"\n') as door:
        clients = await held(door, 16)
        for _ in range(50):
            async with await door.open() as late:
                async with asyncio.timeout(5):
                    assert (await late.reader.read()).startswith(b"HTTP/1.1 503 ")
        await door.lives()
        door.upstream.release.set()
        door.upstream.fault = ""
        for client in clients:
            assert (await client.answer()).status == 200
            client.close()


async def test_U05_a_hoard_of_idle_connections_keeps_nobody_out(tmp_path: Path) -> None:
    async with front(tmp_path, tables=f'{FEW}"off"\n') as door:
        hoard = [await door.open() for _ in range(16)]
        await door.lives()
        for _ in range(4):
            async with await door.open() as client:
                await client.write(GET)
                assert (await client.answer()).status == 200
        async with asyncio.timeout(5):
            assert await hoard[0].reader.read() == b""
        for each in hoard:
            each.close()


@pytest.mark.parametrize(("trusted", "passes"), [("", False), ('trusted_proxies = ["127.0.0.0/8"]', True)])
async def test_U04_one_address_has_its_share_unless_it_is_a_trusted_proxys(
    tmp_path: Path, trusted: str, *, passes: bool
) -> None:
    async with front(tmp_path, top=trusted, tables=f"{FEW}2\n") as door:
        clients = await held(door, 2)
        async with await door.open() as third:
            if passes:
                await third.write(GET)
                await door.upstream.request()
            else:
                async with asyncio.timeout(5):
                    assert (await third.reader.read()).startswith(b"HTTP/1.1 503 ")
        door.upstream.release.set()
        door.upstream.fault = ""
        for client in clients:
            assert (await client.answer()).status == 200
            client.close()
        await door.lives()
