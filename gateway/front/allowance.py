"""What a client may send through a WebSocket: messages of some size, frames so often, none that creeps.

Law: heads of frames are counted, and nothing is inflated, unmasked or joined. A compressed message counts
as it comes; what it becomes is the app's to bound.
"""

from collections.abc import Callable
from math import inf

from gateway.front.frames import POLICY, TOO_BIG, Frames

_CONTROL = 0x08
_FINAL = 0x80
_BURST = 1.0  # seconds' worth of frames that may come at once
_ROUNDING = 1e-6
_PACE = 0.05  # seconds for which one that floods is held back at least: frames then go on in lots


class NotAllowed(Exception):
    """The client sent what it may not: the `code` to close with, and the `reason` for the log."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Allowance(Frames):
    """Follows what a client sends and says how far it may go on.

    `message` is how many bytes one message may hold, all its fragments together, and `frames` how many
    may begin in a second, None for any number. A frame that has begun may keep us waiting for *patience*
    seconds, and longer where it comes with *rate* bytes a second; only time counts for which it is waited
    for. *now* is in seconds.
    """

    __slots__ = (
        "_full_at",
        "_held",
        "_interval",
        "_most",
        "_now",
        "_patience",
        "_rate",
        "_since",
        "_size",
        "_waited",
        "wait",
    )

    def __init__(
        self,
        *,
        message: int | None,
        frames: int | None,
        patience: float,
        rate: int,
        now: Callable[[], float],
    ) -> None:
        super().__init__()
        self._most = message
        self._interval = 1 / frames if frames else 0.0
        self._patience = patience
        self._rate = rate
        self._now = now
        self._full_at = 0.0
        self._held = 0
        self._since = inf
        self._size = 0
        self._waited = 0.0
        self.wait = 0.0

    def follow(self, data: bytes, at: int = 0) -> int:
        """Return how far *data* may go on now; where that is *at*, it may after `wait` seconds.

        Raises NotAllowed at a frame that makes its message too large.
        """
        if self._since < inf:
            self._count()
        return super().follow(data, at)

    def wait_for_more(self, *, on: bool) -> None:
        """Note whether the client is waited for from now on."""
        if on is (self._since < inf):
            return
        if on:
            self._since = self._now()
        else:
            self._count()
            self._since = inf

    def _count(self) -> None:
        now = self._now()
        self._waited += now - self._since
        self._since = now

    @property
    def overdue_at(self) -> float:
        """When a frame that has begun and not ended is over; never where nobody waits for it."""
        if not self._left and not self._head:
            return inf
        come = len(self._head) or self._size - self._left
        return self._since + max(self._patience, come / self._rate) - self._waited

    def overdue(self) -> NotAllowed:
        """Return what is said of a frame that does not come."""
        return NotAllowed(POLICY, "websocket.slow_frame")

    def _may_begin(self) -> bool:
        if self._interval:
            now = self._now()
            full_at = max(self._full_at, now) + self._interval
            over = full_at - now - _BURST
            if over > _ROUNDING:
                self.wait = max(over, _PACE)
                return False
            self._full_at = full_at
        self._waited = 0.0
        return True

    def _begun(self, *, first: int, length: int) -> None:
        self._size = length
        if self._most is None:
            return
        if first & _CONTROL:  # stands between the fragments of a message, and is none of it
            self._fits(length, self._most)
            return
        final = bool(first & _FINAL)
        # An empty fragment that is not the last would go on for ever at no cost.
        self._held += length or (not final)
        self._fits(self._held, self._most)
        if final:
            self._held = 0

    def _fits(self, size: int, most: int) -> None:
        if size > most:
            raise NotAllowed(TOO_BIG, "websocket.message_too_large")
