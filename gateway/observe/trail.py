"""Events on their way to the audit trail: whatever becomes of it, no request waits or fails.

Laws: `put` only appends to a bounded queue; one task writes, in batches and in order; what cannot
be written is tried again while the queue has room, then dropped and counted. Everything is in the
log as well, whose lines do not depend on the database. What anybody can send us without having been
here, a cookie that never opened or the end of a login that never began, is in the log alone (rule
S26); other refusals and failures have an allowance, so that nobody fills the disk.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from itertools import islice
from typing import Protocol

from gateway.errors import LoginExpired, StoreUnavailable
from gateway.model.event import AuditEvent, Clock
from gateway.observe.redact import scrubbed

CAPACITY = 4096
BATCH = 64  # entries whose rows are made in one go, while nothing else runs
_GATHER = 0.1
_RETRY = 1.0
_PATIENCE = 2.0
_EVERY = 3600.0


class AuditStore(Protocol):
    """Where entries end up; both raise StoreUnavailable for an outage."""

    async def append(self, entries: Sequence[tuple[int, AuditEvent]]) -> None: ...

    async def sweep(self, before: int) -> int:
        """Remove some of what is older than *before*; return how many entries that were."""


class TrailCounts(Protocol):
    def audit_dropped(self, reason: str, count: int) -> None: ...


class Told(Protocol):
    """The log, as the trail speaks of itself."""

    def audit(self, event: AuditEvent) -> None: ...

    def event(self, level: str, name: str, facts: dict[str, object]) -> None: ...


class Allowance:
    """So many at once, and so many a second after that."""

    def __init__(self, *, burst: float, per_second: float) -> None:
        self._burst = self._left = burst
        self._per_second = per_second
        self._at = 0.0

    def admits(self, now: float) -> bool:
        """Say whether one more fits at *now*, in seconds of whatever clock."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._per_second)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Trail:
    """A queue in front of the audit trail. *keep* is how many seconds entries stay, None for ever.

    *retry* and *gather* are the pauses, in seconds, after a failure and before a batch.
    """

    def __init__(
        self,
        store: AuditStore,
        *,
        clock: Clock,
        keep: float | None,
        log: Told,
        counts: TrailCounts,
        capacity: int = CAPACITY,
        retry: float = _RETRY,
        gather: float = _GATHER,
    ) -> None:
        self._store = store
        self._clock = clock
        self._keep = keep
        self._log = log
        self._counts = counts
        self._capacity = capacity
        self._retry = retry
        self._gather = gather
        self._queue: deque[tuple[int, AuditEvent]] = deque()
        self._filled = asyncio.Event()
        self._closing = asyncio.Event()
        self._failing = False
        self._swept = 0
        self._nobody = Allowance(burst=100, per_second=1)
        self._somebody = Allowance(burst=500, per_second=5)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write and to sweep, until `close`."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def keep_for(self, seconds: float | None) -> None:
        """Let entries stay for *seconds*, None for ever; the next sweep goes by it."""
        self._keep = seconds

    def put(self, event: AuditEvent) -> None:
        """Queue *event*; never waits and never raises."""
        now = self._clock()
        if _of_a_stranger(event):
            return
        if event.outcome != "success" and not self._allowance(event).admits(now):
            self._counts.audit_dropped("limit", 1)
        elif len(self._queue) >= self._capacity:
            self._counts.audit_dropped("full", 1)
        else:
            self._queue.append((int(now), fit(event)))
            self._filled.set()

    async def close(self, *, patience: float = _PATIENCE) -> None:
        """Write what is queued, for at most *patience* seconds; the rest is dropped and counted."""
        self._closing.set()
        self._filled.set()
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=patience)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task])
        self._drop(len(self._queue), "unwritten")

    def _allowance(self, event: AuditEvent) -> Allowance:
        return self._somebody if event.user_id or event.session_id else self._nobody

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if loop.time() >= due:
                more = await self._sweep()
                due = loop.time() + (0.0 if more else _EVERY)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._filled.wait(), due - loop.time())
            await self._pause(self._gather)
            self._filled.clear()
            await self._drain()
            if self._closing.is_set():
                return

    async def _drain(self) -> None:
        while self._queue:
            batch = list(islice(self._queue, BATCH))
            if await self._append(batch):
                for _ in batch:
                    self._queue.popleft()
            elif self._closing.is_set():
                return
            else:
                await self._pause(self._retry)

    async def _append(self, batch: Sequence[tuple[int, AuditEvent]]) -> bool:
        """Write *batch*; say whether it is done with."""
        try:
            await self._store.append(batch)
        except StoreUnavailable as outage:
            self._tell_failure(outage)
            return False
        except Exception as fault:  # a fault of ours must not stop those that follow
            self._tell_failure(fault)
            self._counts.audit_dropped("unwritten", len(batch))
            return True
        if self._failing:
            self._failing = False
            self._log.event("info", "audit.resumed", {})
        return True

    async def _sweep(self) -> bool:
        """Remove some of what is too old; say whether there may be more of it."""
        if self._keep is None:
            return False
        try:
            gone = await self._store.sweep(int(self._clock() - self._keep))
        except Exception as fault:  # whatever it is, entries are written on
            self._log.event("warning", "audit.unswept", {"error": fault})
            return False
        self._swept += gone
        if not gone and self._swept:
            told = f"{self._swept} entries older than {self._keep:.0f} s"
            event = AuditEvent(name="audit.swept", detail=told)
            self._swept = 0
            self._log.audit(event)
            self.put(event)
        return gone > 0

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def _tell_failure(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            outage = {"detail": str(error)} if isinstance(error, StoreUnavailable) else {}
            self._log.event("error", "audit.unwritten", {**outage, "error": error})

    def _drop(self, count: int, reason: str) -> None:
        if count:
            self._counts.audit_dropped(reason, count)
            self._log.event("error", "audit.dropped", {"entries": count})
            self._queue.clear()


def _of_a_stranger(event: AuditEvent) -> bool:
    if event.user_id or event.session_id or event.outcome == "success":
        return False
    return event.name.startswith("session.") or event.reason == LoginExpired.code


def fit(event: AuditEvent) -> AuditEvent:
    """Return *event* as an entry may hold it: every text bounded, printable, without a secret."""
    return AuditEvent(**{name: scrubbed(getattr(event, name)) for name in _TEXTS})


_TEXTS = tuple(field.name for field in fields(AuditEvent))
