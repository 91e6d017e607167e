"""How news of changes comes from a store to whoever holds copies of what it says."""

from collections.abc import Coroutine
from typing import Any, Protocol


class Listener(Protocol):
    """Who holds copies of what a store says. Moments are monotonic seconds."""

    def proved(self, moment: float) -> None:
        """All that was changed before *moment* has been told."""

    def broke(self) -> None:
        """Changes may go untold from now on."""

    def drop(self, name: bytes) -> None:
        """The sessions that *name* names changed."""

    def drop_all(self) -> None:
        """Any session may have changed."""

    async def wanted(self) -> None:
        """Return once news is of use."""


class Bus(Protocol):
    def follow(self, listener: Listener, /) -> Coroutine[Any, Any, None]:
        """Tell *listener* of every change, until cancelled; where that fails, say so and begin again."""
