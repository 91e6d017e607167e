from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.quantities import (
    duration,
    duration_or_off,
    lifetime,
    lifetime_or_off,
    size,
    size_or_off,
)
from gateway.settings.refusal import Refused


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("10m", 600),
        ("30d", 2_592_000),
        ("1h30m", 5_400),
        ("1d2h3m4s5ms", 93_784.005),
        (90, 90),
    ],
)
def test_durations_are_read_in_seconds(written: object, seconds: float) -> None:
    assert duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    ["", "10", "10 m", "m", "-1s", "1.5h", "10M", "30:00", "5m1h", "1m1m", "٣m", "off", 0, "0s", -1, 1.5,
     True, None, "9999999d", 10**40, [], {}],
)  # fmt: skip
def test_anything_else_is_no_duration(written: object) -> None:
    with pytest.raises(Refused):
        duration(written)


@pytest.mark.parametrize(
    ("written", "count"),
    [("0B", 0), ("64KiB", 65_536), ("1GiB", 2**30), ("2TiB", 2**41), (0, 0), (1_000, 1_000)],
)
def test_sizes_are_read_in_bytes(written: object, count: int) -> None:
    assert size(written) == count


@pytest.mark.parametrize(
    "written", ["", "1", "1KB", "1k", "1 KiB", "-1B", "1.5MiB", -1, True, 2.0, None, 10**30, "off"]
)
def test_anything_else_is_no_size(written: object) -> None:
    with pytest.raises(Refused):
        size(written)


def test_off_is_none_where_it_is_allowed() -> None:
    assert lifetime_or_off("off") is None
    assert size_or_off("off") is None
    assert lifetime_or_off("1s") == 1
    assert size_or_off("1B") == 1


@given(
    days=st.integers(0, 99),
    hours=st.integers(0, 99),
    minutes=st.integers(0, 99),
    milliseconds=st.integers(1, 999),
)
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, milliseconds: int) -> None:
    text = f"{days}d{hours}h{minutes}m{milliseconds}ms"
    assert duration(text) == pytest.approx(
        days * 86_400 + hours * 3_600 + minutes * 60 + milliseconds / 1_000
    )


@given(text=st.text(max_size=12))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for read in (duration, size):
        with suppress(Refused):
            assert read(text) >= 0


@pytest.mark.parametrize("written", ["1ms", "1s500ms", "0s", "off"])
def test_a_lifetime_is_whole_seconds(written: str) -> None:
    with pytest.raises(Refused):
        lifetime(written)
    assert lifetime("1000ms") == 1


@pytest.mark.parametrize("read", [duration_or_off, lifetime_or_off, size_or_off])
def test_off_is_told_where_it_is_allowed(read: Any) -> None:
    for written in ("never", -1):
        with pytest.raises(Refused) as caught:
            read(written)
        assert caught.value.suggestion.endswith('or "off"')
