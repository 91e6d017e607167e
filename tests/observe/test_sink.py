"""A slow or broken output costs lines and never a request."""

import io
import time
from threading import Event

import pytest

from gateway.observe.sink import Sink


class Stuck(io.BytesIO):
    """An output that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.free = Event(), Event()

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.entered.set()
        self.free.wait(10)
        return super().write(data)


class Broken(io.BytesIO):
    def write(self, data: object, /) -> int:
        raise BrokenPipeError


def test_lines_leave_whole_and_in_order() -> None:
    out = io.BytesIO()
    sink = Sink(out)
    lines = [f"{n}\n".encode() for n in range(2000)]
    for line in lines:
        sink.put(line)
    sink.close()
    assert out.getvalue() == b"".join(lines)
    assert sink.dropped == 0


def test_a_line_leaves_without_waiting_for_the_end() -> None:
    out = Stuck()
    out.free.set()
    sink = Sink(out)
    sink.put(b"one\n")
    assert out.entered.wait(5)
    sink.close()


def test_U24_B145_a_stuck_output_blocks_nobody_and_is_counted() -> None:
    out = Stuck()
    sink = Sink(out, capacity=10)
    sink.put(b"first\n")
    assert out.entered.wait(5)
    started = time.perf_counter()
    for _ in range(1000):
        sink.put(b"x\n")
    assert time.perf_counter() - started < 5
    assert sink.dropped == 990
    out.free.set()
    sink.close()
    assert out.getvalue() == b"first\n" + b"x\n" * 10


def test_closing_on_a_stuck_output_ends_in_time_and_counts() -> None:
    out = Stuck()
    sink = Sink(out)
    sink.put(b"first\n")
    assert out.entered.wait(5)
    sink.put(b"second\n")
    sink.close(patience=0.05)
    assert sink.dropped == 1
    out.free.set()


@pytest.mark.parametrize("closed", [False, True])
def test_B145_a_broken_output_is_counted(*, closed: bool) -> None:
    out = Broken() if not closed else io.BytesIO()
    if closed:
        out.close()
    sink = Sink(out)
    sink.put(b"x\n")
    sink.close()
    assert sink.dropped == 1


def test_a_line_after_the_end_is_counted_and_an_unused_sink_closes() -> None:
    sink = Sink(io.BytesIO())
    sink.close()
    sink.put(b"x\n")
    assert sink.dropped == 1
