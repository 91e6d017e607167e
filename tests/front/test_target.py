"""The request target: matched as it is forwarded, or refused."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.front.target import read_path, read_target


@pytest.mark.parametrize(
    ("raw", "path", "query"),
    [
        (b"/", "/", None),
        (b"/a/b?x=1", "/a/b", b"x=1"),
        (b"/a?", "/a", b""),
        (b"/a?x=?&y=//..", "/a", b"x=?&y=//.."),
        (b"/%61dmin", "/admin", None),
        (b"/caf%C3%A9", "/café", None),
        (b"/%252e%252e/x", "/%2e%2e/x", None),
        (b"/.well-known/x", "/.well-known/x", None),
        (b"/a..b/...", "/a..b/...", None),
    ],
)
def test_a_target_is_decoded_exactly_once(raw: bytes, path: str, query: bytes | None) -> None:
    target = read_target(raw)
    assert (target.path, target.query, target.spellings) == (path, query, frozenset())


@pytest.mark.parametrize(
    "raw",
    [
        b"/..",
        b"/a/../b",
        b"/./a",
        b"/a/.",
        b"/%2e%2e/a",
        b"/.%2e/a",
        b"/%2e./a",
        b"/%2e/a",
        b"/a/..;x/b",
        b"/a/%2e%2e;x=1/b",
        b"/a\\b",
        b"/a%5cb",
        b"/a%00",
        b"/a%0a",
        b"/a%0D",
        b"/a%7f",
        b"/a%c0%ae",
        b"/a%zz",
        b"/a%",
        b"/a%4",
        b"/a#b",
        b"/a?b#c",
        b"/a b",
        b"/a\tb",
        b"/caf\xc3\xa9",
        b"/a%c2%85",
        b"a",
        b"",
        b"*",
        b"http://evil/",
        b"/a\x7f",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRejected):
        read_target(raw)


@pytest.mark.parametrize(
    ("raw", "spellings"),
    [
        (b"//a", {"//"}),
        (b"/a//b", {"//"}),
        (b"/a%2fb", {"%2f"}),
        (b"/a%2Fb", {"%2f"}),
        (b"/a;b", {";"}),
        (b"/a%3bb", {";"}),
        (b"/a/%2fb", {"%2f", "//"}),
    ],
)
def test_spellings_that_a_route_may_allow_are_named(raw: bytes, spellings: set[str]) -> None:
    assert read_path(raw)[1] == spellings


@given(st.binary(max_size=60))
def test_an_accepted_path_has_no_second_reading(tail: bytes) -> None:
    raw = b"/" + tail
    try:
        path, spellings = read_path(raw)
    except RequestRejected:
        return
    assert unquote_to_bytes(raw) == path.encode()
    segments = path.split("/")
    assert "." not in segments
    assert ".." not in segments
    assert "\\" not in path
    assert all(ord(letter) > 0x1F and not 0x7F <= ord(letter) <= 0x9F for letter in path)
    if not spellings:
        assert "//" not in path
        assert ";" not in path
        assert b"%2f" not in raw.lower()


@given(st.lists(st.sampled_from([b"/", b".", b"%2e", b"%2E", b";", b"a", b"%2f", b"%", b"\\"]), max_size=9))
def test_no_spelling_of_a_dot_segment_passes(pieces: list[bytes]) -> None:
    raw = b"/" + b"".join(pieces)
    try:
        path, _ = read_path(raw)
    except RequestRejected:
        return
    assert not {segment.partition(";")[0] for segment in path.split("/")} & {".", ".."}
