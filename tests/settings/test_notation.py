import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.notation import nearest, one_of, render, toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)


@given(value=VALUES)
def test_what_is_written_as_toml_reads_back_as_it_was(value: object) -> None:
    assert tomllib.loads(f"key = {toml(value)}")["key"] == value


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("routes", 2, "access"), "routes[2].access"),
        (("identity", "headers", "X Y"), 'identity.headers."X Y"'),
        (("a b",), '"a b"'),
    ],
)
def test_a_key_path_reads_as_it_is_written_in_toml(path: tuple[str | int, ...], text: str) -> None:
    assert render(path) == text


@pytest.mark.parametrize(
    ("word", "meant"),
    [("acces", "access"), ("same-site", "same_site"), ("IDLE_TIMEOUT", "idle_timeout"), ("zzzz", None)],
)
def test_the_nearest_spelling_is_found_across_case_and_dashes(word: str, meant: str | None) -> None:
    assert nearest(word, ["access", "same_site", "idle_timeout"]) == meant


def test_a_choice_reads_as_a_sentence() -> None:
    assert one_of(["a", "b", "c"]) == '"a", "b" or "c"'
    assert one_of(["a"]) == '"a"'
    assert one_of([]) == "nothing"
