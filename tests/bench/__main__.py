"""`make bench`: every question in one run; prints ratios and writes var/bench.json.

Machines differ, and one machine from minute to minute: ratios of rounds that took turns count. What is not
installed is said, and the others are measured. `make bench-page` makes the page of what was written.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tests.bench import (
    bearers,
    compare,
    complete_logins,
    falling_due,
    idle_websockets,
    large_bodies,
    logout_everywhere,
    many_routes,
    many_sessions,
    million_requests,
    one_connection,
    password_flood,
    posts,
    thousand_connections,
    two_workers,
    warm_stateful,
)
from tests.bench.programs import LOAD_CORE, OUT, Failed, interpreter
from tests.bench.stage import Stage, stage

Measured = dict[str, object]


def questions(given: argparse.Namespace) -> Mapping[str, Callable[[Stage], Awaitable[Measured]]]:
    """Return what can be measured, by name."""
    often = {"rounds": given.rounds, "seconds": given.seconds}
    return {
        "proxies": lambda at: compare.compare(at, **often),
        "posts": lambda at: posts.measure(at, **often),
        "one_connection": lambda at: one_connection.measure(at, **often),
        "thousand_connections": lambda at: thousand_connections.measure(at, **often),
        "large_bodies": lambda at: large_bodies.measure(at, **often, megabytes=given.megabytes),
        "idle_websockets": lambda at: idle_websockets.measure(at, count=given.websockets),
        "many_routes": lambda at: many_routes.measure(at, **often, many=given.routes),
        "million_requests": lambda at: million_requests.measure(
            at, seconds=given.seconds, requests=given.requests
        ),
        "two_workers": lambda at: two_workers.measure(at, **often),
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


def main() -> int:
    """Measure, print, and keep what other questions gave before; return 1 where one had no answer."""
    given, known = arguments(sys.argv[1:])
    os.sched_setaffinity(0, {int(LOAD_CORE)})  # the proxies' core is theirs alone
    version = subprocess.run([interpreter(), "--version"], capture_output=True, text=True, check=True)
    measured: Measured = {"python": version.stdout.strip()}
    unanswered = []
    for name in given.only or known:
        began = time.monotonic()
        try:
            answer = asyncio.run(ask(known[name]))
        except Exception as error:  # the others are asked all the same
            unanswered.append(name)
            told = str(error) if isinstance(error, Failed) else traceback.format_exc()
            print(f"{name} has no answer: {told}", flush=True)
            continue
        took = round(time.monotonic() - began)
        measured[name] = {"asked": {"times": given.rounds, "seconds": given.seconds, "took": took}, **answer}
        print(json.dumps({name: without_rounds(measured[name])}, indent=2), flush=True)
        keep(measured)
    if unanswered:
        print(f"no answer: {', '.join(unanswered)}", flush=True)
    return 1 if unanswered else 0


def arguments(
    words: Sequence[str],
) -> tuple[argparse.Namespace, Mapping[str, Callable[[Stage], Awaitable[Measured]]]]:
    """Return what *words* say, and the questions that there are; ends the process where they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each is measured, by default 5 times"
    )
    parser.add_argument(
        "--seconds", type=int, default=3, help="how long a round of a load takes, by default 3"
    )
    parser.add_argument("--megabytes", type=int, default=1024, help="of a large body")
    parser.add_argument("--websockets", type=int, default=idle_websockets.COUNT)
    parser.add_argument("--routes", type=int, default=many_routes.MANY)
    parser.add_argument("--requests", type=int, default=million_requests.REQUESTS)
    parser.add_argument("--only", action="append", metavar="QUESTION", help="may be given more than once")
    given = parser.parse_args(words)
    known = questions(given)
    if unknown := set(given.only or ()) - set(known):
        parser.error(f"no such question: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return given, known


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
    sys.exit(main())
