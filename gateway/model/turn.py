"""What is written in one turn of an event loop goes out at its end, all together.

Whoever reads at the other end is woken by a write and would sleep again before the next one, and waking
costs more than writing does. Pieces for one connection become one.
"""

import asyncio
from typing import Protocol

MOST = 16 * 1024
"""Bytes that are held back for one connection; where there are more, they go out at once."""


class Transport(Protocol):
    """What takes bytes for the other end."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...


class Turn:
    """The connections that have something to write at the end of this turn."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Outbox] = []

    def add(self, outbox: "Outbox") -> None:
        """Flush *outbox* before the event loop waits for anything."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._end)
        self._waiting.append(outbox)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, []
        for outbox in waiting:
            outbox.flush()


class Outbox:
    """What one connection is to be sent.

    Whoever ends the connection, or writes to its transport by itself, flushes before. Nothing is held back
    where the transport itself could not send everything: its backpressure counts then.
    """

    __slots__ = ("_held", "_transport", "_turn", "size")

    def __init__(self, transport: Transport, turn: Turn) -> None:
        self._transport = transport
        self._turn = turn
        self._held: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> None:
        """Send *data*, after whatever was written before."""
        if self._held:
            self._held.append(data)
            self.size += len(data)
            if self.size > MOST:
                self.flush()
        elif len(data) > MOST or self._transport.get_write_buffer_size():
            self._transport.write(data)
        else:
            self._held.append(data)
            self.size = len(data)
            self._turn.add(self)

    def take_back(self, data: bytes) -> bool:
        """Forget everything that is held back where *data*, the very object, is the first of it; say whether
        it was."""
        if not self._held or self._held[0] is not data:
            return False
        self._held.clear()
        self.size = 0
        return True

    def flush(self) -> None:
        """Hand over everything that is held back; a transport that is closing takes nothing more."""
        held = self._held
        if not held:
            return
        data = held[0] if len(held) == 1 else b"".join(held)
        held.clear()
        self.size = 0
        if not self._transport.is_closing():
            self._transport.write(data)
