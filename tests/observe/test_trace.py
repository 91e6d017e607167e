"""W3C Trace Context: what is continued, what is begun anew."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.trace import NewTraces, Trace, parse

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def test_a_header_says_whose_trace_it_is() -> None:
    assert parse(GOOD) == Trace(trace_id=TRACE, span_id=SPAN, sampled=True)
    assert parse(f"00-{TRACE}-{SPAN}-00") == Trace(trace_id=TRACE, span_id=SPAN, sampled=False)


@pytest.mark.parametrize(
    "header",
    [
        "",
        GOOD + "-00",
        GOOD[:-1],
        GOOD.upper(),
        GOOD.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f" {GOOD}",
        f"{GOOD}\n",
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE}-{SPAN}-\u0661\u0661",
        f"01-{TRACE}-{SPAN}-01x",
        "01-" + GOOD[3:] + "-" + "a" * 300,
    ],
)
def test_what_does_not_hold_is_no_trace(header: str) -> None:
    assert parse(header) is None


@pytest.mark.parametrize("header", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-03-more-of-it"])
def test_a_later_version_is_read_as_ours(header: str) -> None:
    found = parse(header)
    assert found is not None
    assert found.trace_id == TRACE


def test_a_new_trace_is_valid_sampled_and_its_own() -> None:
    new_trace = NewTraces(os.urandom)
    made = [new_trace() for _ in range(1000)]
    assert len(set(made)) == 1000
    for header in made:
        found = parse(header)
        assert found is not None
        assert found.sampled


def test_an_id_is_never_all_zeros() -> None:
    draws = iter([bytes(24 * 256), os.urandom(24 * 256)])
    assert parse(NewTraces(lambda _: next(draws))()) is not None


@given(st.text())
def test_any_header_is_read_or_is_none(header: str) -> None:
    found = parse(header)
    assert found is None or parse(found.header) == found
