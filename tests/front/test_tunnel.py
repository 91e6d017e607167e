"""Bytes carried both ways, never read: each direction ends by itself, and a broken one ends both."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.errors import UpstreamBroken
from gateway.front.tunnel import Tunnel

LONG = 60.0


class End:
    """Both ends of a tunnel: what is fed into one comes out of the other."""

    def __init__(self) -> None:
        self.from_client: asyncio.Queue[bytes] = asyncio.Queue()
        self.from_upstream: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.to_client: list[bytes] = []
        self.to_upstream: list[bytes] = []
        self.closed = False
        self.settled = 0

    async def take(self) -> bytes:
        return await self.from_client.get()

    def write(self, data: bytes) -> None:
        self.to_client.append(data)

    def write_eof(self) -> None:
        self.to_client.append(b"")

    async def chunks(self) -> AsyncIterator[bytes]:
        while piece := await self.from_upstream.get():
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def send(self, piece: bytes) -> None:
        self.to_upstream.append(piece)

    def send_eof(self) -> None:
        self.to_upstream.append(b"")

    def close(self) -> None:
        self.closed = True

    async def settle(self) -> None:
        self.settled += 1

    def tunnel(self, *, idle: float = LONG) -> Tunnel:
        return Tunnel(self, self, self, settle=self.settle, idle=idle)


@pytest.mark.parametrize("first", ["client", "upstream"])
async def test_one_end_may_end_and_go_on_receiving(first: str) -> None:
    end = End()
    tunnel = end.tunnel()
    carrying = asyncio.ensure_future(tunnel.carry())
    up, down = end.from_client, end.from_upstream
    (up if first == "client" else down).put_nowait(b"")
    (down if first == "client" else up).put_nowait(b"more")
    await asyncio.sleep(0.01)
    assert not carrying.done()
    (down if first == "client" else up).put_nowait(b"")
    await carrying
    assert end.closed
    assert (end.to_client, end.to_upstream) == (
        ([b"more", b""], [b""]) if first == "client" else ([b""], [b"more", b""])
    )
    assert (tunnel.sent, end.settled) == ((4, 1) if first == "client" else (0, 0))


async def test_what_breaks_one_direction_ends_both() -> None:
    end = End()
    end.from_upstream.put_nowait(b"begun")
    end.from_upstream.put_nowait(UpstreamBroken("reset"))
    with pytest.raises(UpstreamBroken):
        await end.tunnel().carry()
    assert end.to_client == [b"begun"]
    assert not end.closed


async def test_U18_a_tunnel_in_which_nothing_moves_is_over() -> None:
    end = End()
    await end.tunnel(idle=0.05).carry()
    assert end.closed


async def test_U18_what_moves_in_either_direction_keeps_it_open() -> None:
    end = End()
    tunnel = end.tunnel(idle=0.2)
    carrying = asyncio.ensure_future(tunnel.carry())
    for number in range(8):
        await asyncio.sleep(0.05)
        queue: asyncio.Queue[bytes] = end.from_client if number % 2 else end.from_upstream  # type: ignore[assignment]
        queue.put_nowait(b"x")
    assert not carrying.done()
    await carrying


async def test_a_cancelled_tunnel_leaves_no_task_behind() -> None:
    end = End()
    before = asyncio.all_tasks()
    carrying = asyncio.ensure_future(end.tunnel().carry())
    await asyncio.sleep(0.01)
    carrying.cancel()
    await asyncio.wait([carrying])
    assert asyncio.all_tasks() == before
