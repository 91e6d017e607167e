"""Lines on their way out: a slow or broken output costs lines, never a request.

A thread of its own writes; the event loop only appends to a queue. A full queue drops and counts.
"""

from collections import deque
from collections.abc import Sequence
from threading import Event, Lock, Thread
from typing import Protocol

CAPACITY = 8192
_GATHER = 0.02
# What a pipe takes whole: several processes that write to one never tear each other's lines (PIPE_BUF).
_WHOLE = 4096


class Writable(Protocol):
    """A binary stream."""

    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


class Sink:
    """A bounded queue in front of a stream; `dropped` counts the lines that never got out."""

    def __init__(self, stream: Writable, *, capacity: int = CAPACITY) -> None:
        self._stream = stream
        self._capacity = capacity
        self._lines: deque[bytes] = deque()
        self._filled = Event()
        self._closing = Event()
        self._lock = Lock()
        self._thread: Thread | None = None
        self.dropped = 0

    def put(self, line: bytes) -> None:
        """Queue one line, its end included; never waits."""
        if len(self._lines) >= self._capacity or self._closing.is_set():
            self.dropped += 1
            return
        self._lines.append(line)
        if not self._filled.is_set():
            self._wake()

    def close(self, *, patience: float = 2.0) -> None:
        """Write what is queued, for at most *patience* seconds, and end the thread."""
        with self._lock:
            self._closing.set()
            self._filled.set()
            thread = self._thread
        if thread is not None:
            thread.join(patience)
        self.dropped += len(self._lines)

    def _wake(self) -> None:
        with self._lock:
            self._filled.set()
            if self._thread is None:
                self._thread = Thread(target=self._run, name="log-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._filled.wait()
            self._closing.wait(_GATHER)
            self._filled.clear()
            while self._lines:
                self._write(self._batch())
            if self._closing.is_set():
                return

    def _batch(self) -> Sequence[bytes]:
        """Take as many lines as one write keeps together."""
        batch = [self._lines.popleft()]
        size = len(batch[0])
        while self._lines and (size := size + len(self._lines[0])) <= _WHOLE:
            batch.append(self._lines.popleft())
        return batch

    def _write(self, lines: Sequence[bytes]) -> None:
        try:
            self._stream.write(b"".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            self.dropped += len(lines)
