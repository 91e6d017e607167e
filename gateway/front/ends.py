"""The two ends of a connection that has left HTTP: the protocols that its transports then speak.

What comes they hand to what joins them, and to the loop they say how the other end is to be held back. One
that takes nothing of what it is written is given up in time, and so is one that is closed with something
left to take.
"""

import asyncio
from contextlib import suppress
from math import inf
from typing import Protocol

from gateway.front.frames import GOING_AWAY
from gateway.front.limits import Limits


class Owner(Protocol):
    """Whoever counts the connections of one side."""

    def forget(self, end: "End") -> None:
        """Count *end* out: its connection is gone."""
        ...


class Joint(Protocol):
    """What joins two ends; `open` until one of them or a rule has ended it."""

    open: bool

    def up(self, data: bytes) -> None:
        """Take what the client said."""
        ...

    def down(self, data: bytes) -> None:
        """Take what the upstream said."""
        ...

    def ended(self, end: "End") -> bool:
        """Hear that nothing more comes from *end*; say whether more may be sent there."""
        ...

    def lost(self, end: "End", exc: Exception | None) -> None:
        """Hear that *end* is gone."""
        ...

    def steer(self) -> None:
        """Hear that an end takes nothing for now, or takes something again."""
        ...

    def dismiss(self, code: int) -> None:
        """End it now, and tell the client *code*."""
        ...


class End(asyncio.Protocol):
    """One of the two.

    `transport` is there from `begin` on; `ended` says that nothing more will come from here, `stalls_at`
    when it is given up, where it does not take what it is written.
    """

    __slots__ = ("_backlog", "_joint", "_last", "_owner", "_patience", "ended", "stalls_at", "transport")

    transport: asyncio.Transport
    _owner: Owner
    _patience: float

    def __init__(self, joint: Joint) -> None:
        self._joint = joint
        self._backlog = 0
        self._last: asyncio.TimerHandle | None = None
        self.ended = False
        self.stalls_at = inf

    def begin(
        self, transport: asyncio.Transport, *, owner: Owner, patience: float, full: bool, ended: bool = False
    ) -> None:
        """Take *transport* over from a protocol that found it *full*, or *ended*; *owner* hears when it is
        gone. For *patience* seconds it may take nothing."""
        self.transport = transport
        self._owner = owner
        self._patience = patience
        self.ended = ended
        if full:
            self._fill()
        transport.set_protocol(self)

    @property
    def full(self) -> bool:
        """Whether it has to take something first."""
        return self.stalls_at < inf

    def stalled(self, now: float) -> bool:
        """Say whether it has taken nothing for too long; one that is slow is waited for anew."""
        if now < self.stalls_at:
            return False
        if self.transport.get_write_buffer_size() >= self._backlog:
            return True
        self._fill()
        return False

    def end(self) -> None:
        """Say that nothing more is written, where the transport can say so without ending all."""
        if self.half_closes and not self.transport.is_closing():
            with suppress(OSError):  # it is gone already, of which we shall hear
                self.transport.write_eof()

    @property
    def half_closes(self) -> bool:
        return self.transport.can_write_eof()  # TLS ends both ways at once

    def close(self) -> None:
        """Close once everything written is taken; where it is not taken in time, by a cut."""
        self._rest()
        left = self.transport.get_write_buffer_size()
        self.transport.close()
        if left:
            self._last = asyncio.get_running_loop().call_later(self._patience, self.transport.abort)

    def abort(self) -> None:
        self.transport.abort()

    def _rest(self) -> None:
        if self._last is not None:
            self._last.cancel()
            self._last = None

    def _fill(self) -> None:
        self._backlog = self.transport.get_write_buffer_size()
        self.stalls_at = asyncio.get_running_loop().time() + self._patience

    # What the event loop calls.

    def eof_received(self) -> bool:
        return self._joint.ended(self)

    def pause_writing(self) -> None:
        self._fill()
        self._joint.steer()

    def resume_writing(self) -> None:
        self.stalls_at = inf
        self._joint.steer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        self._owner.forget(self)
        self._joint.lost(self, exc)


class Far(End):
    """The upstream's end."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        self._joint.down(data)


class Near(End):
    """The client's end, which stands where its connection stood among those of the public port."""

    __slots__ = ("_passing_by",)

    idle = False

    def __init__(self, joint: Joint) -> None:
        super().__init__(joint)
        self._passing_by = 0

    def data_received(self, data: bytes) -> None:
        if self._joint.open:
            self._joint.up(data)
            return
        self._passing_by -= len(data)
        if self._passing_by < 0:
            self.close()

    def linger(self, limits: Limits) -> None:
        """Say nothing more, and read on for a moment: a close with unread bytes is a reset that can take the
        last words with it (RFC 9112 9.6)."""
        self._passing_by = limits.linger_bytes
        self.end()
        self.transport.resume_reading()
        self._last = asyncio.get_running_loop().call_later(limits.linger_time, self.close)

    def wind_down(self) -> None:
        """End it: it may stay for hours, and only its two ends know when it may go."""
        self._joint.dismiss(GOING_AWAY)

    def force_close(self) -> None:
        self.close()
