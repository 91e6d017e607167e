import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.locate import locate
from gateway.settings.notation import KeyPath, toml

DOCUMENT = '''\
# a comment with [brackets] and = signs
title = "x # no comment" # a comment
a.b."c d" = 1
'quoted key' = 'literal \\'

[session]
lease = "10m"
cookie = { name = "s", same_site = """
lax""" }

[session.extra]
text = """
[not.a.table]
key = "value"
"""
after = 1979-05-27 07:32:00

[[routes]]
path = "/"
list = [
  1, # one ]
  [2, 3],
  { deep = "}" },
]
[routes.identity]
headers = { "X-A" = "id", X-B = "email" }

[[ routes ]]
path = \'\'\'/two\'\'\'
[[routes.rules]]
x = 1
[[routes.rules]]
x = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("a",), 3),
        (("a", "b"), 3),
        (("a", "b", "c d"), 3),
        (("quoted key",), 4),
        (("session",), 6),
        (("session", "cookie"), 8),
        (("session", "cookie", "name"), 8),
        (("session", "cookie", "same_site"), 8),
        (("session", "extra", "text"), 12),
        (("session", "extra", "after"), 16),
        (("routes",), 18),
        (("routes", 0, "list", 0), 21),
        (("routes", 0, "list", 1, 1), 22),
        (("routes", 0, "list", 2, "deep"), 23),
        (("routes", 0, "identity", "headers", "X-A"), 26),
        (("routes", 1), 28),
        (("routes", 1, "path"), 29),
        (("routes", 1, "rules", 0, "x"), 31),
        (("routes", 1, "rules", 1, "x"), 33),
    ],
)
def test_each_key_is_found_in_the_line_it_stands_in(path: KeyPath, line: int) -> None:
    assert locate(DOCUMENT).of(path) == line
    assert locate(DOCUMENT.replace("\n", "\r\n")).of(path) == line


def test_a_key_that_is_not_there_is_told_at_the_table_around_it() -> None:
    lines = locate(DOCUMENT)
    assert lines.of(("routes", 1, "upstream")) == 28
    assert lines.of(("nothing",)) == 0
    assert lines.of(()) == 0


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "a = 1", "[t]", "a = []\n", "a = {}"])
def test_small_documents_have_no_surprises(text: str) -> None:
    assert set(locate(text)) == set(_paths(tomllib.loads(text)))


@pytest.mark.parametrize("quotes", ['"', "'"])
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_a_long_string_may_end_in_quotes_of_its_own(quotes: str, extra: int) -> None:
    text = f"a = {quotes * 3}x{quotes * (3 + extra)}\nb = 1"
    assert tomllib.loads(text)["b"] == 1
    assert locate(text).of(("b",)) == 2


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
LEAVES = st.one_of(
    st.booleans(), st.integers(-99, 99), WORDS, st.sampled_from(["[x]", 'a"b', "#", "=", "}", "'''"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)
BODIES = st.dictionaries(WORDS, VALUES, max_size=4)
COMMENTS = st.sampled_from(["", " # x = [1", "\n# [no.table]", "\n\n"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    """A document of plain tables and arrays of tables, and the line of each of its own keys."""
    lines: list[str] = []
    places: dict[KeyPath, int] = {}

    def body(path: KeyPath, values: dict[str, Any]) -> None:
        for key, value in values.items():
            lines.extend(f"{toml({key: value})[2:-2]}{draw(COMMENTS)}".split("\n"))
            places[(*path, key)] = next(
                number
                for number in range(len(lines), 0, -1)
                if lines[number - 1].startswith(toml({key: value})[2:-2])
            )

    body((), draw(BODIES))
    for name in draw(st.lists(WORDS.map(lambda word: f"t{word}"), unique=True, max_size=3)):
        if (name,) in places:
            continue
        header = toml({name: 0})[2:-6]
        if draw(st.booleans()):
            lines.append(f"[{header}]")
            places[(name,)] = len(lines)
            body((name,), draw(BODIES))
            continue
        for index in range(draw(st.integers(1, 3))):
            lines.append(f"[[{header}]]")
            places[(name, index)] = len(lines)
            body((name, index), draw(BODIES))
    return "\n".join(lines), places


@given(document=documents())
def test_every_key_of_any_document_is_found_and_in_its_own_line(
    document: tuple[str, dict[KeyPath, int]],
) -> None:
    text, places = document
    found = locate(text)
    assert set(found) == set(_paths(tomllib.loads(text)))
    assert {path: found.of(path) for path in places} == places


def _paths(value: object, around: KeyPath = ()) -> Iterator[KeyPath]:
    children: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    for key, each in children:
        yield (*around, key)
        yield from _paths(each, (*around, key))
