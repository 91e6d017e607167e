"""Sessions are known by hashes that nothing foreign can be written to equal."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.session_keys import EVERYBODY, issuer_keys, session_key, sid_key, subject_key

texts = st.text(max_size=12)


@given(texts, texts, texts, texts)
def test_B119_equal_values_of_other_issuers_never_match(one: str, value: str, two: str, other: str) -> None:
    if (one, value) != (two, other):
        assert sid_key(one, value) != sid_key(two, other)
        assert subject_key(one, value) != subject_key(two, other)


@given(texts, texts)
def test_a_sid_is_no_sub_and_neither_is_everybody(issuer: str, value: str) -> None:
    assert len({sid_key(issuer, value), subject_key(issuer, value), EVERYBODY, session_key(value)}) == 4


def test_without_a_sid_nothing_is_named() -> None:
    assert issuer_keys("https://a.example", sid=None, subject="s").sid == b""
    assert issuer_keys("https://a.example", sid="x", subject="s").sid == sid_key("https://a.example", "x")
