"""A process that holds keys leaves no copy of its memory."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ASK = """
import ctypes, resource
from gateway.memory import forbid_dumps
forbid_dumps()
print(ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_C15_after_it_the_process_cannot_be_dumped() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "0 (0, 0)\n"


def test_C15_the_command_that_serves_does_it_before_it_reads_a_secret() -> None:
    text = (ROOT / "gateway/cli/run.py").read_text()
    assert 0 < text.index("forbid_dumps()") < text.index("load_or_exit(config)\n")
