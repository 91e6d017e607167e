"""Our cookies are cut, and no other byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.cookies import CookieKnife
from tests.fakes.dressing import COOKIES

KNIFE = CookieKnife(COOKIES)
PAIR = st.text('abcesionSESION=_-." \t%,é', max_size=14).map(lambda text: text.encode("latin-1"))
OURS = st.sampled_from(
    (
        b"__Host-session=x",
        b"session=y",
        b"__Secure-session.0=z",
        b"__Host-session-csrf=c",
        b"session-login-ab=d",
    )
)


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        (b"a=1; __Host-session=x; b=2", b"a=1; b=2"),
        (b"__Host-session=x; a=1", b"a=1"),
        (b"a=1;__Host-session=x", b"a=1"),
        (b"a=1;  b=2;c=3", b"a=1;  b=2;c=3"),
        (b"__Host-session=x", b""),
        (b"__Host-session=x; session.1=y;session", b""),
        (b"mysession=1; sessions=2; session-x=3", b"mysession=1; sessions=2; session-x=3"),
        (b"SESSION=1; a=session", b"a=session"),
        (b"\xe2\x80\x80__Host-session=1", b"\xe2\x80\x80__Host-session=1"),
        (b"a=1; \t__Host-session \t=x=y; b", b"a=1; b"),
    ],
)
def test_I16_our_cookies_are_cut_byte_exactly(value: bytes, rest: bytes) -> None:
    assert KNIFE.cut(value) == rest


@given(st.lists(st.one_of(PAIR, OURS), max_size=8))
def test_I16_others_keep_order_and_bytes(pairs: list[bytes]) -> None:
    others = [pair for pair in pairs if not COOKIES.owns(pair.partition(b"=")[0].strip(b" \t"))]
    cut = KNIFE.cut(b";".join(pairs))
    if others == pairs:
        assert cut == b";".join(pairs)
        return
    assert cut == b";".join(others).strip(b" \t")


@given(st.lists(st.one_of(PAIR, OURS), max_size=8))
def test_I16_nothing_of_ours_is_left(pairs: list[bytes]) -> None:
    names = [pair.partition(b"=")[0].strip(b" \t") for pair in KNIFE.cut(b";".join(pairs)).split(b";")]
    assert not [name for name in names if COOKIES.owns(name)]
