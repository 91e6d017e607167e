"""One configuration after another in a running gateway.

The law: a configuration takes over whole or not at all, between two requests; the one before it
keeps its rooms until its last request is over. So no more former ones are kept than requests run. What
lasts in them is judged by the sessions of the present one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from gateway.front.snapshot import Snapshot
from gateway.lasting import Lasting, Tenure
from gateway.rooms import Rooms
from gateway.settings.schema import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Term:
    rooms: Rooms
    snapshot: Snapshot
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)


class Succession:
    """Hands each configuration's snapshot to *serve*; *furnish* makes rooms for one.

    *prepare* does what must be done before a configuration serves, once its rooms are made.
    """

    def __init__(
        self,
        furnish: Callable[[Settings, Tenure], Awaitable[Rooms]],
        *,
        prepare: Callable[[Settings], Awaitable[None]],
        serve: Callable[[Snapshot], None],
    ) -> None:
        self._furnish = furnish
        self._prepare = prepare
        self._serve = serve
        self._lasting = Lasting()
        self._present: _Term | None = None
        self._former: dict[_Term, asyncio.Task[None]] = {}

    @property
    def rooms(self) -> Rooms:
        """The rooms of the configuration in force."""
        if self._present is None:
            raise RuntimeError("no configuration is in force yet")
        return self._present.rooms

    def jwks(self) -> dict[str, object]:
        """Return the public keys of the configuration in force."""
        return self.rooms.jwks()

    @property
    def former(self) -> int:
        """How many configurations still serve requests that began before another took over."""
        return len(self._former)

    async def take_over(self, settings: Settings) -> None:
        """Serve *settings* from the next request on.

        Raises whatever keeps their rooms from being made or prepared; then nothing has changed.
        """
        tenure = self._lasting.tenure()
        try:
            rooms = await self._furnish(settings, tenure)
            term = _Term(rooms=rooms, snapshot=rooms.snapshot())
            await self._prepare(settings)
            await rooms.start()
        except BaseException:
            await tenure.end()
            raise
        for close in rooms.closing:
            term.closing.push_async_callback(close)
        former, self._present = self._present, term
        self._serve(term.snapshot)
        if former is not None:
            self._former[former] = asyncio.get_running_loop().create_task(self._retire(former))
        for each in self._former:
            each.rooms.yield_to(rooms)

    async def end(self) -> None:
        """Close the rooms of every configuration; nothing may run in them any more."""
        retiring = list(self._former.values())
        for task in retiring:
            task.cancel()
        await asyncio.gather(*retiring, return_exceptions=True)
        for term in [*self._former, *filter(None, [self._present])]:
            await term.closing.aclose()
        self._former.clear()

    async def _retire(self, term: _Term) -> None:
        await term.snapshot.running.over()
        await term.closing.aclose()
        del self._former[term]
