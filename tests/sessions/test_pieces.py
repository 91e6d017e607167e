from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.cookies import CookieNames
from gateway.sessions.pieces import MOST_PIECES, PIECE, SessionCookie
from tests.fakes.jar import Jar

HOST = SessionCookie(CookieNames(base="session", secure=True, hostname="gw.example.com"))
DOMAIN = SessionCookie(
    CookieNames(base="session", secure=True, domain="example.com", hostname="gw.example.com")
)
PLAIN = SessionCookie(CookieNames(base="session", secure=False, hostname="localhost"))
LIFE = 2_592_000
ROOM = PIECE - len(b"__Host-session.2=; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax")


def jar_with(size: int) -> Jar:
    jar = Jar()
    pieces = HOST.pieces_for(size, max_age=LIFE)
    jar.take(HOST.written("x" * size, pieces=pieces, max_age=LIFE))
    return jar


@given(st.integers(1, MOST_PIECES * ROOM - 2))
def test_B124_what_is_written_is_joined_again(size: int) -> None:
    jar = jar_with(size)
    (whole,) = HOST.wholes(HOST.shown(jar.headers()))
    assert whole.sealed == "x" * size
    assert whole.pieces == len(jar.cookies)


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (1, 1),
        (ROOM - 1, 1),
        (ROOM, 1),
        (ROOM + 1, 2),
        (2 * ROOM - 2, 2),
        (2 * ROOM - 1, 3),
        (3 * ROOM - 2, 3),
    ],
)
def test_B124_S05_each_piece_is_within_4096_bytes_and_all_within_12_kib(size: int, pieces: int) -> None:
    assert HOST.pieces_for(size, max_age=LIFE) == pieces
    lines = HOST.written("x" * size, pieces=pieces, max_age=LIFE)
    assert len(lines) == pieces
    assert max(map(len, lines)) <= PIECE
    assert sum(map(len, lines)) <= 12 * 1024
    assert all(b"=;" not in line for line in lines)


def test_B126_one_byte_more_would_need_a_fourth_piece() -> None:
    assert HOST.pieces_for(3 * ROOM - 1, max_age=LIFE) == MOST_PIECES + 1


def test_B124_the_names_of_the_pieces() -> None:
    assert jar_with(3 * ROOM - 2).names == ["__Host-session", "__Host-session.1", "__Host-session.2"]


@pytest.mark.parametrize("gone", ["__Host-session", "__Host-session.1", "__Host-session.2"])
def test_B125_S04_a_missing_or_empty_piece_joins_to_nothing(gone: str) -> None:
    jar = jar_with(3 * ROOM - 2)
    jar.plant(gone, "")
    assert all(whole.pieces == 1 for whole in HOST.wholes(HOST.shown(jar.headers())))
    del jar.cookies[(gone, "")]
    assert HOST.wholes(HOST.shown(jar.headers())) == []


@pytest.mark.parametrize("doubled", ["__Host-session", "__Host-session.1"])
@pytest.mark.parametrize("value", ["2.other", None])
def test_B125_S04_a_doubled_piece_joins_to_nothing(doubled: str, value: str | None) -> None:
    jar = jar_with(2 * ROOM - 2)
    jar.plant(doubled, value or jar.cookies[(doubled, "")], domain="elsewhere")
    assert HOST.wholes(HOST.shown(jar.headers())) == []


@pytest.mark.parametrize("first", [b"1.x", b"4.x", b"x.x", b"2x", b"2", b"3", b"", b".2"])
def test_F10_what_begins_with_no_count_is_whole(first: bytes) -> None:
    (whole,) = HOST.wholes([(b"__Host-session", first), (b"__Host-session.1", b"y")])
    assert (whole.pieces, whole.value) == (1, first)


