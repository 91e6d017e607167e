"""The ordinary lane: requests with a body of 1 KiB, which the gateway forwards as a task of its own each.

Beside nginx and Caddy, which pass the same requests on; 32 connections, one warm session.
"""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from tests.bench.compare import opened
from tests.bench.load import Contender, rounds_of
from tests.bench.stage import TAKEN, Stage

LEAST = 1.5
_POST = f"""
wrk.method = "POST"
wrk.path = "{TAKEN}"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("x", 1024)
"""


async def measure(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return the throughput of requests with a body over nginx's and Caddy's."""
    script = stage.folder / "post.lua"
    script.write_text(_POST)
    async with AsyncExitStack() as stack:
        contenders, missing = await opened(stack, stage, ("nginx", "caddy", "gateway"))
        measured = await rounds_of(
            [_posting(each, script) for each in contenders], rounds=rounds, seconds=seconds
        )
    return {
        "missing": missing,
        "rounds": measured.raw(),
        "median_rate": measured.rates(),
        "processor_us_per_request": measured.processor(),
        "ratio": measured.ratios("gateway"),
        "least": {"gateway / caddy": LEAST},
    }


def _posting(contender: Contender, script: Path) -> Contender:
    return replace(contender, script=script)
