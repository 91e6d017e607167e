"""W3C Trace Context: what is continued, what is begun anew."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.trace import Trace, parse, proceed, start

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def drawn(size: int) -> bytes:
    return bytes(range(1, size + 1))


def test_a_trace_is_continued_with_a_span_of_our_own() -> None:
    trace = proceed(GOOD, random=drawn)
    assert trace == Trace(trace_id=TRACE, span_id="0102030405060708", sampled=True)
    assert trace.header == f"00-{TRACE}-0102030405060708-01"
    assert not proceed(f"00-{TRACE}-{SPAN}-00", random=drawn).sampled


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
def test_what_does_not_hold_begins_a_new_trace(header: str) -> None:
    assert parse(header) is None
    assert proceed(header, random=drawn) == start(random=drawn)


@pytest.mark.parametrize("header", [f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-03-more-of-it"])
def test_a_later_version_is_read_as_ours(header: str) -> None:
    assert proceed(header, random=drawn).trace_id == TRACE


def test_no_header_begins_a_new_trace() -> None:
    assert proceed(None, random=drawn).trace_id == drawn(16).hex()


def test_an_id_is_never_all_zeros() -> None:
    assert parse(start(random=bytes).header) is not None


@given(st.text())
def test_any_header_leads_to_a_valid_one(header: str) -> None:
    assert parse(proceed(header, random=os.urandom).header) is not None
