"""A thousand connections that all want an answer at once: the 99th percentile of what they wait."""

from contextlib import AsyncExitStack

from tests.bench.compare import opened
from tests.bench.load import rounds_of
from tests.bench.stage import Stage

CONNECTIONS = 1000
MOST = 2.0


async def measure(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return the gateway's p99 over nginx's and Caddy's."""
    async with AsyncExitStack() as stack:
        contenders, missing = await opened(stack, stage, ("nginx", "caddy", "gateway"))
        measured = await rounds_of(contenders, rounds=rounds, seconds=seconds, connections=CONNECTIONS)
    return {
        "missing": missing,
        "connections": CONNECTIONS,
        "rounds": measured.raw(),
        "median_rate": measured.rates(),
        "p99_ms": measured.medians("p99"),
        "errors": measured.medians("errors"),
        "ratio_of_p99": {
            f"gateway / {name}": measured.ratio("gateway", name, figure="p99")
            for name in measured.of
            if name != "gateway"
        },
        "most": {"gateway / caddy": MOST},
    }
