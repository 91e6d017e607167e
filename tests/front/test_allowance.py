"""What a client may send is counted by heads alone, however it is cut (row U17)."""

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.front.allowance import Allowance, NotAllowed
from gateway.front.frames import POLICY, TOO_BIG
from tests.front.test_frames import frame

TEXT, MORE, PING = 0x1, 0x0, 0x9


class Now:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def allowance(*, message: int | None = None, frames: int | None = None, now: Now | None = None) -> Allowance:
    return Allowance(message=message, frames=frames, patience=30.0, rate=256, now=now or Now())


def refused(data: bytes, *, message: int, cut: int = 1 << 30) -> bool:
    """Say whether *data*, in pieces of *cut* bytes, is refused as too large."""
    followed = allowance(message=message)
    try:
        for start in range(0, len(data), cut):
            piece = data[start : start + cut]
            assert followed.follow(piece) == len(piece)
    except NotAllowed as refusal:
        told = refusal
    else:
        return False
    assert (told.code, told.reason) == (TOO_BIG, "websocket.message_too_large")
    return True


@pytest.mark.parametrize("cut", [1, 7, 1 << 30])
@pytest.mark.parametrize(("size", "too_large"), [(999, False), (1000, False), (1001, True)])
def test_U17_a_message_is_refused_by_its_first_byte_too_many(size: int, too_large: bool, cut: int) -> None:
    whole = frame(TEXT, size, masked=True)
    parts = frame(TEXT, size - 500, masked=True, fin=False) + frame(MORE, 500, masked=True)
    assert refused(whole, message=1000, cut=cut) is too_large
    assert refused(parts, message=1000, cut=cut) is too_large


def test_U17_a_huge_frame_is_refused_by_its_head() -> None:
    for head in (b"\x82\xff\x7f" + b"\xff" * 7, b"\x89\xff" + b"\xff" * 8, b"\x80\xff" + b"\xff" * 8):
        assert refused(head, message=4 << 20)


def test_U17_fragments_without_end_are_refused_also_where_they_are_empty() -> None:
    endless = frame(TEXT, 0, masked=True, fin=False) + frame(MORE, 0, masked=True, fin=False) * 1000
    assert refused(endless, message=1000)
    assert refused(frame(TEXT, 1, fin=False) * 1001, message=1000)  # what is no protocol, too


def test_U17_an_empty_last_fragment_costs_nothing_and_each_message_has_its_own_room() -> None:
    parts = frame(TEXT, 1000, masked=True, fin=False) + frame(MORE, 0, masked=True)
    assert not refused(parts * 50, message=1000)


def test_U17_a_ping_among_fragments_is_no_part_of_the_message() -> None:
    parts = [frame(TEXT, 600, masked=True, fin=False), frame(PING, 125, masked=True), frame(MORE, 400)]
    assert not refused(b"".join(parts), message=1000)


def test_U17_without_a_limit_anything_goes() -> None:
    data = frame(TEXT, 100_000, fin=False) * 10 + b"\x80\x7f" + b"\x7f" * 8
    assert allowance().follow(data) == len(data)


def test_U17_so_many_frames_begin_in_a_second_and_the_others_wait() -> None:
    now = Now()
    followed = allowance(frames=10, now=now)
    flood = frame(PING, 0, masked=True) * 25
    each = len(flood) // 25
    assert followed.follow(flood) == 10 * each
    assert followed.follow(flood, 10 * each) == 10 * each
    assert 0 < followed.wait <= 0.1 + 1e-6
    now.time += followed.wait + 1e-6
    assert followed.follow(flood, 10 * each) == 11 * each
    now.time += 3600
    assert followed.follow(flood, 11 * each) == 21 * each


def test_a_frame_that_began_ends_whatever_the_rate() -> None:
    followed = allowance(frames=1)
    large = frame(TEXT, 100_000, masked=True)
    assert followed.follow(large[:20]) == 20
    assert followed.follow(large[20:]) == len(large) - 20
    assert followed.follow(large) == 0


def test_U17_a_frame_that_dribbles_has_its_time() -> None:
    now = Now()
    followed = allowance(now=now)
    head = b"\x82\xfe\xff\xff" + b"mask"
    followed.wait_for_more(on=True)
    assert followed.overdue_at == inf
    followed.follow(head)
    assert followed.overdue_at == now.time + 30
    now.time += 29
    followed.follow(b"x")
    assert followed.overdue_at == pytest.approx(now.time + 1)
    followed.follow(b"x" * 25_600)  # what came buys time at the least rate
    assert followed.overdue_at == pytest.approx(now.time + 25_600 / 256 - 29, abs=0.1)
    followed.follow(b"x" * (65_535 - 25_601))
    assert followed.overdue_at == inf
    followed.follow(head[:1])
    assert followed.overdue_at == now.time + 30
    assert (followed.overdue().code, followed.overdue().reason) == (POLICY, "websocket.slow_frame")


def test_U17_time_for_which_nobody_waits_for_it_is_not_a_client_s_own() -> None:
    now = Now()
    followed = allowance(now=now)
    followed.wait_for_more(on=True)
    followed.follow(b"\x82")
    now.time += 10
    followed.wait_for_more(on=False)
    followed.wait_for_more(on=False)
    assert followed.overdue_at == inf
    now.time += 3600
    followed.wait_for_more(on=True)
    followed.wait_for_more(on=True)
    assert followed.overdue_at == now.time + 20


@given(
    st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=8),
    st.integers(0, 900),
    st.integers(1, 50),
)
def test_U17_how_it_is_cut_changes_nothing(
    fragments: Sequence[tuple[int, bool]], most: int, cut: int
) -> None:
    data = b"".join(frame(MORE if at else TEXT, size, fin=fin) for at, (size, fin) in enumerate(fragments))
    assert refused(data, message=most, cut=cut) is refused(data, message=most)
