"""What the console is asked for is read strictly: a cursor of ours or 400."""

from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.model.cursor import Cursor
from gateway.web.console_query import LONGEST, address, cursor_in, is_user_id, number_in, words_in, written
from gateway.web.query import Fields

TEXT = st.text(max_size=LONGEST + 9)


def asked(**values: str) -> Fields:
    return Fields(tuple(values.items()))


@given(moment=st.integers(0, 10**12 - 1), name=st.from_regex(r"[a-z0-9_]{1,64}", fullmatch=True))
def test_a_cursor_is_read_as_it_was_written(moment: int, name: str) -> None:
    cursor = Cursor(moment=moment, id=name)
    assert cursor_in(asked(after=written(cursor))) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "-a",
        "01-a",
        "1-",
        "1-A",
        "1-a b",
        "1-a-b",
        "-1-a",
        "1-" + "a" * 65,
        "9" * 13 + "-a",
        "\u0661-a",
        "1-a\n",
    ],
)
def test_another_cursor_is_refused(text: str) -> None:
    with pytest.raises(RequestRejected):
        cursor_in(asked(after=text))


@given(text=TEXT)
def test_any_cursor_is_one_of_ours_or_refused(text: str) -> None:
    try:
        found = cursor_in(asked(after=text))
    except RequestRejected:
        return
    assert found is not None
    assert written(found) == text


@given(text=TEXT)
def test_any_number_is_one_that_a_database_holds_or_refused(text: str) -> None:
    try:
        found = number_in(asked(before=text), "before")
    except RequestRejected:
        return
    assert found is not None
    assert 0 < found < 2**63
    assert str(found) == text


@given(text=TEXT)
def test_any_words_are_bounded_and_without_controls_or_refused(text: str) -> None:
    try:
        found = words_in(asked(q=text), "q")
    except RequestRejected:
        assert len(text.strip()) > LONGEST or any(
            letter < " " or "\x7f" <= letter <= "\x9f" for letter in text
        )
        return
    assert found == text.strip()
    assert "\0" not in found


def test_what_is_not_asked_is_nothing() -> None:
    assert (cursor_in(Fields()), number_in(Fields(), "before"), words_in(Fields(), "q")) == (None, None, "")


def test_what_is_asked_twice_is_refused() -> None:
    twice = Fields((("q", "a"), ("q", "b"), ("after", "1-a"), ("after", "1-a"), ("n", "1"), ("n", "1")))
    for read in (lambda: words_in(twice, "q"), lambda: cursor_in(twice), lambda: number_in(twice, "n")):
        with pytest.raises(RequestRejected):
            read()


@given(text=TEXT)
def test_any_user_id_is_one_segment_of_a_path(text: str) -> None:
    if is_user_id(text):
        assert quote(text, safe="") == text
        assert 0 < len(text) <= 64


@given(search=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_address_asks_exactly_what_is_not_empty(search: str) -> None:
    url = address("/x", {"q": search, "after": ""})
    assert parse_qs(urlsplit(url).query, keep_blank_values=True) == {"q": [search]}
    assert address("/x", {"q": ""}) == "/x"
