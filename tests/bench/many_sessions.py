"""A store of a million sessions beside one of a thousand: what a lookup, a login and a sweep cost.

Lookups are measured through the gateway with `cache = "off"`, a thousand sessions in turn, which
lie anywhere among the others. A session's beginning and the sweep are verbs of the store, called
beside the gateway; the sweep that is timed is the usual one, which finds nothing.
"""

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from secrets import token_bytes

from gateway.model.session import SessionRecord
from gateway.sessions.strategy import SessionStore
from tests.bench.load import Contender, rounds_of
from tests.bench.minted import minted
from tests.bench.stage import Gateway, Stage
from tests.bench.stores import STORES, Kept

FEW, MANY = 1_000, 1_000_000
LEAST, MOST = 0.9, 1.1
BEGUN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
    """A gateway whose store holds many sessions or few, under load by a thousand of them."""

    name: str
    contender: Contender
    gateway: Gateway
    kept: Kept
    like: SessionRecord


async def measure(stage: Stage, *, rounds: int, seconds: int, many: int = MANY) -> dict[str, object]:
    """Return, for each store, what *many* sessions cost over what a thousand do."""
    return {store: await _on(stage, store, rounds, seconds, many) for store in STORES}


async def _on(stage: Stage, store: str, rounds: int, seconds: int, many: int) -> dict[str, object]:
    async with AsyncExitStack() as stack:
        began = time.monotonic()
        few, full = [
            await stack.enter_async_context(_filled(stage, store, name, rows))
            for name, rows in (("few", FEW), ("many", many))
        ]
        filled = time.monotonic() - began
        measured = await rounds_of([few.contender, full.contender], rounds=rounds, seconds=seconds)
        verbs = await _verbs(few, full, rounds=max(3, rounds))
        count = await full.kept.count(full.gateway)
    return {
        "sessions": count,
        "filled_in_seconds": round(filled, 1),
        "rounds": measured.raw(),
        "median_rate": measured.rates(),
        "ratio": {"lookups, many / few": measured.ratio(full.name, few.name), **verbs},
        "least": {"lookups, many / few": LEAST},
        "most": dict.fromkeys(verbs, MOST),
    }


@asynccontextmanager
async def _filled(stage: Stage, store: str, name: str, rows: int) -> AsyncIterator[_Filled]:
    plan_name = f"{store} {name}"
    async with STORES[store]() as kept, stage.gateway(plan_name, kept.plan(cache="off")) as gateway:
        made = await minted(gateway, kept, count=FEW)
        if rows > FEW:
            await kept.grow(gateway, made.like, by=rows - FEW)
        yield _Filled(
            name=plan_name,
            contender=gateway.presenting(made.cookies),
            gateway=gateway,
            kept=kept,
            like=made.like,
        )


async def _verbs(few: _Filled, full: _Filled, *, rounds: int) -> dict[str, float]:
    """Return what each verb takes with many sessions over what it takes with few."""
    async with few.kept.opened(few.gateway) as small, full.kept.opened(full.gateway) as large:
        taken: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, verb in _VERBS.items():
                mine, theirs = await verb(large, full.like), await verb(small, few.like)
                taken.setdefault(f"{name}, many / few", []).append(mine / theirs)
    return {name: round(statistics.median(ratios), 2) for name, ratios in taken.items()}


async def _begin(store: SessionStore, like: SessionRecord) -> float:
    began = time.perf_counter()
    for _ in range(BEGUN):
        await store.add(replace(like, key=token_bytes(32)))
    return time.perf_counter() - began


async def _sweep(store: SessionStore, like: SessionRecord) -> float:
    began = time.perf_counter()
    for _ in range(20):
        await store.sweep(now=like.created_at, begun_before=0, seen_before=0)
    return time.perf_counter() - began


_VERBS: Mapping[str, Callable[[SessionStore, SessionRecord], Awaitable[float]]] = {
    "beginnings": _begin,
    "sweeps": _sweep,
}
