import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.inbound import RawHeaders
from gateway.sessions.cookies import clear_line, named, pairs, set_line, values

NAME = "__Host-session"


def sent(*lines: bytes) -> RawHeaders:
    return ((b"host", b"gw.example.com"), *((b"Cookie", line) for line in lines))


def test_all_cookie_lines_are_read_whatever_the_case_of_their_name() -> None:
    headers: RawHeaders = ((b"cookie", b"a=1; __Host-session=x"), (b"COOKIE", b"__Host-session=y;b=2"))
    assert values(headers, NAME) == ["x", "y"]
    assert values(((b"x-cookie", b"__Host-session=x"), (b"Cookie2", b"__Host-session=y")), NAME) == []


@pytest.mark.parametrize(
    "line",
    [
        "\u2000__Host-session=x".encode(),
        "\u0085__Host-session=x".encode(),
        b"\x85__Host-session=x",
        b"\xa0__Host-session=x",
        b"a __Host-session=x",
        b"\x0b__Host-session=x",
        b"\x0c__Host-session=x",
        b"\x00__Host-session=x",
        b"\r\n__Host-session=x",
        b"__Host-session =x",
        b"__host-session=x",
        b"__Host-session\xe2\x80\x80=x",
        b'"__Host-session"=x',
        b'a="1; __Host-sessions=x"',
        b"__Host-session",
        b"a=1, __Host-session=x",
        b"__Host-session.1=x",
        b"__Host-session%3dx",
        b"=__Host-session=x",
        b"$__Host-session=x",
        b"a=__Host-session=x",
    ],
    ids=lambda _: "line",
)
def test_F1_B57_a_look_alike_is_not_ours(line: bytes) -> None:
    assert values(sent(line), NAME) == []


def test_F1_B57_bytes_are_split_at_semicolons_even_inside_quotes() -> None:
    assert values(sent(b'a="1; __Host-session=x"'), NAME) == ['x"']
    assert values(sent(b"a=1 __Host-session=evil; \t__Host-session=good\t "), NAME) == ["good"]
    assert values(sent(b'__Host-session="x"'), NAME) == ['"x"']
    assert values(sent(b"__Host-session=a=b"), NAME) == ["a=b"]


def test_named_returns_every_cookie_with_the_prefix_in_order() -> None:
    line = b"s-login-b=2; x=1; s-login-a=1; s-logi=3; S-login-c=4"
    assert named(sent(line), "s-login-") == [("s-login-b", "2"), ("s-login-a", "1")]


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_F1_no_bytes_break_the_reader_and_it_invents_nothing(lines: list[bytes]) -> None:
    headers = sent(*lines, b"__Host-session=kept")
    found = values(headers, NAME)
    assert found[-1] == "kept"
    assert all(value.encode("latin-1") in b"\n".join(lines) for value in found[:-1])


@given(st.lists(st.tuples(st.sampled_from(["a", NAME, "b"]), st.text("xyz=", max_size=5)), max_size=6))
def test_every_cookie_that_was_sent_is_read(cookies: list[tuple[str, str]]) -> None:
    line = "; ".join(f"{name}={value}" for name, value in cookies).encode()
    assert values(sent(line), NAME) == [value for name, value in cookies if name == NAME]
    assert len(pairs(sent(line), b"=")) == len(cookies)


def test_B39_a_cookie_line_has_every_attribute() -> None:
    assert set_line(NAME, "x", max_age=60, secure=True) == (
        b"__Host-session=x; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
    )
    assert set_line("session", "x", max_age=None, secure=False, same_site="Strict") == (
        b"session=x; Path=/; HttpOnly; SameSite=Strict"
    )
    assert set_line("__Secure-session", "x", max_age=1, secure=True, domain="example.com") == (
        b"__Secure-session=x; Path=/; Max-Age=1; Domain=example.com; Secure; HttpOnly; SameSite=Lax"
    )


def test_a_cleared_cookie_has_no_value_and_no_life() -> None:
    assert clear_line(NAME, secure=True) == (
        b"__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    )


@pytest.mark.parametrize("value", ["a;b", "a b", "a,b", 'a"', "a\\b", "a\r\nb", "\x7f", "\u00e9"])
def test_a_value_that_is_not_cookie_octets_is_never_written(value: str) -> None:
    with pytest.raises(ValueError, match="not a cookie value"):
        set_line(NAME, value, max_age=1, secure=True)
