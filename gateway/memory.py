"""What the process holds in memory stays there: the keys of every session are in it."""

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>


def forbid_dumps() -> None:
    """Let no core dump be written, and where the system knows how, no other process of this user look in."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
