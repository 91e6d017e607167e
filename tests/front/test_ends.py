"""An end hands on what comes, says when it is full, and is given up where it takes nothing."""

import asyncio
from math import inf

from gateway.front.ends import End, Far, Near
from gateway.front.frames import GOING_AWAY
from gateway.front.limits import Limits
from tests.fakes.side import Side


class Joint:
    """Remembers what it hears."""

    open = True

    def __init__(self) -> None:
        self.heard: list[object] = []

    def up(self, data: bytes) -> None:
        self.heard.append(("up", data))

    def down(self, data: bytes) -> None:
        self.heard.append(("down", data))

    def ended(self, end: End) -> bool:
        self.heard.append("ended")
        return True

    def lost(self, end: End, exc: Exception | None) -> None:
        self.heard.append("lost")

    def steer(self) -> None:
        self.heard.append("steer")

    def dismiss(self, code: int) -> None:
        self.heard.append(("dismiss", code))

    def forget(self, end: End) -> None:
        self.heard.append("forgotten")


def near(side: Side, *, patience: float = 0.02) -> tuple[Near, Joint]:
    joint = Joint()
    end = Near(joint)
    end.begin(side, owner=joint, patience=patience, full=False)
    return end, joint


async def lost(joint: Joint) -> None:
    async with asyncio.timeout(20):
        while joint.heard[-1:] != ["lost"]:
            await asyncio.sleep(0.001)


async def test_each_end_says_where_its_bytes_come_from() -> None:
    end, joint = near(Side())
    Far(joint).data_received(b"a")
    end.data_received(b"b")
    assert end.eof_received()
    assert joint.heard == [("down", b"a"), ("up", b"b"), "ended"]


async def test_one_that_is_slow_is_waited_for() -> None:
    side = Side()
    end, joint = near(side)
    side.backlog = 100
    end.pause_writing()
    assert (end.full, joint.heard) == (True, ["steer"])
    assert not end.stalled(end.stalls_at - 0.01)
    side.backlog = 99
    assert not end.stalled(end.stalls_at)
    assert end.stalled(end.stalls_at)
    end.resume_writing()
    assert (end.full, end.stalls_at, joint.heard) == (False, inf, ["steer", "steer"])


async def test_what_is_written_last_has_its_time() -> None:
    side = Side(patient=True)
    end, joint = near(side)
    side.backlog = 1
    end.close()
    await lost(joint)
    assert (side.how, joint.heard) == ("cut", ["forgotten", "lost"])


async def test_one_with_nothing_left_to_take_is_closed() -> None:
    side = Side()
    end, joint = near(side)
    end.force_close()
    end.close()
    await lost(joint)
    assert side.how == "closed"


async def test_half_an_end_is_said_where_it_can_be() -> None:
    half, whole, gone = Side(), Side(whole=True), Side()
    for side in (half, whole, gone):
        end, _ = near(side)
        if side is gone:
            end.close()
        end.end()
    assert (half.taken, whole.taken, gone.taken) == ([b""], [], [])


async def test_the_end_of_one_that_is_gone_is_nobodys_fault() -> None:
    side = Side(gone=True)
    end, joint = near(side)
    joint.open = False
    end.linger(Limits(linger_time=0.01))
    await lost(joint)
    assert (side.taken, side.how) == ([], "closed")


async def test_a_client_that_was_told_all_is_heard_no_longer_and_not_for_long() -> None:
    for sent in (b"x" * 100, b""):
        side = Side()
        end, joint = near(side)
        joint.open = False
        end.linger(Limits(linger_time=60.0 if sent else 0.01, linger_bytes=99))
        assert side.taken == [b""]
        end.data_received(sent)
        await lost(joint)
        assert joint.heard == ["forgotten", "lost"]


async def test_C01_a_drain_dismisses_it_and_it_never_gives_way_to_others() -> None:
    end, joint = near(Side())
    end.wind_down()
    assert joint.heard == [("dismiss", GOING_AWAY)]
    assert not end.idle
