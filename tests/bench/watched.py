"""`python -m tests.bench.watched run --config …`: the gateway, with a watch on its event loop.

A beat every millisecond; each that comes late is written to the file that BENCH_BEATS names, as the
monotonic moment, the seconds it was late, and the seconds for which the loop's thread computed
meanwhile. The first counts what a busy machine took too, the second what the gateway did itself.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

EVERY = 0.001
LATE = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A late beat, in seconds."""

    at: float
    late: float
    computed: float


def beats(path: Path, *, since: float, until: float) -> list[Beat]:
    """Return the late beats that were written to *path* between two monotonic moments."""
    rows = [[float(word) for word in line.split()] for line in path.read_text().splitlines()]
    found = [Beat(at=at, late=late, computed=computed) for at, late, computed in rows]
    return [beat for beat in found if since <= beat.at <= until + LATE]


async def beat_for_ever(out: TextIO) -> None:
    before, spent = time.monotonic(), time.thread_time()
    while True:
        await asyncio.sleep(EVERY)
        now, computed = time.monotonic(), time.thread_time()
        late = now - before - EVERY
        if late > LATE:
            out.write(f"{now} {late} {computed - spent}\n")
        before, spent = now, computed


def beside(serve: Callable[..., Awaitable[None]], out: TextIO) -> Callable[..., Awaitable[None]]:
    """Return *serve* with beats on the same loop until it ends."""

    async def watched(*args: object, **others: object) -> None:
        beating = asyncio.create_task(beat_for_ever(out))
        try:
            await serve(*args, **others)
        finally:
            beating.cancel()

    return watched


def main() -> None:
    from gateway import app
    from gateway.cli import main as command

    with Path(os.environ["BENCH_BEATS"]).open("w", buffering=1) as out:
        app.serve = beside(app.serve, out)  # type: ignore[assignment]
        command()


if __name__ == "__main__":
    main()
