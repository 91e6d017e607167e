"""What others wrote stands on a page without turning it round or filling it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.shown import LONGEST, shown

CONTROLS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\n\r\x00\x85\u2028")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Ann Example", "Ann Example"),
        (
            "Zoë 王芳 👩\u200d💻 \u0645\u06cc\u200c\u062e\u0648",
            "Zoë 王芳 👩\u200d💻 \u0645\u06cc\u200c\u062e\u0648",
        ),
        ("ann\u202egnp.exe", "ann\\u202egnp.exe"),
        ("two\nlines\x00", "two\\nlines\\x00"),
        ("", ""),
    ],
)
def test_names_stay_and_controls_are_spelled_out(text: str, told: str) -> None:
    assert shown(text) == told


def test_what_is_long_ends_with_a_sign_of_it() -> None:
    assert shown("x" * LONGEST) == "x" * LONGEST
    assert shown("x" * 10_000) == "x" * (LONGEST - 1) + "…"
    assert shown("x" * 10, longest=4) == "xxx…"


@given(text=st.text(st.characters(exclude_categories=()), max_size=300))
def test_whatever_was_written_is_bounded_and_free_of_controls(text: str) -> None:
    told = shown(text)
    assert len(told) <= 10 * LONGEST
    assert not CONTROLS & set(told)
    told.encode()
