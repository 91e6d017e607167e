"""Clients of our own with an even pace, each a process on the load's core."""

import asyncio
import json
import sys
from typing import Any

from tests.bench.programs import LOAD_CORE, Failed
from tests.bench.stage import Gateway

PACE = 500


async def even_pace(gateway: Gateway, cookie: str, *, seconds: float) -> dict[str, float]:
    """Return the latencies, in milliseconds, of requests that leave the gateway idle most of the time."""
    return await printed("trickle", port=gateway.port, rate=PACE, seconds=seconds, given=cookie)


async def printed(client: str, *, given: str, gives_way: bool = False, **flags: float) -> dict[str, Any]:
    """Run the *client* of that name with *given* on its standard input; return the JSON that it prints.

    One that *gives_way* works where nobody else wants the load's core, and holds up no other's clock.
    """
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    policy = ("chrt", "--idle", "0") if gives_way else ()
    command = ("taskset", "-c", LOAD_CORE, *policy, sys.executable, "-m", f"tests.bench.{client}", *words)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    told, _ = await process.communicate(given.encode())
    if process.returncode:
        raise Failed(f"{client} failed")
    found: dict[str, Any] = json.loads(told)
    return found
