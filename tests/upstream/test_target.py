"""The prefix goes, the raw bytes of the rest stay."""

from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.upstream.target import strip_prefix

SEGMENT = st.text("ab.~é% -", min_size=1, max_size=5)
RAW = st.text("abc/;=%20", max_size=12).map(lambda text: text.encode())


@pytest.mark.parametrize(
    ("target", "prefix", "rest"),
    [
        (b"/app/x", "/app", b"/x"),
        (b"/app", "/app", b"/"),
        (b"/app/", "/app", b"/"),
        (b"/app?q=/app", "/app", b"/?q=/app"),
        (b"/app/x?", "/app", b"/x?"),
        (b"/%61pp/x%2Fy", "/app", b"/x%2Fy"),
        (b"/a%20b/c", "/a b", b"/c"),
        (b"/a/b/c", "/a/b/", b"/c"),
        (b"/%61pp", "/app", b"/"),
        (b"/x", "/", b"/x"),
        (b"/a%2fb/c", "/a/b", b"/c"),
        (b"/app//x", "/app", b"//x"),
    ],
)
def test_the_prefix_is_cut_at_its_segments(target: bytes, prefix: str, rest: bytes) -> None:
    assert strip_prefix(target, prefix) == rest


@pytest.mark.parametrize("target", [b"/app%2fx", b"/other", b"/apple/x"])
def test_a_prefix_that_ends_at_no_segment_is_refused(target: bytes) -> None:
    with pytest.raises(RequestRejected):
        strip_prefix(target, "/app")


@given(
    segments=st.lists(SEGMENT, min_size=1, max_size=3), rest=RAW, escape=st.booleans(), query=st.booleans()
)
def test_any_spelling_of_the_prefix_is_cut_and_the_rest_kept(
    *, segments: list[str], rest: bytes, escape: bool, query: bool
) -> None:
    prefix = "/" + "/".join(segments)
    spelled = quote(prefix, safe="/" if not escape else "/~").replace("a", "%61" if escape else "a").encode()
    tail = b"/" + rest + (b"?a=1" if query else b"")
    stripped = strip_prefix(spelled + tail, prefix)
    assert stripped == tail
    assert unquote_to_bytes(spelled) == prefix.encode()
