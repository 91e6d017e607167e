import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.claim_path import find, steps, written

NAMES = st.lists(
    st.text(min_size=1, max_size=12).filter(lambda name: '"' not in name), min_size=1, max_size=6
)


@given(NAMES)
def test_a_path_is_read_as_it_was_written(names: list[str]) -> None:
    assert steps(written(names)) == tuple(names)


@given(NAMES, st.integers())
def test_what_stands_at_the_end_of_a_path_is_found(names: list[str], value: int) -> None:
    claims: object = value
    for name in reversed(names):
        claims = {name: claims, "beside": 0} if name != "beside" else {name: claims}
    assert isinstance(claims, dict)
    assert find(claims, written(names)) == value


@given(st.text(max_size=30))
def test_any_text_is_a_path_or_refused(path: str) -> None:
    try:
        names = steps(path)
    except ValueError:
        return
    assert names
    assert all(names)
    assert steps(written(names)) == names


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", '"a', 'a"b"', '"a"b', '""', 'a."".b', '"a".'])
def test_a_path_with_an_empty_or_half_quoted_step_is_none(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        steps(path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("realm_access.roles", 1),
        ("https://x.example/roles", 2),
        ("a.b", 3),
        ('resource_access."wiki.app".roles', 4),
        ('"https://x.example/all".roles', 5),
        ("realm_access.roles.x", None),
        ("list.0", None),
        ("missing", None),
    ],
)
def test_a_claim_is_found_by_its_name_first_and_then_by_its_path(path: str, value: object) -> None:
    claims = {
        "realm_access": {"roles": 1},
        "https://x.example/roles": 2,
        "https://x.example/all": {"roles": 5},
        "a.b": 3,
        "a": {"b": 0},
        "resource_access": {"wiki.app": {"roles": 4}},
        "list": ["x"],
    }
    assert find(claims, path) == value
