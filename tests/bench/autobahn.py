"""The cases of the Autobahn test suite against its own endpoint, straight and through a gateway.

    tests/parts/install autobahn
    python -m tests.bench.autobahn                       # every case
    python -m tests.bench.autobahn --cases "12.*"        # some, beside what was found before

A case is a client that behaves well or badly; the suite judges what the endpoint makes of it. What matters
here is that a gateway in between changes no verdict. Prints a table of the verdicts by group and names the
cases that differ; what was found is kept in var/autobahn.json, the suite's reports in var/autobahn-reports.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tests.bench.programs import LOAD_CORE, ROOT, Failed, running, start
from tests.bench.stage import Plan, stage
from tests.fakes.ports import free_port

STRAIGHT, THROUGH = "straight", "through"
SUITE = ROOT / "var" / "autobahn"
FOUND = ROOT / "var" / "autobahn.json"
REPORTS = ROOT / "var" / "autobahn-reports"
GROUPS = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "closing",
    "9": "limits and performance",
    "10": "automatic fragmentation",
    "12": "compression",
    "13": "compression with parameters",
}
# The suite sends what a route refuses by default: messages of 16 MiB, and many at once.
_TABLES = 'access = "public"\nwebsocket = true\nwebsocket_limits = { message = "off", frames = "off" }'

Verdicts = dict[str, dict[str, str]]
"""By case, then by `straight` and `through`: how the suite judged it."""


def verdicts(index: Mapping[str, Mapping[str, Mapping[str, str]]]) -> Verdicts:
    """Return what the suite's `index.json` says of each case, of what happens in it and of how it ends."""
    found: Verdicts = {}
    for way, cases in index.items():
        for number, case in cases.items():
            said = dict.fromkeys((case["behavior"], case["behaviorClose"]))
            found.setdefault(number, {})[way] = "/".join([word for word in said if word != "OK"]) or "OK"
    return found


def differing(found: Verdicts) -> list[str]:
    """Return the cases whose verdict is another one through a gateway, in order."""
    return [number for number in _in_order(found) if found[number][STRAIGHT] != found[number][THROUGH]]


def table(found: Verdicts) -> str:
    """Return the verdicts by group, as Markdown."""
    lines = ["| group | cases | straight | through the gateway |", "|---|---|---|---|"]
    for group, name in GROUPS.items():
        numbers = [number for number in found if number.split(".")[0] == group]
        if numbers:
            ways = [_counted(found[number][way] for number in numbers) for way in (STRAIGHT, THROUGH)]
            lines.append(f"| {group}: {name} | {len(numbers)} | {' | '.join(ways)} |")
    return "\n".join(lines)


def _counted(judged: Iterable[str]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(judged).most_common())


def _in_order(found: Verdicts) -> list[str]:
    return sorted(found, key=lambda number: [int(part) for part in number.split(".")])


async def ask(cases: Sequence[str]) -> Verdicts:
    """Run *cases*, patterns such as `9.*`, both ways. Raises Failed."""
    python = SUITE / "python"
    if not python.exists():
        raise Failed("the suite is not installed: tests/parts/install autobahn")
    wstest = (str(python), "-W", "ignore", "-m", "autobahntestsuite.wstest", "--mode")
    environ, port = {"PYTHONPATH": str(SUITE)}, free_port()
    async with stage() as at:
        log = at.folder / "endpoint.log"
        endpoint = (*wstest, "testeeserver", "--wsuri", f"ws://127.0.0.1:{port}")
        plan = Plan(upstream=f"http://127.0.0.1:{port}", tables=_TABLES)
        async with (
            running(LOAD_CORE, *endpoint, port=port, log=log, environ=environ),
            at.gateway("gateway", plan) as gateway,
        ):
            spec = at.folder / "spec.json"
            spec.write_text(json.dumps(_spec(cases, {STRAIGHT: port, THROUGH: gateway.port})))
            said = at.folder / "client.log"
            command = (*wstest, "fuzzingclient", "--spec", str(spec))
            client = await start(LOAD_CORE, *command, environ=environ, log=said)
            if await client.wait():
                raise Failed(said.read_text())
    return verdicts(json.loads((REPORTS / "index.json").read_text()))


def _spec(cases: Sequence[str], ports: Mapping[str, int]) -> dict[str, object]:
    return {
        "outdir": str(REPORTS),
        "servers": [{"agent": way, "url": f"ws://localhost:{port}"} for way, port in ports.items()],
        "cases": list(cases),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask what was asked for, print all that was found; return 1 where a verdict differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.autobahn", description=__doc__)
    parser.add_argument("--cases", action="append", help="a pattern; may be given more than once")
    given = parser.parse_args(arguments)
    known: Verdicts = json.loads(FOUND.read_text()) if given.cases and FOUND.exists() else {}
    try:
        found = known | asyncio.run(ask(given.cases or ["*"]))
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 2
    FOUND.parent.mkdir(exist_ok=True)
    FOUND.write_text(json.dumps(found, indent=1))
    print(table(found))
    for number in (different := differing(found)):
        print(f"{number}: {found[number][STRAIGHT]}, through the gateway {found[number][THROUGH]}")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
