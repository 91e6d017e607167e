"""One configuration at work: everything that decides about a request, replaced as a whole.

The law: a request is served to its end by the snapshot that it began with, so that no request ever
sees the routes of one configuration and the keys of another.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import GatewayError
from gateway.front.inbound import Receiver
from gateway.model.answer import Answer
from gateway.model.inbound import Inbound
from gateway.pipeline import Passage, Pipeline


class Pages(Protocol):
    """Turns errors into answers; the only place where that happens."""

    def answer(self, error: GatewayError, *, inbound: Inbound | None, request_id: str) -> Answer: ...


class OwnEndpoints(Protocol):
    """Everything under our prefix."""

    def covers(self, path: str) -> bool: ...
    async def handle(
        self, inbound: Inbound, read_body: Callable[[int], Awaitable[bytes]], passage: Passage
    ) -> Answer: ...


class Running:
    """Counts the requests that run: each enters and leaves."""

    __slots__ = ("_count", "_over")

    def __init__(self) -> None:
        self._count = 0
        self._over: asyncio.Future[None] | None = None

    def __enter__(self) -> None:
        self._count += 1

    def __exit__(self, *_: object) -> None:
        self._count -= 1
        if not self._count and self._over is not None:
            self._over.set_result(None)
            self._over = None

    async def over(self) -> None:
        """Return once none runs; for one waiter at a time."""
        while self._count:
            self._over = asyncio.get_running_loop().create_future()
            try:
                await self._over
            finally:
                self._over = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """What serves requests by one configuration; `running` counts those that began with it."""

    receiver: Receiver
    pipeline: Pipeline
    endpoints: OwnEndpoints
    pages: Pages
    owns_cookie: Callable[[bytes], bool]
    running: Running = field(default_factory=Running)
