from gateway.sessions.opened import OpenedCookies
from tests.fakes.sessions import Node


def test_a_kept_cookie_is_found_by_its_exact_value_with_both_answers() -> None:
    session, cookies = Node().sign_in(), OpenedCookies()
    opened = cookies.keep(b"v1", session, pieces=2, trusted=(1.0, 2.0))
    assert cookies.find(b"v1") is opened
    assert cookies.find(b"v1 ") is None
    assert opened.trusted.session is opened.due.session is session
    assert (opened.trusted.due, opened.due.due, opened.pieces) == (False, True, 2)
    assert (opened.trusted_from, opened.trusted_until) == (1.0, 2.0)


def test_G6_the_oldest_makes_room_at_the_bound() -> None:
    session, cookies = Node().sign_in(), OpenedCookies(most=2)
    for value in (b"1", b"2", b"3"):
        cookies.keep(value, session, pieces=1, trusted=(1.0, 2.0))
    assert cookies.find(b"1") is None
    assert cookies.find(b"2")
    assert cookies.find(b"3")


def test_a_line_is_found_apart_from_the_cookie_in_it() -> None:
    cookies = OpenedCookies()
    opened = cookies.keep(b"v1", Node().sign_in(), pieces=1, trusted=(1.0, 2.0))
    cookies.keep_line(b"a=b; session=v1", opened)
    assert cookies.in_line(b"a=b; session=v1") is opened
    assert cookies.in_line(b"v1") is None
    assert cookies.find(b"a=b; session=v1") is None
    assert opened.trusted.presented
    assert opened.due.presented
