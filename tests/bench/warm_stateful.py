"""What stateful sessions cost: requests a second beside those of stateless ones, on each store.

`cache = "push"` serves warm sessions from memory while news of changes keeps coming in; `off` asks
the store at each request. 32 connections present 32 sessions in turn, so that lookups seldom are
of use to two requests.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.bench.load import CONNECTIONS, Contender, rounds_of
from tests.bench.minted import minted
from tests.bench.stage import Stage
from tests.bench.stores import STORES

CACHES = ("push", "off")
LEAST_PUSHED = 0.9
LEAST_ASKED = {"sqlite off": 0.6}  # the others are on the other side of a socket


async def measure(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return each store's throughput over that of stateless sessions."""
    async with AsyncExitStack() as stack:
        contenders = [await stack.enter_async_context(_stateless(stage))]
        contenders += [
            await stack.enter_async_context(_stateful(stage, store, cache))
            for store in STORES
            for cache in CACHES
        ]
        measured = await rounds_of(contenders, rounds=rounds, seconds=seconds)
    return {
        "rounds": measured.raw(),
        "median_rate": measured.rates(),
        "processor_us_per_request": measured.processor(),
        "ratio": {
            f"{name} / stateless": measured.ratio(name, "stateless")
            for name in measured.of
            if name != "stateless"
        },
        "least": {
            f"{name} / stateless": least
            for name, least in ({f"{store} push": LEAST_PUSHED for store in STORES} | LEAST_ASKED).items()
        },
    }


@asynccontextmanager
async def _stateless(stage: Stage) -> AsyncIterator[Contender]:
    async with stage.gateway("stateless") as gateway:
        yield gateway.presenting([await gateway.signed_in() for _ in range(CONNECTIONS)])


@asynccontextmanager
async def _stateful(stage: Stage, store: str, cache: str) -> AsyncIterator[Contender]:
    async with (
        STORES[store]() as kept,
        stage.gateway(f"{store} {cache}", kept.plan(cache=cache)) as gateway,
    ):
        cookies = (await minted(gateway, kept, count=CONNECTIONS)).cookies
        yield gateway.presenting(cookies)
