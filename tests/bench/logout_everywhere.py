"""Logout everywhere by somebody with ten thousand sessions: how long it takes, and whom it keeps waiting.

The answer's time is what the browser waits. The loop is watched by a beat in the gateway's process
from the request until half a second after the answer, since news of what ended comes in later.
"""

import asyncio
import statistics
import time
from dataclasses import replace

from tests.bench.minted import Minted, minted
from tests.bench.programs import Failed
from tests.bench.stage import Gateway, Stage
from tests.bench.stores import STORES, Kept
from tests.bench.watched import beats

SESSIONS = 10_000
MOST_SECONDS, MOST_BLOCKED_MS = 1.0, 20.0
AFTER = 0.5


async def measure(stage: Stage, *, rounds: int) -> dict[str, object]:
    """Return, for each store, a logout's seconds (median) and the loop's longest standstill (of all)."""
    return {
        **{store: await _on(stage, store, rounds) for store in STORES},
        "most": {"seconds": MOST_SECONDS, "blocked_ms": MOST_BLOCKED_MS, "computed_ms": MOST_BLOCKED_MS},
    }


async def _on(stage: Stage, store: str, rounds: int) -> dict[str, object]:
    async with STORES[store]() as kept:
        home = stage.folder / f"{store} everywhere"
        environ = {"BENCH_BEATS": str(home / "beats")}
        plan = replace(kept.plan(cache="push"), module="tests.bench.watched", environ=environ)
        async with stage.gateway(home.name, plan) as gateway:
            found = [await _round(gateway, kept) for _ in range(rounds)]
    return {
        "seconds": statistics.median(each["seconds"] for each in found),
        "blocked_ms": max(each["blocked_ms"] for each in found),
        "computed_ms": max(each["computed_ms"] for each in found),
        "left_in_store": max(each["left"] for each in found),
        "rounds": found,
    }


async def _round(gateway: Gateway, kept: Kept) -> dict[str, float]:
    made = await minted(gateway, kept, count=SESSIONS)
    await _warm(gateway, made)
    since = time.monotonic()
    await _leave(gateway, made.cookies[0])
    answered = time.monotonic()
    await asyncio.sleep(AFTER)
    late = beats(gateway.home / "beats", since=since, until=answered + AFTER)
    await _check(gateway, made)
    left = await kept.count(gateway)
    return {
        "left": left,
        "seconds": round(answered - since, 3),
        "blocked_ms": round(max((beat.late for beat in late), default=0.0) * 1000, 1),
        "computed_ms": round(max((beat.computed for beat in late), default=0.0) * 1000, 1),
    }


async def _warm(gateway: Gateway, made: Minted) -> None:
    """Let some sessions be held in process when they end."""
    for cookie in made.cookies[:200]:
        if (status := await _status(gateway, cookie)) != 200:
            raise Failed(f"a session that was made gets {status}")


async def _leave(gateway: Gateway, cookie: str) -> None:
    browser = gateway.browser()
    browser.cookies["localhost"] = dict([cookie.split("=", 1)])
    page = await browser.navigate(f"{gateway.url}/.gateway/signout")
    fields = {"csrfToken": page.hidden("csrfToken"), "scope": "all"}
    page = await browser.submit(f"{gateway.url}/.gateway/signout", fields, follow=False)
    if page.status != 303:
        raise Failed(f"the logout ended with {page.status}")


async def _check(gateway: Gateway, made: Minted) -> None:
    """The user's epoch refuses what a store that was late still keeps: what counts is who gets in."""
    if holding := [cookie for cookie in made.cookies[::500] if await _status(gateway, cookie) == 200]:
        raise Failed(f"of those that ended {len(holding)} still hold")


async def _status(gateway: Gateway, cookie: str) -> int:
    browser = gateway.browser()
    page = await browser.fetch(f"{gateway.url}/", Cookie=cookie)
    return page.status