def test_B053_a_cut_value_is_joined_beside_one_that_is_whole_and_one_of_another_name() -> None:
    shown = [
        (b"__Host-session", b"whole"),
        (b"__Host-session", b"2.be"),
        (b"__Host-session.1", b"gun"),
        (b"session", b"2.other"),
    ]
    assert [whole.sealed for whole in HOST.wholes(shown)] == ["whole", "begun"]


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_S03_the_order_in_which_cookies_are_sent_does_not_matter(order: tuple[int, ...]) -> None:
    jar = jar_with(3 * ROOM - 2)
    cookies = list(jar.cookies.items())
    jar.cookies = dict(cookies[place] for place in order)
    (whole,) = HOST.wholes(HOST.shown(jar.headers()))
    assert whole.sealed == "x" * (3 * ROOM - 2)


def test_B125_a_stale_higher_piece_is_not_joined() -> None:
    jar = jar_with(10)
    jar.plant("__Host-session.1", "stale")
    (whole,) = HOST.wholes(HOST.shown(jar.headers()))
    assert (whole.pieces, whole.sealed) == (1, "x" * 10)
    assert HOST.cleared(HOST.shown(jar.headers()), kept=1) == [
        b"__Host-session.1=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    ]


def test_B124_surplus_pieces_are_cleared_when_it_shrinks() -> None:
    jar = jar_with(3 * ROOM - 2)
    shown = HOST.shown(jar.headers())
    jar.take([*HOST.written("small", pieces=1, max_age=LIFE), *HOST.cleared(shown, kept=1)])
    assert jar.names == ["__Host-session"]


def test_B128_B105_every_variant_in_every_domain_is_cleared() -> None:
    jar = Jar()
    jar.plant("__Host-session", "a")
    jar.plant("__Host-session.2", "a")
    for domain in ("", "example.com", "gw.example.com"):
        jar.plant("__Secure-session", "b", domain=domain)
        jar.plant("session", "c", domain=domain)
        jar.plant("session.1", "d", domain=domain)
    jar.plant("other", "stays")
    for cookie in (HOST, DOMAIN):
        left = Jar()
        left.cookies = dict(jar.cookies)
        left.take(cookie.cleared(cookie.shown(jar.headers()), kept=0))
        assert left.names == ["other"]


def test_B53_a_piece_to_keep_that_came_twice_is_cleared_under_the_other_domains_only() -> None:
    lines = DOMAIN.cleared([(b"__Secure-session", b"a"), (b"__Secure-session", b"b")], kept=1)
    assert [b"Domain=example.com" in line for line in lines] == [False, False]
    assert len(lines) == 2
    assert any(b"Domain=gw.example.com" in line for line in lines)
    assert DOMAIN.cleared([(b"__Secure-session", b"a")], kept=1) == []


def test_B39_prefixed_names_are_cleared_as_the_browser_demands() -> None:
    lines = PLAIN.cleared([(b"__Host-session", b"x"), (b"session", b"y")], kept=0)
    assert lines[0] == b"__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    assert lines[1] == b"session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    assert all(b"; Secure" in line for line in HOST.cleared([(b"session", b"y")], kept=0))


@pytest.mark.parametrize("hostname", ["127.0.0.1", "[::1]", "localhost", ""])
def test_no_domain_is_guessed_for_an_address_or_a_single_label(hostname: str) -> None:
    cookie = SessionCookie(CookieNames(base="session", secure=False, hostname=hostname))
    assert len(cookie.cleared([(b"session", b"x")], kept=0)) == 1


def test_B53_names_that_only_begin_alike_are_ignored() -> None:
    headers = ((b"cookie", b"__Host-sessions=1; __Host-session.10=2; __Host-session.3=3; session-csrf=4"),)
    assert HOST.shown(headers) == []


def test_which_name_is_todays() -> None:
    assert HOST.is_in([(b"__Host-session.1", b"x")])
    assert not HOST.is_in([(b"session", b"x"), (b"__Secure-session", b"x")])


@given(st.lists(st.tuples(st.sampled_from(["", ".1", ".2"]), st.binary(max_size=6)), max_size=6))
def test_F10_no_cookies_break_the_joining(sent: list[tuple[str, bytes]]) -> None:
    line = b"; ".join(b"__Host-session" + piece.encode() + b"=" + value for piece, value in sent)
    for whole in HOST.wholes(HOST.shown(((b"cookie", line),))):
        assert 1 <= whole.pieces <= MOST_PIECES
        assert isinstance(whole.sealed, str)
