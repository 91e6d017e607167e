"""What one person waits: the median of requests one after the other on one connection."""

from contextlib import AsyncExitStack

from tests.bench.compare import opened
from tests.bench.load import rounds_of
from tests.bench.stage import Stage

MOST_MS = 0.15


async def measure(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return the milliseconds that the gateway's median is above nginx's and Caddy's."""
    async with AsyncExitStack() as stack:
        contenders, missing = await opened(stack, stage, ("direct", "nginx", "caddy", "gateway"))
        measured = await rounds_of(contenders, rounds=rounds, seconds=seconds, connections=1)
    return {
        "missing": missing,
        "rounds": measured.raw(),
        "p50_ms": measured.medians("p50"),
        "added_p50_ms": {
            f"gateway - {name}": measured.added("gateway", name, figure="p50")
            for name in measured.of
            if name != "gateway"
        },
        "most": {"gateway - nginx": MOST_MS},
    }
