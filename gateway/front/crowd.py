"""The open connections: how many there may be, how many of one address, and who gives way.

The law: a newcomer is turned away only where its address has as many as one may have, or where all places
are taken and nobody idles; before that, who has idled without a request gives way (U04, U05).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""What a newcomer is told who is turned away: it has not asked anything yet, and shall cost nothing."""

_LOOKED_AT = 64


class Guest(Protocol):
    """A connection, as far as it is counted."""

    @property
    def idle(self) -> bool:
        """Whether it waits for a request of which nothing has come."""
        ...

    def force_close(self) -> None: ...


class Newcomer(Guest, Protocol):
    """A connection of which it is asked whose it is."""

    @property
    def peer(self) -> str: ...


class Counts(Protocol):
    def connection_opened(self) -> None: ...
    def connection_closed(self) -> None: ...
    def connection_refused(self, reason: str) -> None: ...


class Crowd:
    """At most *most* connections, and *most_of_one* of an address that is not *exempt* (None: any number)."""

    def __init__(
        self,
        *,
        most: int,
        most_of_one: int | None,
        exempt: Callable[[str], bool],
        counts: Counts,
    ) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._exempt = exempt
        self._counts = counts
        self._guests: dict[Guest, str] = {}
        self._of: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._guests)

    def __iter__(self) -> Iterator[Guest]:
        return iter(tuple(self._guests))

    def enter(self, guest: Newcomer) -> bool:
        """Count *guest* in and return True, or return False where there is no place for it."""
        peer = guest.peer
        if self._has_enough(peer):
            self._counts.connection_refused("address")
            return False
        if len(self._guests) >= self._most and not self._make_room():
            self._counts.connection_refused("all")
            return False
        self._guests[guest] = peer
        self._of[peer] += 1
        self._counts.connection_opened()
        return True

    def recount(self, guest: Newcomer) -> bool:
        """Count *guest* under the address that it has now; where that has enough, out, and return False."""
        former, peer = self._guests.get(guest), guest.peer
        if former is None:
            return False
        if peer == former:
            return True
        if self._has_enough(peer):
            self._counts.connection_refused("address")
            self.leave(guest)
            return False
        self._guests[guest] = peer
        self._of[peer] += 1
        self._uncount(former)
        return True

    def hand_on(self, former: Guest, guest: Guest) -> bool:
        """Give the place of *former* to *guest*; False where it had to give way meanwhile."""
        peer = self._guests.pop(former, None)
        if peer is None:
            return False
        self._guests[guest] = peer
        return True

    def leave(self, guest: Guest) -> None:
        """Count *guest* out; one that was never in is nobody's loss."""
        peer = self._guests.pop(guest, None)
        if peer is None:
            return
        self._counts.connection_closed()
        self._uncount(peer)

    def _has_enough(self, peer: str) -> bool:
        most = self._most_of_one
        return most is not None and self._of[peer] >= most and not self._exempt(peer)

    def _uncount(self, peer: str) -> None:
        self._of[peer] -= 1
        if not self._of[peer]:
            del self._of[peer]

    def _make_room(self) -> bool:
        """Close a connection that idles, the oldest first; look at a few only, and at others next time."""
        for guest in tuple(_first(self._guests, _LOOKED_AT)):
            if guest.idle:
                self.leave(guest)
                guest.force_close()
                return True
            self._guests[guest] = self._guests.pop(guest)
        return False


def _first(guests: dict[Guest, str], count: int) -> Iterator[Guest]:
    for _, guest in zip(range(count), guests, strict=False):
        yield guest
