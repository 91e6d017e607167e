"""The bounds of the front door, as documented."""

from gateway.front.limits import Limits


def test_the_shipped_bounds_are_the_documented_ones() -> None:
    limits = Limits()
    assert (limits.request_line, limits.field, limits.head, limits.fields) == (8192, 16384, 32768, 100)
    assert (limits.head_time, limits.keepalive, limits.body_idle, limits.write_idle) == (10, 60, 30, 60)
    assert (limits.body_grace, limits.body_rate) == (10, 256)
    assert (limits.linger_time, limits.linger_bytes) == (1, 256 * 1024)
    assert (limits.framing, limits.pipelined) == (8192, 8)


def test_no_field_can_fill_a_head_and_no_line_a_field() -> None:
    limits = Limits()
    assert limits.request_line < limits.field < limits.head
