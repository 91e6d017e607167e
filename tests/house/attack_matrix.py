"""`docs/attacks.md`: every row of the catalogue with the tests that carry its ID.

    python -m tests.house.attack_matrix > docs/attacks.md

A test carries a row in its name (`test_H40_…`, `test_R01_to_R11_…`, `test_S02_S03_…`), a class
likewise, or in the id of one of its parameters (`"H08 a sign"`).
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
CATALOGUE = Path(__file__).with_name("attack_rows.toml")

Rows = dict[str, set[str]]

_ID = re.compile(r"[HIPORTSUDC][0-9]{2}")
_RANGE = re.compile(r"([HIPORTSUDC])([0-9]{2})_to_\1([0-9]{2})(?![0-9])")
_IN_NAME = re.compile(r"(?<![A-Za-z0-9])[HIPORTSUDC][0-9]{2}(?![A-Za-z0-9])")
_PARAMETER = re.compile(r"([HIPORTSUDC][0-9]{2})(?:[ :_,-].*)?", re.DOTALL)
_HEAD = """\
# Attacks and the tests that hold them

Written by `make docs` from the names of the tests; do not edit. Each row is something that clients,
issuers, upstreams, stores or operators do to a gateway. {proved} of {all} rows are held by {tests} tests;
{later} belong to features that this release does not have; {open} have no test that carries their ID yet.
"""


def catalogue() -> dict[str, dict[str, str]]:
    """Return each family's rows, by the family's title."""
    families = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {rows.pop("title"): rows for name, rows in families.items() if name != "later"}


def later() -> Mapping[str, str]:
    """Return the rows whose feature is not built, each with the feature's name."""
    postponed = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["later"]
    return {row: feature for feature, rows in postponed.items() for row in rows}


def rows_in(name: str) -> set[str]:
    """Return the rows that the name of a test or class carries."""
    found = set(_IN_NAME.findall(name.replace("_", " ")))
    for family, first, last in _RANGE.findall(name):
        found |= {f"{family}{number:02}" for number in range(int(first), int(last) + 1)}
    return found


def rows_of(test: ast.AST) -> set[str]:
    """Return the rows that the parameters of *test*, written in its decorators, carry as ids."""
    constants = (node for each in getattr(test, "decorator_list", []) for node in ast.walk(each))
    texts = (
        node.value for node in constants if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {hit[1] for text in texts if (hit := _PARAMETER.fullmatch(text))}


def tests_in(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield each test of *path* that carries rows, as `file::test`, with its rows."""
    where = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    around = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test"):
            continue
        parent = around[node]
        inside = parent.name if isinstance(parent, ast.ClassDef) else ""
        rows = rows_in(node.name) | rows_of(node) | rows_in(inside)
        if rows:
            yield "::".join(part for part in (where, inside, node.name) if part), rows


def held() -> Rows:
    """Return the tests of each row."""
    found: Rows = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if "node_modules" in path.parts:
            continue
        for test, rows in tests_in(path):
            for row in rows:
                found.setdefault(row, set()).add(test)
    return found


def document() -> str:
    """Return docs/attacks.md."""
    found, postponed = held(), later()
    families = catalogue()
    names = [row for rows in families.values() for row in rows]
    proved = [row for row in names if row in found]
    head = _HEAD.format(
        proved=len(proved),
        all=len(names),
        tests=len(set().union(*found.values())),
        later=len([row for row in names if row in postponed and row not in found]),
        open=len([row for row in names if row not in postponed and row not in found]),
    )
    parts = [_family(title, rows, found, postponed) for title, rows in families.items()]
    return "\n".join([head, *parts])


def _family(title: str, rows: Mapping[str, str], found: Rows, postponed: Mapping[str, str]) -> str:
    lines = [f"## {title}", "", "| row | what | tests |", "|---|---|---|"]
    for row, what in rows.items():
        tests = sorted(found.get(row, ()))
        told = f"{len(tests)}: " + "<br>".join(f"`{test.removeprefix('tests/')}`" for test in tests)
        if not tests:
            told = f"later, with {postponed[row]}" if row in postponed else "none yet"
        lines.append(f"| {row} | {what} | {told} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(document())
