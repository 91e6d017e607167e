from hypothesis import given
from hypothesis import strategies as st

from gateway.sessions.recent import Recent

SIZE = 10


def test_what_was_made_is_found_by_its_exact_bytes() -> None:
    recent: Recent[str] = Recent()
    recent.keep(b"a", "made")
    assert (recent.find(b"a"), recent.find(b"a ")) == ("made", None)


def test_G6_the_oldest_makes_room_at_the_bound_of_number() -> None:
    recent: Recent[int] = Recent(most=2)
    for number, line in enumerate((b"1", b"2", b"2", b"3")):
        recent.keep(line, number)
    assert [recent.find(line) for line in (b"1", b"2", b"3")] == [None, 2, 3]


def test_G6_the_oldest_make_room_at_the_bound_of_bytes() -> None:
    recent: Recent[int] = Recent(size=SIZE)
    for number, line in enumerate((b"aaaa", b"bbb", b"ccc", b"ddddd")):
        recent.keep(line, number)
    assert [recent.find(line) for line in (b"aaaa", b"bbb", b"ccc", b"ddddd")] == [None, None, 2, 3]


@given(st.lists(st.binary(max_size=SIZE + 2)))
def test_G6_never_more_bytes_are_kept_and_the_last_that_fits_is(lines: list[bytes]) -> None:
    recent: Recent[bytes] = Recent(most=4, size=SIZE)
    for line in lines:
        recent.keep(line, line)
        assert recent.find(line) == (line if len(line) <= SIZE else None)
        kept = {each for each in lines if recent.find(each) is not None}
        assert sum(map(len, kept)) <= SIZE
        assert len(kept) <= 4


def test_what_is_too_large_displaces_nothing() -> None:
    recent: Recent[int] = Recent(size=SIZE)
    recent.keep(b"a", 1)
    recent.keep(b"x" * (SIZE + 1), 2)
    assert (recent.find(b"a"), recent.find(b"x" * (SIZE + 1))) == (1, None)
