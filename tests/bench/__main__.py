"""`make bench`: every question in one run; prints ratios and writes var/bench.json.

Machines differ, and one machine from minute to minute: ratios of rounds that took turns count.
"""

import argparse
import asyncio
import json
import os
import subprocess
from collections.abc import Awaitable, Callable, Mapping

from tests.bench import (
    bearers,
    compare,
    complete_logins,
    falling_due,
    logout_everywhere,
    many_sessions,
    password_flood,
    warm_stateful,
)
from tests.bench.programs import LOAD_CORE, ROOT, interpreter
from tests.bench.stage import Stage, stage

OUT = ROOT / "var" / "bench.json"
Measured = dict[str, object]


def questions(given: argparse.Namespace) -> Mapping[str, Callable[[Stage], Awaitable[Measured]]]:
    """Return what can be measured, by name."""
    often = {"rounds": given.rounds, "seconds": given.seconds}
    return {
        "proxies": lambda at: compare.compare(at, **often, megabytes=given.megabytes),
        "warm_stateful": lambda at: warm_stateful.measure(at, **often),
        "bearer": lambda at: bearers.measure(at, **often),
        "many_sessions": lambda at: many_sessions.measure(at, **often),
        "password_flood": lambda at: password_flood.measure(at, **often),
        "complete_logins": lambda at: complete_logins.measure(at, **often),
        "falling_due": lambda at: falling_due.measure(at, rounds=given.rounds),
        "logout_everywhere": lambda at: logout_everywhere.measure(at, rounds=given.rounds),
    }


async def ask(question: Callable[[Stage], Awaitable[Measured]]) -> Measured:
    async with stage() as at:
        return await question(at)


def main() -> None:
    """Measure, print, and keep what other questions gave before."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--only", action="append", metavar="QUESTION", help="may be given more than once")
    given = parser.parse_args()
    known = questions(given)
    if unknown := set(given.only or ()) - set(known):
        parser.error(f"no such question: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    os.sched_setaffinity(0, {int(LOAD_CORE)})  # the proxies' core is theirs alone
    version = subprocess.run([interpreter(), "--version"], capture_output=True, text=True, check=True)
    measured: Measured = {"python": version.stdout.strip()}
    for name in given.only or known:
        measured[name] = asyncio.run(ask(known[name]))
        print(json.dumps({name: without_rounds(measured[name])}, indent=2), flush=True)
        keep(measured)


def without_rounds(found: object) -> object:
    if not isinstance(found, dict):
        return found
    return {key: without_rounds(value) for key, value in found.items() if key != "rounds"}


def keep(measured: Measured) -> None:
    """Write *measured* over what the same questions gave before."""
    before = json.loads(OUT.read_text()) if OUT.exists() else {}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({**before, **measured}, indent=2) + "\n")


if __name__ == "__main__":
    main()
