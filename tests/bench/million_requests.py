"""What a gateway keeps of requests: resident memory before and after a million of them.

No two ask for the same target, and the connections are new every few seconds. What is remembered of requests
on purpose is bounded, and is full after the first part, which does not count.
"""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.bench.load import Contender, load
from tests.bench.programs import resident
from tests.bench.stage import Stage

REQUESTS = 1_000_000
MOST_MIB = 5.0
_FIRST = 0.1  # of the requests, before memory is read
_DISTINCT = """
local at, began = 0, "{began}"
request = function()
  at = at + 1
  return wrk.format("GET", "/page/" .. began .. "/" .. at .. "?number=" .. at)
end
"""


async def measure(stage: Stage, *, seconds: int, requests: int = REQUESTS) -> dict[str, object]:
    """Return how many MiB of resident memory a gateway has more after *requests*."""
    async with stage.gateway("requests") as gateway:
        contender, script = await gateway.warm(), gateway.home / "distinct.lua"
        first = await _served(contender, script, round(requests * _FIRST), seconds=seconds)
        before = resident(gateway.pid)
        served = await _served(contender, script, requests, seconds=seconds)
        after = resident(gateway.pid)
    return {
        "requests": {"before": first, "counted": served},
        "resident_mib": {"before": _mib(before), "after": _mib(after)},
        "growth_mib": _mib(after - before),
        "most": {"growth_mib": MOST_MIB},
    }


async def _served(contender: Contender, script: Path, requests: int, *, seconds: int) -> int:
    """Let at least *requests* be served, on new connections every so many *seconds*."""
    served = 0
    while served < requests:
        script.write_text(_DISTINCT.format(began=f"{requests}-{served}"))
        found = await asyncio.to_thread(load, replace(contender, script=script), seconds=seconds)
        served += found.requests
    return served


def _mib(size: int) -> float:
    return round(size / 2**20, 2)
