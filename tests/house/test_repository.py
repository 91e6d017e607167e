"""What must not be in the repository is not."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REGISTRIES = re.compile(
    r"p[y]pi\.org|pythonh[o]sted|registry\.n[p]mjs|deb\.d[e]bian\.org|proxy\.g[o]lang|static\.cr[a]tes|repo1?\.m[a]ven"
)
MACHINE = re.compile(r"(?<![\w.-])/(?:work|farm|root|opt)/")
TEXT = {".py", ".md", ".toml", ".json", ".txt", ".lock", ".html", ".css", ".js", ".mjs", ".conf", ""}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).exists()]


def test_no_registry_and_no_path_of_a_machine_is_named() -> None:
    texts = {
        path: path.read_text(errors="replace")
        for path in tracked()
        if path.suffix in TEXT and path != Path(__file__)
    }
    found = [
        f"{path.relative_to(ROOT)}: {hit.group()}"
        for path, text in texts.items()
        for pattern in (REGISTRIES, MACHINE)
        if (hit := pattern.search(text))
    ]
    assert not found


def test_no_binary_but_pictures_of_the_docs() -> None:
    for path in tracked():
        if b"\0" in path.read_bytes()[:4096]:
            assert path.suffix == ".png", path
            assert path.is_relative_to(ROOT / "docs"), path


def test_locks_carry_hashes_and_no_index() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text().splitlines()
        pins = [line for line in lines if re.match(r"^[A-Za-z0-9]", line)]
        assert pins
        assert all(line.rstrip().endswith("\\") for line in pins), f"{name} has a pin without hashes"
        assert not [line for line in lines if line.startswith("--")], f"{name} names an index"


def test_the_runtime_lock_is_part_of_the_development_lock() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([A-Za-z0-9._-]+==[^ ;]+)", (ROOT / name).read_text(), re.M))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "docs/architecture.md"])
def test_what_a_visitor_expects_is_there(name: str) -> None:
    assert (ROOT / name).read_text().strip()
