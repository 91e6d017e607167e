"""Bodies of 1 GiB, up and down: how fast beside nginx, whether they arrive whole, what they take of memory.

nginx streams as the gateway does (`proxy_request_buffering off`, nothing spooled to disk), once with the
small buffers that it has by default and once with large ones, which make it three times as fast. Of a hundred
at once only the memory is asked for: they run for a while together and are cut.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from threading import Thread

from tests.bench import proxies
from tests.bench.bodies import Watch, measure_bodies
from tests.bench.load import Contender
from tests.bench.programs import Failed, processor_seconds, resident
from tests.bench.stage import Stage
from tests.bench.transfers import Transfer, upstream

AT_ONCE = 100
LEAST_RATE, MOST_MIB = 0.5, 32.0
WAYS = ("down", "up")
RIVALS = {
    "nginx": "",
    "nginx with large buffers": "proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 512k;"
    " client_body_buffer_size 256k;",
}
_LONGER = 4  # times the seconds of a load, for a hundred at once
_WARM = 16 * 2**20

Figures = dict[str, object]


async def measure(stage: Stage, *, rounds: int, seconds: int, megabytes: int) -> Figures:
    """Return MiB a second over nginx's, and the greatest growth of the gateway's memory."""
    size = megabytes * 2**20
    with upstream(stage.folder, size=size) as port:
        zeros = stage.folder / "zeros"
        async with AsyncExitStack() as stack:
            gateway = await stack.enter_async_context(_gateway(stage, port))
            rivals = [
                await stack.enter_async_context(
                    proxies.nginx(stage, name=name, upstream=port, buffers=buffers)
                )
                for name, buffers in RIVALS.items()
            ]
            for each in (gateway, *rivals):
                await _warm(each, zeros)
            rates = await _rates([gateway, *rivals], zeros, size=size, rounds=rounds)
            crowd = {
                way: await _at_once(gateway, zeros, way, size=size, seconds=seconds * _LONGER) for way in WAYS
            }
    return {
        "megabytes": megabytes,
        "whole": await measure_bodies(megabytes=megabytes, start=_start(stage), resident=resident),
        **rates,
        "at_once": {"bodies": AT_ONCE, **crowd},
        "least": {f"gateway / {rival}": LEAST_RATE for rival in RIVALS},
        "most": {"memory_growth_mib": MOST_MIB},
    }


async def _rates(contenders: list[Contender], zeros: Path, *, size: int, rounds: int) -> Figures:
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for way in WAYS:
            for each in contenders:
                one = await asyncio.to_thread(_one, each, zeros, way, size)
                found.setdefault(f"{each.name}, {way}", []).append(one)
    return {
        "rounds": found,
        "mib_per_second": _medians(found, "rate"),
        "processor_ms_per_gib": _medians(found, "processor"),
        "ratio": {
            f"gateway / {rival}, {way}": _ratio(found[f"gateway, {way}"], found[f"{rival}, {way}"])
            for rival in RIVALS
            for way in WAYS
        },
    }


def _ratio(ours: list[dict[str, float]], theirs: list[dict[str, float]]) -> float:
    pairs = zip(ours, theirs, strict=True)
    return round(statistics.median(mine["rate"] / other["rate"] for mine, other in pairs), 2)


def _one(contender: Contender, zeros: Path, way: str, size: int) -> dict[str, float]:
    """Carry one body, and return MiB a second and the proxy's milliseconds for a GiB."""
    transfer = Transfer(contender, zeros, size=size)
    began, spent = time.monotonic(), processor_seconds(*contender.pids)
    getattr(transfer, way)()
    took = time.monotonic() - began
    used = processor_seconds(*contender.pids) - spent
    return {"rate": size / 2**20 / took, "processor": used * 1000 / (size / 2**30)}


async def _at_once(contender: Contender, zeros: Path, way: str, *, size: int, seconds: float) -> Figures:
    """Carry a hundred bodies together for at most so many seconds; return how memory grew meanwhile."""
    transfers = [Transfer(contender, zeros, size=size) for _ in range(AT_ONCE)]
    threads = [Thread(target=_until_cut, args=(each, way), daemon=True) for each in transfers]
    async with Watch(lambda: resident(contender.pids[0])) as watch:
        for thread in threads:
            thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(thread.is_alive() for thread in threads):
            await asyncio.sleep(0.05)
    begun = sum(1 for each in transfers if each.moved)
    moved = sum(each.moved for each in transfers)
    for each in transfers:
        each.cut()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    return {"memory_growth_mib": watch.grown, "begun": begun, "mib_moved": round(moved / 2**20)}


def _until_cut(transfer: Transfer, way: str) -> None:
    with suppress(OSError, Failed):  # how it was cut
        getattr(transfer, way)()


async def _warm(contender: Contender, zeros: Path) -> None:
    for way in WAYS:
        await asyncio.to_thread(_one, contender, zeros, way, _WARM)


def _medians(found: dict[str, list[dict[str, float]]], figure: str) -> dict[str, int]:
    return {name: round(statistics.median(each[figure] for each in rounds)) for name, rounds in found.items()}


@asynccontextmanager
async def _gateway(stage: Stage, port: int) -> AsyncIterator[Contender]:
    async with stage.gateway("gateway", upstream=port) as gateway:
        yield await gateway.warm()


def _start(stage: Stage):  # type: ignore[no-untyped-def]
    @asynccontextmanager
    async def start_for(port: int) -> AsyncIterator[tuple[int, int, str]]:
        async with stage.gateway("whole bodies", upstream=port) as gateway:
            yield gateway.port, gateway.pid, await gateway.signed_in()

    return start_for
