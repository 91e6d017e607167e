"""Everybody side by side: what stands between, and what it decides.

One proxy process on one core, load and upstream on the other, 330-byte answers, 32 keep-alive
connections. The gateway and mod_auth_openidc serve a warm, authenticated session; the plain proxies
do no authentication at all. Nobody writes an access log. All come from the distribution, and so does the
Python that runs the gateway, which is built with profile-guided optimisation, as one that was compiled by
hand often is not (BENCH_PYTHON names another).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial

from tests.bench import gateways, openidc, proxies
from tests.bench.load import Contender, answer, rounds_of
from tests.bench.programs import Failed
from tests.bench.stage import BODY, Stage

CONTENDERS: Mapping[str, Callable[[Stage], AbstractAsyncContextManager[Contender]]] = {
    "direct": proxies.direct,
    "nginx": proxies.nginx,
    "caddy": proxies.caddy,
    "aiohttp": proxies.aiohttp,
    "openidc cookie": openidc.in_cookie,
    "openidc shared memory": openidc.in_shared_memory,
    "gateway": gateways.stateless,
    "gateway sqlite": partial(gateways.stateful, store="sqlite"),
    "gateway postgres": partial(gateways.stateful, store="postgres"),
    "gateway redis": partial(gateways.stateful, store="redis"),
    "gateway bearer": gateways.bearer,
    "gateway behind nginx": gateways.behind_nginx,
}
LEAST = {
    "gateway / nginx": 0.6,
    "gateway / caddy": 2.5,
    "gateway / openidc cookie": 5.0,
    "gateway / openidc shared memory": 5.0,
}


async def compare(stage: Stage, *, rounds: int, seconds: int) -> dict[str, object]:
    """Return what the load gave for everybody who is installed, and why others are not there."""
    async with AsyncExitStack() as stack:
        contenders, missing = await opened(stack, stage, CONTENDERS)
        measured = await rounds_of(contenders, rounds=rounds, seconds=seconds)
        for each in contenders:
            await check(each)  # no session ended meanwhile
    return {
        "missing": missing,
        "rounds": measured.raw(),
        "median_rate": measured.rates(),
        "processor_us_per_request": measured.processor(),
        "ratio": measured.ratios("gateway"),
        "least": LEAST,
    }


async def opened(
    stack: AsyncExitStack, stage: Stage, names: Sequence[str]
) -> tuple[list[Contender], dict[str, str]]:
    """Return the contenders of these *names*, which run until *stack* ends; and who does not run, and why."""
    contenders, missing = [], {}
    for name in names:
        try:
            contender = await stack.enter_async_context(CONTENDERS[name](stage))
            await check(contender)
        except Exception as failed:  # whatever keeps one from running, the others are measured
            missing[name] = str(failed).strip() or type(failed).__name__
            print(f"{name} is left out: {missing[name]}", flush=True)
            continue
        contenders.append(contender)
    return contenders, missing


async def check(contender: Contender) -> None:
    """Raise Failed unless *contender* hands out what the upstream says."""
    status, body = await asyncio.to_thread(answer, contender)
    if (status, body) != (200, BODY):
        raise Failed(f"{contender.name} answers {status}: {body}")
