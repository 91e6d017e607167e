import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.front.frames import GOING_AWAY, POLICY, Frames, closing


def frame(opcode: int, size: int, *, masked: bool = False, fin: bool = True) -> bytes:
    head = bytes([(0x80 if fin else 0) | opcode])
    mask = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask | size])
    elif size < 65_536:
        head += bytes([mask | 126]) + size.to_bytes(2)
    else:
        head += bytes([mask | 127]) + size.to_bytes(8)
    return head + (b"mask" if masked else b"") + b"x" * size


FRAMES = st.builds(
    frame,
    st.sampled_from((0x0, 0x1, 0x2, 0x9, 0xA)),
    st.one_of(st.integers(0, 200), st.sampled_from((125, 126, 127, 65_535, 65_536))),
    masked=st.booleans(),
    fin=st.booleans(),
)


@given(st.lists(FRAMES, min_size=1, max_size=5), st.lists(st.integers(1, 70_000), max_size=8))
def test_it_is_between_two_frames_exactly_there(frames: list[bytes], cuts: list[int]) -> None:
    whole, edges, at = b"".join(frames), {0}, 0
    for each in frames:
        edges.add(at := at + len(each))
    followed, start = Frames(), 0
    for end in sorted({*(cut % (len(whole) + 1) for cut in cuts), len(whole)}):
        followed.follow(whole[start:end])
        assert followed.between is (end in edges)
        start = end


class Held(Frames):
    """Lets one frame begin."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[int, int]] = []

    def _may_begin(self) -> bool:
        return not self.begun

    def _begun(self, *, first: int, length: int) -> None:
        self.begun.append((first, length))


@pytest.mark.parametrize("size", [0, 5, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("masked", [False, True])
def test_a_frame_that_may_not_begin_is_not_taken(size: int, masked: bool) -> None:
    held, first = Held(), frame(0x2, size, masked=masked)
    assert held.follow(b"xx" + first + b"\x81\x00", 2) == 2 + len(first)
    assert held.begun == [(0x82, size)]
    assert held.follow(b"\x81\x00") == 0


def test_after_the_apps_own_close_nothing_more_is_said() -> None:
    followed = Frames()
    followed.follow(closing(1000))
    assert not followed.between


@pytest.mark.parametrize(
    ("code", "frame"), [(GOING_AWAY, b"\x88\x02\x03\xe9"), (POLICY, b"\x88\x02\x03\xf0")]
)
def test_a_close_is_one_whole_frame(code: int, frame: bytes) -> None:
    assert closing(code) == frame
