from hypothesis import given
from hypothesis import strategies as st

from gateway.model.role import rule_of

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(one=st.tuples(WORDS, WORDS), other=st.tuples(WORDS, WORDS))
def test_a_rule_is_known_again_and_taken_for_no_other(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (rule_of(*one) == rule_of(*other)) == (one == other)


def test_what_is_kept_stays_the_same_from_release_to_release() -> None:
    assert rule_of("groups", "wiki-admins") == "20813ba767eef9c4726700f9e8a38035"
    assert rule_of("group", "swiki-admins") != rule_of("groups", "wiki-admins")
