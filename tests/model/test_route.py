"""Routes and upstreams: prefixes end at a segment, and what is not said is the safe thing."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.route import Access, covers
from tests.fakes.routes import route


@pytest.mark.parametrize(
    ("prefix", "path", "covered"),
    [
        ("/", "/", True),
        ("/", "/anything/at/all", True),
        ("/app", "/app", True),
        ("/app", "/app/", True),
        ("/app", "/app/x", True),
        ("/app/", "/app/x", True),
        ("/app", "/apple", False),
        ("/app", "/App", False),
        ("/app", "/", False),
        ("/app", "/x/app", False),
        ("/app/x", "/app", False),
    ],
)
def test_a_prefix_ends_at_a_segment(prefix: str, path: str, covered: bool) -> None:
    assert covers(prefix, path) is covered


def prefixes_of(segments: list[str]) -> Iterator[str]:
    for count in range(len(segments) + 1):
        yield "/" + "/".join(segments[:count])


@given(st.lists(st.text("ab", min_size=1, max_size=3), max_size=4), st.text("/ab", max_size=8))
def test_exactly_the_paths_of_its_first_segments_cover_a_path(segments: list[str], other: str) -> None:
    path = "/" + "/".join(segments)
    covering = set(prefixes_of(segments))
    assert all(covers(prefix, path) for prefix in covering)
    prefix = "/" + "/".join(part for part in other.split("/") if part)
    assert covers(prefix, path) is (prefix in covering)


def test_a_route_wants_somebody_unless_it_says_otherwise() -> None:
    plain = route("/")
    assert plain.access is Access.AUTHENTICATED
    assert plain.allow_in_path == frozenset()
    assert plain.methods is None
