"""Fields: read strictly, in order, and each that counts only once."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.web.query import MOST_FIELDS, Fields, parse_fields

PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(PLAIN.filter(bool), PLAIN), max_size=20))
def test_what_was_encoded_is_read_back_in_order(pairs: list[tuple[str, str]]) -> None:
    assert parse_fields(urlencode(pairs).encode()).pairs == tuple(pairs)


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_refused(raw: bytes) -> None:
    try:
        fields = parse_fields(raw)
    except RequestRejected:
        return
    assert all(
        letter < "\ud800" or letter > "\udfff" for pair in fields.pairs for text in pair for letter in text
    )


@pytest.mark.parametrize(
    "raw", [b"a=%zz", b"a=%", b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * (MOST_FIELDS + 1))]
)
def test_what_cannot_be_read_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRejected):
        parse_fields(raw)


def test_no_query_and_an_empty_one_have_no_fields() -> None:
    assert parse_fields(None) == parse_fields(b"") == Fields()


def test_a_field_that_comes_twice_is_refused_when_it_is_asked_for() -> None:
    fields = parse_fields(b"a=1&b=2&a=3")
    assert fields.one("b") == "2"
    assert fields.one("c") is None
    with pytest.raises(RequestRejected):
        fields.one("a")
