"""Requests without pause at several gateways while what lets them pass ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.raw_client import RawConnection

BEFORE = 10  # passes at each gateway before anything may end
REFUSALS = 20  # in a row after it
PATIENCE = 30.0  # seconds for either


@dataclass(slots=True)
class Hammers:
    """What came of the requests to each gateway; seconds by the monotonic clock."""

    ended_at: float = float("inf")
    passed_at: dict[int, list[float]] = field(default_factory=dict)

    def late(self, port: int, *, allowed: float) -> list[float]:
        """Return how long after the end requests to *port* were sent that passed though they ought not.

        A gateway keeps *allowed* by its own clock, so that a busy machine makes none late.
        """
        after = [sent_at - self.ended_at for sent_at in self.passed_at[port]]
        return [late for late in after if late > allowed]


@asynccontextmanager
async def hammering(asked: Mapping[int, bytes], *, connections: int = 1) -> AsyncIterator[Hammers]:
    """Send what *asked* says to each port, on so many *connections*; the body runs once all pass, and is
    left once all refuse.

    The body sets `ended_at` when it has ended what lets them pass.
    """
    hammers = Hammers(passed_at={port: [] for port in asked})
    tasks = [
        asyncio.create_task(_hammer(port, request, hammers))
        for port, request in asked.items()
        for _ in range(connections)
    ]
    enough = BEFORE * connections
    try:
        async with asyncio.timeout(PATIENCE):
            while min(map(len, hammers.passed_at.values())) < enough and not any(t.done() for t in tasks):
                await asyncio.sleep(0.01)
        yield hammers
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hammer(port: int, request: bytes, hammers: Hammers) -> None:
    refused = 0
    async with await RawConnection.open(port) as connection:
        while refused < REFUSALS:
            sent_at = time.monotonic()
            await connection.write(request)
            if (await connection.answer()).status == 200:
                hammers.passed_at[port].append(sent_at)
            else:
                refused += 1
