"""What a client sends once its connection has left HTTP."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.front.inflow import MOST, Inflow


class Held:
    """A client that is held back or not."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.flow = Inflow(pause=lambda: self.told.append("pause"), resume=lambda: self.told.append("resume"))


@given(st.lists(st.binary(min_size=1)))
def test_every_byte_comes_out_in_order_and_then_the_end(pieces: list[bytes]) -> None:
    async def all_of() -> bytes:
        flow = Held().flow
        for piece in pieces:
            flow.put(piece)
        flow.end()
        taken = b""
        while piece := await flow.take():
            taken += piece
        return taken

    assert asyncio.run(all_of()) == b"".join(pieces)


async def test_whoever_takes_waits_for_bytes_and_for_the_end() -> None:
    flow = Held().flow
    taking = asyncio.ensure_future(flow.take())
    await asyncio.sleep(0)
    flow.put(b"a")
    assert await taking == b"a"
    taking = asyncio.ensure_future(flow.take())
    await asyncio.sleep(0)
    flow.end()
    assert await taking == b""
    assert await flow.take() == b""


async def test_a_client_is_held_back_once_and_let_go_when_its_bytes_are_taken() -> None:
    held = Held()
    held.flow.put(b"x" * MOST)
    assert held.told == []
    held.flow.put(b"x")
    held.flow.put(b"x")
    assert held.told == ["pause"]
    assert len(await held.flow.take()) == MOST + 2
    assert held.told == ["pause", "resume"]


async def test_a_taker_that_was_cancelled_is_nobody_to_wake() -> None:
    flow = Held().flow
    taking = asyncio.ensure_future(flow.take())
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.wait([taking])
    flow.put(b"a")
    assert await flow.take() == b"a"
