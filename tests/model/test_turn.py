import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.turn import MOST, Outbox, Turn


class Taken:
    """A transport that notes what it is given, and keeps *kept* bytes unsent."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.kept = 0
        self.closing = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def get_write_buffer_size(self) -> int:
        return self.kept

    def is_closing(self) -> bool:
        return self.closing


async def test_what_one_turn_writes_goes_out_in_one_piece_at_its_end() -> None:
    transport = Taken()
    outbox = Outbox(transport, Turn())
    outbox.write(b"head")
    outbox.write(b"body")
    assert (transport.writes, outbox.size) == ([], 8)
    await asyncio.sleep(0)
    assert (transport.writes, outbox.size) == ([b"headbody"], 0)


async def test_connections_of_one_turn_are_flushed_in_the_order_in_which_they_wrote() -> None:
    turn, transport = Turn(), Taken()
    first, second = Outbox(transport, turn), Outbox(transport, turn)
    first.write(b"1")
    second.write(b"2")
    first.write(b"3")
    await asyncio.sleep(0)
    assert transport.writes == [b"13", b"2"]


async def test_a_write_during_the_flush_belongs_to_the_next_turn() -> None:
    turn, transport = Turn(), Taken()
    late = Outbox(Taken(), turn)
    transport.write = late.write  # type: ignore[method-assign]
    Outbox(transport, turn).write(b"x")
    await asyncio.sleep(0)
    assert late.size == 1
    await asyncio.sleep(0)
    assert late.size == 0


async def test_much_is_never_held_back() -> None:
    transport = Taken()
    outbox = Outbox(transport, Turn())
    outbox.write(b"x" * (MOST + 1))
    assert [len(data) for data in transport.writes] == [MOST + 1]
    outbox.write(b"a")
    outbox.write(b"x" * MOST)
    assert [len(data) for data in transport.writes] == [MOST + 1, MOST + 1]
    assert outbox.size == 0


async def test_where_the_transport_is_behind_nothing_is_held_back() -> None:
    transport = Taken()
    transport.kept = 1
    Outbox(transport, Turn()).write(b"x")
    assert transport.writes == [b"x"]


async def test_a_transport_that_closes_is_given_nothing_more() -> None:
    transport = Taken()
    outbox = Outbox(transport, Turn())
    outbox.write(b"x")
    transport.closing = True
    await asyncio.sleep(0)
    assert (transport.writes, outbox.size) == ([], 0)


async def test_flushing_early_leaves_nothing_for_the_end() -> None:
    transport = Taken()
    outbox = Outbox(transport, Turn())
    outbox.write(b"x")
    outbox.flush()
    await asyncio.sleep(0)
    assert transport.writes == [b"x"]


@given(st.lists(st.tuples(st.integers(0, MOST + 2), st.booleans(), st.integers(0, 1)), max_size=20))
def test_every_byte_goes_out_once_and_in_order(steps: list[tuple[int, bool, int]]) -> None:
    asyncio.run(_written(steps))


async def _written(steps: list[tuple[int, bool, int]]) -> None:
    transport = Taken()
    outbox = Outbox(transport, Turn())
    written = b""
    for number, (size, ends_turn, behind) in enumerate(steps):
        transport.kept = behind
        data = bytes([number]) * size
        written += data
        outbox.write(data)
        assert outbox.size <= MOST
        if ends_turn:
            await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert b"".join(transport.writes) == written
