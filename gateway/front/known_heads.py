"""Heads that were understood on any connection, by all of their bytes but the target.

A proxy in front shares its connections among many people, and browsers open several: the same head
comes again, but not where it came before.
"""

from gateway.front.connection import Previous

MOST = 1024
"""Heads kept; what is kept of one is a few times its size."""

_END_OF_TARGET = b" HTTP/1.1\r\n"
_LONGEST_LINE = 8 * 1024


class KnownHeads:
    """The last heads that may be known again; when there are too many, all are forgotten."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._known: dict[bytes, Previous] = {}

    def note(self, previous: Previous) -> None:
        """Keep *previous*, where it can be known again."""
        if not previous.rest:
            return
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[previous.rest] = previous

    def recall(self, data: bytes, *, peer: str) -> Previous | None:
        """Return what *data* repeats but for its target, and from the same *peer*; None where that is new."""
        end = data.find(_END_OF_TARGET, 0, _LONGEST_LINE)
        known = self._known.get(data[end:]) if end > 0 else None
        return known if known is not None and known.inbound.peer == peer else None
