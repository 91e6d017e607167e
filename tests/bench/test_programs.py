"""Programs under measurement are found, and what they spend is counted with their children."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.bench.programs import Failed, children_of, installed, processor_seconds

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", '''
import time
while time.process_time() < 0.3:
    pass
print("spent", flush=True)
input()
'''], stdin=subprocess.PIPE)
input()
child.communicate()
"""


@pytest.fixture
def parent() -> Iterator["subprocess.Popen[str]"]:
    """Return a process whose child has spent 0.3 seconds."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "spent\n"
        yield process
        process.communicate("\n")


def test_what_a_child_spends_is_its_parents_too(parent: "subprocess.Popen[str]") -> None:
    (child,) = children_of(parent.pid)
    assert processor_seconds(child) >= 0.25
    assert processor_seconds(parent.pid) >= processor_seconds(child)


def test_a_process_that_is_gone_has_spent_nothing() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert processor_seconds(done.pid) == 0.0


def test_what_is_not_installed_is_said_by_name() -> None:
    assert installed("a-program-that-nobody-has", "sh").endswith("/sh")
    with pytest.raises(Failed, match="a-program-that-nobody-has is not installed"):
        installed("a-program-that-nobody-has")
