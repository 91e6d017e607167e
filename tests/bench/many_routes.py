"""Ten thousand routes beside ten: what finding the right one costs.

Both gateways are asked for ten paths in turn, those of the larger table from one end to the other of it. The
same table is also asked for all its paths in turn, as nobody's load is: there no two requests within a second
have the same route.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from tests.bench.load import Contender, rounds_of
from tests.bench.stage import Gateway, Plan, Stage

FEW, MANY = 10, 10_000
LEAST = 0.95
_ASKED = """
local at, paths = 0, {{ {paths} }}
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
"""


async def measure(stage: Stage, *, rounds: int, seconds: int, many: int = MANY) -> dict[str, object]:
    """Return the throughput of a gateway with *many* routes over that of one with ten."""
    async with AsyncExitStack() as stack:
        small, large = [
            await stack.enter_async_context(stage.gateway(f"{count} routes", _plan(stage, count)))
            for count in (FEW, many)
        ]
        contenders = [
            await _asking(small, "few", range(FEW)),
            await _asking(large, "many", range(0, many, many // FEW)),
            await _asking(large, "many, each in turn", range(many)),
        ]
        measured = await rounds_of(contenders, rounds=rounds, seconds=seconds)
    return {
        "routes": {"few": FEW, "many": many},
        "ready_seconds": {"few": round(small.ready_after, 2), "many": round(large.ready_after, 2)},
        "rounds": measured.raw(),
        "median_rate": measured.rates(),
        "ratio": {f"{name} / few": measured.ratio(name, "few") for name in measured.of if name != "few"},
        "least": {"many / few": LEAST},
    }


def _plan(stage: Stage, count: int) -> Plan:
    routes = "".join(f'[[routes]]\npath = "/app-{number}"\nupstream = "app"\n' for number in range(count))
    upstream = f'[upstreams.app]\nurls = ["http://127.0.0.1:{stage.upstream}"]\n'
    return Plan(upstream="app", tables=upstream + routes)


async def _asking(gateway: Gateway, name: str, numbers: Sequence[int]) -> Contender:
    """Return *gateway* under a load that asks for the routes of these *numbers* in turn."""
    warm = await gateway.warm(name)
    script = gateway.home / f"{len(numbers)}.lua"
    script.write_text(_ASKED.format(paths=", ".join(f'"/app-{number}/page"' for number in numbers)))
    return Contender(name=name, url=warm.url, headers=warm.headers, script=script, pids=warm.pids)
