"""The search for secrets finds them, and fails the whole run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.canary_search import FOLDER, leaks
from tests.fakes.foreign_issuer import CLIENT_SECRET
from tests.fakes.gateway import SECRET
from tests.fakes.issuer import HostileIssuer

ROOT = Path(__file__).parents[2]
LEAKY = """
from tests.fakes.gateway import keep_for_the_canary_search

def test_that_passes():
    keep_for_the_canary_search(b'{"event": "x", "detail": "%s"}')
"""


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        CLIENT_SECRET,
        HostileIssuer().client_secret,
        "eyJhbGciOiJkaXIiLCJlbmMi",
        "authorization: Bearer abcdefgh1234",
        "GET /callback?code=abc",
        "GET /callback?x=1&state=abc",
        "cookie: __Host-session=eyAbCdEfGh",
        "session.1=abcdefgh",
    ],
)
def test_O34_each_sort_of_secret_is_found(text: str) -> None:
    assert list(leaks(f'{{"detail":"{text}"}}')) != []


@pytest.mark.parametrize(
    "text", ["?[hidden]", "code=[hidden]", "session=[hidden]", "Bearer [hidden]", "/code"]
)
def test_what_was_hidden_is_no_secret(text: str) -> None:
    assert list(leaks(text)) == []


@pytest.mark.parametrize(("detail", "status"), [("state=[hidden]", 0), ("&state=abc", 1)])
def test_one_leak_fails_a_run_of_passing_tests(tmp_path: Path, detail: str, status: int) -> None:
    (tmp_path / "test_leaky.py").write_text(LEAKY % detail)
    environ = {name: value for name, value in os.environ.items() if name != FOLDER}
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugins = ["-p", "tests.fakes.canary_search", "-p", "xdist.plugin", "-n", "1"]
    where = ["--rootdir", str(tmp_path), "-c", os.devnull, str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, *where],
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == status, done.stdout
    assert ("holds a value of the query" in done.stdout) is bool(status)
