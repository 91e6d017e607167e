import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.role import is_role, rule_of

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(one=st.tuples(WORDS, WORDS), other=st.tuples(WORDS, WORDS))
def test_a_rule_is_known_again_and_taken_for_no_other(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (rule_of(*one) == rule_of(*other)) == (one == other)


def test_what_is_kept_stays_the_same_from_release_to_release() -> None:
    assert rule_of("groups", "wiki-admins") == "20813ba767eef9c4726700f9e8a38035"
    assert rule_of("group", "swiki-admins") != rule_of("groups", "wiki-admins")


@pytest.mark.parametrize("role", ["admin", "team/wiki:editor", "rédacteur", "r" * 255])
def test_a_role_is_a_word(role: str) -> None:
    assert is_role(role)


@pytest.mark.parametrize(
    "role", ["", " ", "a b", "a,b", "a\nb", "r" * 256, "a\x7f", "\u202ea", "\ud800", "a\u00a0"]
)
def test_what_could_be_read_as_two_roles_or_as_none_is_no_role(role: str) -> None:
    assert not is_role(role)


@given(role=st.text(max_size=300))
def test_no_role_holds_what_ends_a_header_or_parts_a_list(role: str) -> None:
    if is_role(role):
        assert role.isprintable()
        assert not set(role) & set(" ,\r\n\0")
