"""Complete logins at an OpenID issuer on this machine, and what each costs the gateway.

A login is what a browser does of one: the page that wants it, the way to the issuer and back, the page.
Issuer and browsers share the load's core, so that logins a second are those of all three; the gateway's
own share is the processor time that it spent on its core.
"""

import asyncio
import statistics
import time

from tests.bench.programs import processor_seconds
from tests.bench.stage import Gateway, Stage

AT_ONCE = 8


async def measure(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return logins a second, and the gateway's milliseconds for each."""
    async with stage.gateway("logins") as gateway:
        await _logins(gateway, seconds=1)
        measured = [await _logins(gateway, seconds=seconds) for _ in range(rounds)]
    cost = statistics.median(each["processor_ms"] for each in measured)
    return {
        "rounds": measured,
        "logins_per_second": round(statistics.median(each["rate"] for each in measured), 1),
        "processor_ms_per_login": round(cost, 2),
        "logins_per_second_of_one_core": round(1000 / cost),
    }


async def _logins(gateway: Gateway, *, seconds: int) -> dict[str, float]:
    began, spent = time.monotonic(), processor_seconds(gateway.pid)
    until = began + seconds
    counts = await asyncio.gather(*[_one_after_the_other(gateway, until) for _ in range(AT_ONCE)])
    took, done = time.monotonic() - began, sum(counts)
    used = processor_seconds(gateway.pid) - spent
    return {"rate": done / took, "processor_ms": used / done * 1000, "logins": done}


async def _one_after_the_other(gateway: Gateway, until: float) -> int:
    done = 0
    while time.monotonic() < until:
        await gateway.signed_in()
        done += 1
    return done
