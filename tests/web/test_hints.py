"""Hints: three names, each once, and kept to the letter on the way to the button."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.web.hints import NAMES, as_query, hints
from gateway.web.query import Fields, parse_fields

PLAIN = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_B004_what_is_none_of_the_three_is_no_hint() -> None:
    asked = "scope=all&redirect_uri=https://evil&acr_values=weak&max_age=1&state=s&nonce=n&prompt=login"
    assert hints(parse_fields(asked.encode())) == {"prompt": "login"}


@pytest.mark.parametrize("name", NAMES)
def test_a_hint_counts_once_and_an_empty_one_not_at_all(name: str) -> None:
    assert hints(Fields(((name, ""),))) == {}
    with pytest.raises(RequestRejected):
        hints(Fields(((name, "a"), (name, "a"))))


@given(st.dictionaries(st.sampled_from(NAMES), PLAIN))
def test_what_an_address_says_is_read_back(hinted: dict[str, str]) -> None:
    query = as_query(hinted)
    assert query.isascii()
    assert not set(query) & set("\"'<> \r\n")
    assert dict(parse_qsl(query.removeprefix("?"))) == hinted
    assert bool(query) is bool(hinted)
