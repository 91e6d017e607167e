"""What outlives a configuration: connections, caches and knowledge that the next one needs as well.

The law: a thing is made for a key that says all it was made from. Two configurations with that key
share it, and it is closed once no configuration claims it any more.
"""

from collections.abc import Awaitable, Callable, Hashable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

T = TypeVar("T")


class _Held:
    __slots__ = ("claims", "close", "thing")

    def __init__(self, thing: Any, close: Callable[[], Awaitable[None]] | None) -> None:
        self.thing = thing
        self.close = close
        self.claims = 0


class Lasting:
    """Holds what the configurations of one gateway share; as much as they claim, and no more."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Held] = {}

    def tenure(self) -> "Tenure":
        """Return the claims of one more configuration, none so far."""
        return Tenure(self._held)


class Tenure:
    """The claims of one configuration, from its making until its last request is over."""

    def __init__(self, held: dict[Hashable, _Held]) -> None:
        self._held = held
        self._claimed: dict[Hashable, None] = {}  # in the order in which they were claimed

    def claim(
        self, key: Hashable, make: Callable[[], T], *, close: Callable[[T], Awaitable[None]] | None = None
    ) -> T:
        """Return what is held for *key*, made now where nothing is; *close* ends it."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _made(make(), close)
        if key not in self._claimed:
            self._claimed[key] = None
            held.claims += 1
        thing: T = held.thing
        return thing

    async def end(self) -> None:
        """Give up every claim; close what nobody else claims, the last made first, once."""
        async with AsyncExitStack() as closing:
            claimed, self._claimed = self._claimed, {}
            for key in claimed:
                held = self._held[key]
                held.claims -= 1
                if held.claims:
                    continue
                del self._held[key]
                if held.close is not None:
                    closing.push_async_callback(held.close)


def _made(thing: T, close: Callable[[T], Awaitable[None]] | None) -> _Held:
    if close is None:
        return _Held(thing, None)

    async def end() -> None:
        await close(thing)

    return _Held(thing, end)
