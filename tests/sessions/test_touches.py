import asyncio
from collections.abc import Mapping

from gateway.errors import StoreUnavailable
from gateway.sessions.touches import Touches


class Written:
    def __init__(self) -> None:
        self.batches: list[dict[bytes, int]] = []
        self.down = False
        self.came = asyncio.Event()

    async def write(self, seen: Mapping[bytes, int]) -> None:
        self.came.set()
        if self.down:
            raise StoreUnavailable("down")
        self.batches.append(dict(seen))


async def test_S27_a_session_is_written_once_in_so_many_seconds() -> None:
    written = Written()
    touches = Touches(written.write, every=60)
    moments = (1000, 1059, 1060, 1061, 1119, 1120)
    noted = [touches.note(b"k", seen_at=1000, now=now) for now in moments]
    assert noted == [False, False, True, False, False, True]
    await touches.close()
    assert written.batches == [{b"k": 1120}]
    assert touches.noted(b"k") == 1120


async def test_what_comes_during_the_pause_goes_together() -> None:
    written = Written()
    touches = Touches(written.write, every=60, pause=0.05)
    touches.note(b"a", seen_at=0, now=1000)
    await written.came.wait()
    written.came.clear()
    for key in (b"b", b"c"):
        touches.note(key, seen_at=0, now=1000)
        await asyncio.sleep(0)
    await written.came.wait()
    await touches.close()
    assert written.batches == [{b"a": 1000}, {b"b": 1000, b"c": 1000}]


async def test_an_end_waits_for_no_pause_and_leaves_nothing_behind() -> None:
    written = Written()
    touches = Touches(written.write, every=60, pause=3600)
    touches.note(b"a", seen_at=0, now=1000)
    await written.came.wait()
    touches.note(b"b", seen_at=0, now=1000)
    await touches.close()
    assert written.batches == [{b"a": 1000}, {b"b": 1000}]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_write_that_failed_is_due_again() -> None:
    written = Written()
    written.down = True
    touches = Touches(written.write, every=60)
    touches.note(b"k", seen_at=0, now=1000)
    await written.came.wait()
    await asyncio.sleep(0)
    written.down = False
    touches.note(b"k", seen_at=0, now=1001)
    await touches.close()
    assert written.batches == [{b"k": 1001}]


async def test_what_is_remembered_is_bounded() -> None:
    touches = Touches(Written().write, every=60, most=2)
    for key, now in ((b"b", 1000), (b"a", 1000), (b"b", 1060), (b"c", 1060)):
        touches.note(key, seen_at=0, now=now)
    await touches.close()
    assert [touches.noted(key) for key in (b"a", b"b", b"c")] == [0, 1060, 1060]
