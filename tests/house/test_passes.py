"""What `make test` runs a second time, on another loop and without the fast lane, and what it need not."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TWICE = {"tests/attacks", "tests/front"}
LANE = "tests.fakes.gateway"
"""The module that asks whether the fast lane is on."""


def second_pass() -> str:
    [line] = re.findall(
        r"^\tTEST_LOOP=uvloop TEST_LANE=off (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    return line


def imported(path: Path) -> set[str]:
    """Return the modules of the tests that *path* names, and those that they name."""
    found: set[str] = set()
    left = [path]
    while left:
        for node in ast.walk(ast.parse(left.pop().read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module and module.startswith("tests.") and module not in found:
                found.add(module)
                left.append(ROOT / f"{module.replace('.', '/')}.py")
    return found


def test_what_meets_clients_runs_on_both_loops_with_and_without_the_lane() -> None:
    assert set(second_pass().split()) >= TWICE


def test_only_one_place_asks_whether_the_lane_is_on() -> None:
    asks = {path for path in (ROOT / "tests").rglob("*.py") if 'environ.get("TEST_LANE")' in path.read_text()}
    assert asks - {Path(__file__)} == {ROOT / f"{LANE.replace('.', '/')}.py"}


def test_the_way_to_upstreams_chooses_its_loops_itself_and_knows_no_lane() -> None:
    """So a second pass over it would be the first once more."""
    folder = ROOT / "tests/upstream"
    assert "def pytest_asyncio_loop_factories" in (folder / "conftest.py").read_text()
    knowing = {path.name for path in folder.glob("*.py") if LANE in imported(path)}
    assert not knowing
