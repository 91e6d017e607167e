"""Who serves, looked at from time to time beside the calls that need to know."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from gateway.errors import StoreUnavailable
from gateway.store.redis_server import Place

LOOK_EVERY = 1.0  # seconds between two looks, while calls are made
LOOK_AGAIN = 0.1  # the same, where something speaks against what was seen last

T = TypeVar("T")


class Lookout:
    """Calls *look* beside the calls that need it: one at a time, and never more often than is of use."""

    def __init__(self, look: Callable[[], Awaitable[None]], *, monotonic: Callable[[], float]) -> None:
        self._look = look
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._doubted = False
        self._looking: asyncio.Task[None] | None = None

    def doubt(self) -> None:
        """Say that something speaks against what was seen."""
        self._doubted = True
        self.when_due()

    def when_due(self) -> None:
        """Begin a look where the last one is too old, and do not wait for it."""
        every = LOOK_AGAIN if self._doubted else LOOK_EVERY
        looking = self._looking is not None and not self._looking.done()
        if not looking and self._monotonic() - self._looked_at >= every:
            self._looked_at = self._monotonic()
            self._doubted = False
            self._looking = asyncio.get_running_loop().create_task(self._looked())

    async def first(self) -> None:
        """Wait for the look that is under way, or due."""
        self._doubted = True
        self.when_due()
        if self._looking is not None:
            await asyncio.wait([self._looking])

    async def close(self) -> None:
        """Look no more: nobody would wait for it."""
        self._looked_at = float("inf")
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _looked(self) -> None:
        try:
            await self._look()
        except StoreUnavailable:
            self._doubted = True


def place_of(host: bytes, port: object) -> Place:
    """Return what a server tells of another one; to be `understood`."""
    name, number = host.decode("ascii"), int(port)  # type: ignore[call-overload]
    if not name or not name.isprintable() or " " in name or not 1 <= number <= 65535:
        raise ValueError("no place")
    return Place(name, number)


@contextmanager
def understood() -> Iterator[None]:
    """Raise StoreUnavailable where what a server told makes no sense: it is none that could be believed."""
    try:
        yield
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError):
        raise StoreUnavailable("redis tells of its servers what cannot be read") from None


async def agreed(questions: Sequence[Awaitable[T]]) -> T:
    """Return the answer that most give, as soon as more than half of those asked agree.

    One of them may have been cut off, and tell what was true before.
    """
    asked = [asyncio.ensure_future(question) for question in questions]
    votes: dict[T, int] = {}
    try:
        for answered in asyncio.as_completed(asked):
            with suppress(StoreUnavailable):
                answer = await answered
                votes[answer] = votes.get(answer, 0) + 1
                if votes[answer] * 2 > len(asked):
                    return answer
    finally:
        for question in asked:
            question.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    if not votes:
        raise StoreUnavailable("nobody tells where redis is")
    return max(votes, key=lambda answer: votes[answer])
