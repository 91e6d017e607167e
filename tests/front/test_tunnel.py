"""Bytes carried both ways, never read: each direction ends by itself, and a broken one ends both."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import UpstreamBroken
from gateway.front.frames import PING, POLICY, TOO_BIG, closing
from gateway.front.limits import Limits
from gateway.front.tunnel import Tunnel
from gateway.model.route import WebSocketTerms
from tests.front.test_frames import frame

LONG = 60.0
QUICK = Limits(linger_time=0.01)


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

    backlog = 0

    def cut(self) -> None:
        self.to_client.append(b"cut")

    def tunnel(self, *, limits: Limits = QUICK, **terms: Any) -> Tunnel:
        chosen = WebSocketTerms(**{"idle": LONG, **terms})
        return Tunnel(self, self, self, settle=self.settle, terms=chosen, limits=limits)


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


async def test_U17_a_client_that_sends_too_much_is_told_and_nothing_of_it_goes_on() -> None:
    end = End()
    small, large = frame(0x1, 10, masked=True), frame(0x1, 11, masked=True)
    end.from_client.put_nowait(small + large)
    tunnel = end.tunnel(message=10)
    await tunnel.carry()
    assert tunnel.refusal == "websocket.message_too_large"
    assert end.to_client == [closing(TOO_BIG), b""]
    assert b"".join(end.to_upstream) == b""


async def test_U17_in_the_middle_of_the_apps_frame_it_is_cut() -> None:
    end = End()
    carrying = asyncio.ensure_future(end.tunnel(message=10).carry())
    end.from_upstream.put_nowait(b"\x81\x05hel")
    while not end.to_client:
        await asyncio.sleep(0)
    end.from_client.put_nowait(frame(0x1, 11, masked=True))
    await carrying
    assert end.to_client == [b"\x81\x05hel", b"cut"]


async def test_U17_a_frame_that_does_not_come_is_over() -> None:
    end = End()
    end.from_client.put_nowait(frame(0x1, 10, masked=True)[:5])
    tunnel = end.tunnel(limits=Limits(linger_time=0.01, body_idle=0.05))
    await tunnel.carry()
    assert tunnel.refusal == "websocket.slow_frame"
    assert end.to_client == [closing(POLICY), b""]


async def test_U17_a_flood_goes_on_in_its_time_and_whole() -> None:
    end = End()
    flood = frame(0x9, 0, masked=True) * 50
    tunnel = end.tunnel(frames=40)
    carrying = asyncio.ensure_future(tunnel.carry())
    end.from_client.put_nowait(flood)
    while b"".join(end.to_upstream) != flood:
        await asyncio.sleep(0.01)
    assert len(end.to_upstream) > 1
    end.from_client.put_nowait(b"")
    end.from_upstream.put_nowait(b"")
    await carrying


async def test_U18_a_silent_client_is_pinged_between_two_frames_of_the_app() -> None:
    end = End()
    carrying = asyncio.ensure_future(end.tunnel(ping=0.02).carry())
    while end.to_client != [PING, PING]:
        await asyncio.sleep(0.005)
    end.from_upstream.put_nowait(b"\x81\x05hel")
    while end.to_client[-1:] == [PING]:
        await asyncio.sleep(0.005)
    begun = len(end.to_client)
    await asyncio.sleep(0.1)
    assert len(end.to_client) == begun
    end.from_upstream.put_nowait(b"lo")
    while end.to_client[-1:] != [PING]:
        await asyncio.sleep(0.005)
    carrying.cancel()
    await asyncio.wait([carrying])


async def test_U18_a_client_that_answers_no_ping_is_given_up() -> None:
    end = End()
    await end.tunnel(ping=0.02, idle=0.3).carry()
    assert set(end.to_client) == {PING}
    assert end.closed


async def test_U18_without_an_end_for_idling_only_its_two_ends_end_it() -> None:
    end = End()
    carrying = asyncio.ensure_future(end.tunnel(idle=None).carry())
    await asyncio.sleep(0.05)
    assert not carrying.done()
    end.from_client.put_nowait(b"")
    end.from_upstream.put_nowait(b"")
    await carrying
