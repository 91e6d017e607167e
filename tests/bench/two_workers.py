"""Two workers beside one: a request should cost as much processor time, and both should have their share.

With two workers both cores are the gateway's, and the load and the upstream have to share them with it:
requests a second say nothing here, and are not compared. A worker has as many connections as the one has
alone: a turn of an event loop that finds fewer requests costs more for each. nginx with two workers tells how
much of it the machine is.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from tests.bench import proxies
from tests.bench.load import rounds_of
from tests.bench.programs import LOAD_CORE, PROXY_CORE, children_of, processor_seconds
from tests.bench.stage import Plan, Stage

MOST = 1.1
_TWO = Plan(keys="workers = 2", cores=f"{PROXY_CORE},{LOAD_CORE}")


async def measure(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return the processor time of a request with two workers over that with one."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(stage.gateway("one worker"))
        two = await stack.enter_async_context(stage.gateway("two workers", _TWO))
        contenders = [await one.warm(), replace(await two.warm(), workers=2)]
        for workers, name in ((1, "nginx, one worker"), (2, "nginx, two workers")):
            nginx = proxies.nginx(stage, name=name, workers=workers)
            contenders.append(await stack.enter_async_context(nginx))
        before = _spent(two.pid)
        measured = await rounds_of(contenders, rounds=rounds, seconds=seconds)
        shares = _shares(before, _spent(two.pid))
    return {
        "rounds": measured.raw(),
        "processor_us_per_request": measured.processor(),
        "share_of_each_worker": shares,
        "ratio_of_processor": {
            f"{of}two workers / {of}one worker": measured.ratio(
                f"{of}two workers", f"{of}one worker", figure="processor"
            )
            for of in ("", "nginx, ")
        },
        "most": {"two workers / one worker": MOST},
    }


def _spent(supervisor: int) -> dict[int, float]:
    return {worker: processor_seconds(worker) for worker in children_of(supervisor)}


def _shares(before: Mapping[int, float], after: Mapping[int, float]) -> list[float]:
    """Return which part of the processor time each worker spent, the least first."""
    spent = [after[worker] - before.get(worker, 0.0) for worker in after]
    return sorted(round(each / max(sum(spent), 1e-9), 2) for each in spent)
