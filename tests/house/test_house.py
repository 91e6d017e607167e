"""The house holds: floors, doors, mirrors and words, read from the code itself."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "gateway"

FLOORS = {
    "errors": 1,
    "model": 1,
    "uninterrupted": 1,
    "settings": 2,
    "keys": 2,
    "store": 2,
    "observe": 2,
    "sessions": 3,
    "relying_party": 3,
    "routing": 3,
    "upstream": 3,
    "flows": 4,
    "passage": 4,
    "admission": 4.5,
    "pipeline": 5,
    "front": 6,
    "web": 6,
    "assembly": 7,
    "lasting": 7,
    "memory": 7,
    "reload": 7,
    "activation": 7,
    "unix_socket": 7,
    "notify": 7,
    "request_keys": 7,
    "file_watch": 7,
    "new_key": 7,
    "provider_tokens": 7,
    "password_rooms": 7.05,
    "issuers": 7.05,
    "worker": 7,
    "workers": 7.05,
    "ports": 7.01,
    "predecessor": 7.01,
    "successor": 7.02,
    "handover": 7.06,
    "rates": 7.02,
    "strategies": 7.05,
    "descriptors": 7,
    "pools": 7,
    "introspection_rooms": 7.05,
    "bearer_rooms": 7.06,
    "login_rooms": 7.05,
    "console_rooms": 7.07,
    "web_rooms": 7.08,
    "rooms": 7.1,
    "rehearsal": 7.1,
    "succession": 7.2,
    "app": 7.3,
    "supervision": 7.3,
    "cli": 8,
}
MAY_START = {("cli", "demo")}
ASIDE = {"demo", "verify", "__init__", "__main__"}
DOORS = {
    "argon2": {"keys"},
    "jwcrypto": {"keys"},
    "authlib": {"relying_party"},
    "joserfc": {"relying_party", "verify", "demo"},
    "sqlalchemy": {"store"},
    "aiosqlite": {"store"},
    "alembic": {"store"},
    "sqlite3": {"store"},
    "redis": {"store"},
    "asyncpg": {"store"},
    "pydantic": {"settings"},
    "httptools": {"upstream"},
    "jinja2": {"web"},
    "click": {"cli"},
    "structlog": {"observe"},
    "prometheus_client": {"observe"},
    "aiohttp": {"front", "web", "app", "demo", "relying_party"},
    "uvloop": {"app"},
}
BANNED_WORDS = {"manager", "helper", "util", "utils", "common", "base", "misc", "service", "data", "info"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "versions" not in path.parts)


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the laws ask of a module: every module that it names, wherever in the file and under any guard,
    its classes, the attributes that it takes of plain names, and the lines of its asserts.
    """

    imported: tuple[str, ...]
    classes: tuple[str, ...]
    attributes: frozenset[tuple[str, str]]
    asserts: tuple[int, ...]
    described: bool


@cache
def read(path: Path) -> Read:
    """Parse a module once, whichever of its laws is looked at."""
    text = path.read_text()
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    imported: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            imported.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            imported.append(node.module or "")
    return Read(
        imported=tuple(imported),
        classes=tuple(node.name for node in nodes if isinstance(node, ast.ClassDef)),
        attributes=frozenset(
            (node.value.id, node.attr)
            for node in nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        ),
        asserts=tuple(node.lineno for node in nodes if isinstance(node, ast.Assert)),
        described=bool(ast.get_docstring(tree)) or not text.strip(),
    )


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_imports_run_down_only(path: Path) -> None:
    here = room(path)
    for name in read(path).imported:
        top, _, rest = name.partition(".")
        if top != "gateway" or not rest:
            continue
        there = rest.partition(".")[0]
        if here == "verify":
            assert there == "verify", f"verify imports {name}: it must stand alone"
        elif here in FLOORS:
            lower = there in FLOORS and FLOORS[there] < FLOORS[here]
            same_room = there == here
            model_and_errors = {here, there} <= {"errors", "model"}
            allowed = lower or same_room or model_and_errors or (here, there) in MAY_START
            assert allowed, f"{here} imports {name}"


def test_every_room_stands_on_a_floor() -> None:
    rooms = {room(path) for path in modules()}
    assert rooms == set(FLOORS) | ASIDE


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_each_library_has_one_door(path: Path) -> None:
    for name in read(path).imported:
        allowed = DOORS.get(name.partition(".")[0])
        assert allowed is None or room(path) in allowed, f"{name} in {room(path)}"


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_the_server_side_of_aiohttp_stays_in_front(path: Path) -> None:
    for name in read(path).imported:
        if name.startswith("aiohttp.web"):
            assert room(path) in {"front", "web", "app", "demo"}


def expected_tests() -> set[Path]:
    found = set()
    for path in modules():
        relative = path.relative_to(PACKAGE)
        if relative.name in ("__init__.py", "__main__.py") or "migrations" in relative.parts:
            continue
        found.add(ROOT / "tests" / relative.parent / f"test_{relative.name}")
    return found


def test_tests_mirror_the_code() -> None:
    missing = sorted(ids(path) for path in expected_tests() if not path.exists())
    assert not missing, f"no tests for {missing}"


def test_no_test_is_an_orphan() -> None:
    rooms = [path for path in PACKAGE.iterdir() if path.is_dir()]
    here = {
        test
        for folder in rooms
        for test in (ROOT / "tests" / folder.name).glob("**/test_*.py")
        if test.name != "test_cli.py"
    }
    orphans = sorted(ids(path) for path in here - expected_tests())
    assert not orphans, f"tests without a file of that name: {orphans}"


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_nothing_depends_on_assert(path: Path) -> None:
    """`python -OO` drops assert statements, so no decision may rest on one."""
    assert not read(path).asserts


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_time_is_an_argument(path: Path) -> None:
    if room(path) in {"rooms", "cli", "demo", "verify"}:
        return
    assert not read(path).attributes & {("time", "time"), ("datetime", "now"), ("datetime", "utcnow")}


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_names_say_what_a_thing_is(path: Path) -> None:
    assert path.stem not in BANNED_WORDS
    for name in read(path).classes:
        words = {word.lower() for word in "".join(c if c.islower() else f" {c}" for c in name).split()}
        assert not words & BANNED_WORDS, f"class {name}"


@pytest.mark.parametrize("path", modules(), ids=ids)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert read(path).described
