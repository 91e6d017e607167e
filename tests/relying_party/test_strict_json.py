import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relying_party.strict_json import DEEPEST, MOST_ELEMENTS, JsonRefused, read, read_object

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read(value: object) -> None:
    assert read(json.dumps(value).encode(), limit=1 << 20) == value


@given(st.binary(max_size=200) | st.text('{}[]",:0123456789eE+-.\\ud8nNaI ', max_size=100).map(str.encode))
def test_any_bytes_are_read_as_the_library_reads_them_or_refused(raw: bytes) -> None:
    try:
        value = read(raw, limit=150)
    except JsonRefused:
        return
    assert len(raw) <= 150
    assert json.loads(raw) == value


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":1}',
        b'[{"a":{"b":1,"b":2}}]',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e999",
        b"-1e999",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"{'a':1}",
        b"[1,]",
        b'"\x00"',
        b"01",
        "{}".encode("utf-16"),
    ],
)
def test_T11_what_two_parsers_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(JsonRefused):
        read(raw, limit=1 << 20)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert read(b'"\\ud83d\\ude00"', limit=100) == "\U0001f600"


@pytest.mark.parametrize(("depth", "taken"), [(DEEPEST, True), (DEEPEST + 1, False), (100_000, False)])
def test_depth_is_bounded(depth: int, taken: bool) -> None:
    raw = b"[" * depth + b"]" * depth if depth < 60_000 else b'{"a":' * 20_000 + b"1" + b"}" * 20_000
    if taken:
        assert read(raw, limit=1 << 20) is not None
        return
    with pytest.raises(JsonRefused):
        read(raw, limit=1 << 20)


@pytest.mark.parametrize(("size", "taken"), [(99, True), (100, True), (101, False)])
def test_size_is_bounded(size: int, taken: bool) -> None:
    raw = b'"' + b"x" * (size - 2) + b'"'
    if taken:
        assert read(raw, limit=100) == "x" * (size - 2)
        return
    with pytest.raises(JsonRefused):
        read(raw, limit=100)


def test_the_number_of_elements_is_bounded() -> None:
    assert read(b"[" + b"1," * (MOST_ELEMENTS - 1) + b"1]", limit=1 << 20)
    with pytest.raises(JsonRefused):
        read(b"[" + b"1," * MOST_ELEMENTS + b"1]", limit=1 << 20)


@pytest.mark.parametrize("raw", [b"[]", b"null", b"1", b'"x"'])
def test_only_an_object_is_an_object(raw: bytes) -> None:
    with pytest.raises(JsonRefused):
        read_object(raw, limit=100)


def test_a_refusal_never_quotes() -> None:
    with pytest.raises(JsonRefused) as caught:
        read(b'{"secret-name": secret-value}', limit=100)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
