"""Stateful sessions held in process, only while every change of them is known to arrive.

The law of this file: a session is used from here only where each channel has proven, within the
last `FRESH` seconds, that it had received all that was changed up to then. So a session that ended
longer ago than that is refused, however late or lost the news of it: where the proof is missing,
the store is asked. And what was read before some news came is not kept after it: a reader takes a
ticket before it asks, and every drop makes older tickets worthless.

A store that can say at once whether anything in it changed is asked so at each use instead: then
nothing is used that was true a moment ago only.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.model.session import Session
from gateway.sessions.strategy import Loaded

FRESH = 0.04
"""Seconds that a proof counts: within them a session that another node ended may still pass."""

QUIET = 2.0
"""Seconds after the last use for which channels go on to prove."""

MOST = 20_000


class Held:
    """A session as it was read, with the answer about it made beforehand.

    *names* are those, besides its key, under which news of it may come.
    """

    __slots__ = ("loaded", "names", "seen_at", "session")

    def __init__(self, session: Session, *, seen_at: int, names: tuple[bytes, ...] = ()) -> None:
        self.session = session
        self.names = names
        self.seen_at = seen_at
        self.loaded = Loaded(session=session, presented=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    drops: int


class Channel:
    """One way by which news of changes comes; the store that follows it calls these."""

    def __init__(self, cache: "SessionCache") -> None:
        self._cache = cache
        self.proven = float("-inf")

    def proved(self, moment: float) -> None:
        """Say that all changes made before *moment*, in monotonic seconds, have been told here."""
        self.proven = moment

    def broke(self) -> None:
        """Say that changes may go unheard from now on."""
        self.proven = float("-inf")

    def drop(self, name: bytes) -> None:
        """Say that the sessions which *name* names changed: a session's key, or what many share."""
        self._cache.drop(name)

    def drop_all(self) -> None:
        """Say that any session may have changed."""
        self._cache.drop_all()

    async def wanted(self) -> None:
        """Return at once while the cache is in use, else when it is used again."""
        await self._cache.in_use()


Version = Callable[[], int | None]
"""Tells a number that every change of the store changes, None where it is not known; at once."""


class SessionCache:
    """Holds at most *most* sessions; *monotonic* is in seconds. With neither channels nor *version* it
    holds none."""

    def __init__(
        self,
        channels: int,
        *,
        monotonic: Callable[[], float],
        version: Version | None = None,
        fresh: float = FRESH,
        most: int = MOST,
    ) -> None:
        self._version = version
        self._seen: int | None = None
        self._monotonic = monotonic
        self._fresh = fresh
        self._most = most if channels or version is not None else 0
        self._held: dict[bytes, Held] = {}
        self._named: dict[bytes, set[bytes]] = {}
        self._drops = 0
        self._used_at = float("-inf")
        self._use = asyncio.Event()
        self.channels: Sequence[Channel] = tuple(Channel(self) for _ in range(channels))

    def find(self, key: bytes) -> Held | None:
        """Return the session under *key* where it is held and cannot have ended unheard."""
        if not self._most or not self._is_as_it_was():
            return None
        now = self._used_at = self._monotonic()
        if not self._use.is_set():
            self._use.set()
        held = self._held.get(key)
        return held if held is not None and self._is_proven(now) else None

    def ticket(self) -> Ticket:
        """Return what must be taken before a session is read that is then to be kept."""
        self._is_as_it_was()
        return Ticket(drops=self._drops)

    def keep(self, key: bytes, held: Held, ticket: Ticket) -> None:
        """Hold what was read after *ticket*, unless news came since."""
        if ticket.drops != self._drops or not self._most:
            return
        self._forget(key)
        if len(self._held) >= self._most:
            self._forget(next(iter(self._held)))
        self._held[key] = held
        for name in held.names:
            self._named.setdefault(name, set()).add(key)

    def drop(self, name: bytes) -> None:
        """Forget the sessions that *name* names, and whatever is being read at this moment."""
        self._drops += 1
        self._forget(name)
        for key in tuple(self._named.get(name, ())):
            self._forget(key)

    def drop_all(self) -> None:
        """Forget every session, and whatever is being read at this moment."""
        self._drops += 1
        self._held.clear()
        self._named.clear()

    async def in_use(self) -> None:
        """Return at once while the cache was used within `QUIET` seconds, else at its next use."""
        if self._monotonic() - self._used_at > QUIET:
            self._use.clear()
            await self._use.wait()

    async def is_proven(self, *, within: float = 0.25) -> bool:
        """Say whether every channel proves itself, waiting for that at most *within* seconds."""
        try:
            async with asyncio.timeout(within):
                while not self._is_proven(self._monotonic()):
                    self.find(b"")
                    await asyncio.sleep(self._fresh / 8)
        except TimeoutError:
            return False
        return True

    def _is_as_it_was(self) -> bool:
        """Ask a store that can say so whether it changed, and drop everything where it did or cannot say."""
        if self._version is None:
            return True
        version = self._version()
        if version != self._seen:
            self._seen = version
            self.drop_all()
        return version is not None

    def _forget(self, key: bytes) -> None:
        held = self._held.pop(key, None)
        for name in held.names if held is not None else ():
            keys = self._named[name]
            keys.discard(key)
            if not keys:
                del self._named[name]

    def _is_proven(self, now: float) -> bool:
        fresh = self._fresh
        return all(now - channel.proven <= fresh for channel in self.channels)
