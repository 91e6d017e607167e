"""Sessions that this node knows to be ended, and those of them that the store does not know yet."""

import asyncio
from typing import Protocol

from gateway.errors import StoreUnavailable
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.sessions.strategy import public_id

MOST = 100_000


class Denylist(Protocol):
    async def deny(self, session_id: str, until: int) -> None:
        """Refuse the session everywhere, at least until Unix time *until*. Raises StoreUnavailable."""


class Endings:
    """Remembers endings until the session would have ended anyway, and retries to record them.

    At most *most* are kept: beyond, the oldest is left to what the store recorded. The time between
    two retries, *retry_every*, is in seconds.
    """

    def __init__(
        self,
        denylist: Denylist,
        *,
        clock: Clock,
        audit: Audit,
        retry_every: float = 1.0,
        most: int = MOST,
    ) -> None:
        self._denylist = denylist
        self._clock = clock
        self._audit = audit
        self._retry_every = retry_every
        self._most = most
        self._known: dict[str, int] = {}
        self._pending: dict[str, int] = {}
        self._missed: set[str] = set()
        self._retrying: asyncio.Task[None] | None = None

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._known

    def note(self, session_id: str, *, until: int) -> None:
        """Refuse the session on this node from now on."""
        if session_id not in self._known and len(self._known) >= self._most:
            self._make_room()
        self._known[session_id] = until

    async def record(self, session_id: str, *, until: int) -> None:
        """Refuse the session here at once and everywhere as soon as the store records it.

        Raises StoreUnavailable where it did not now; that is told, and retried until it does.
        """
        self.note(session_id, until=until)
        self._pending[session_id] = until
        try:
            await self._deny(session_id, until)
        except StoreUnavailable:
            self._missed.add(session_id)
            self._tell_unrecorded(session_id)
            raise
        finally:
            self._retry_later()

    async def settle(self) -> bool:
        """Try once to record what is not recorded yet; say whether all is."""
        for session_id, until in tuple(self._pending.items()):
            if until <= self._clock():
                self._give_up(session_id)
                continue
            try:
                await self._deny(session_id, until)
            except StoreUnavailable:
                return False
        return True

    async def close(self) -> None:
        """Stop retrying after one last attempt; what stays unrecorded is told."""
        if self._retrying is not None:
            self._retrying.cancel()
            await asyncio.wait([self._retrying])
        if not await self.settle():
            for session_id in self._pending:
                self._tell_unrecorded(session_id)

    async def _deny(self, session_id: str, until: int) -> None:
        await self._denylist.deny(session_id, until)
        if session_id in self._missed:
            self._tell("session.ending_recorded", session_id)
        self._give_up(session_id)

    def _give_up(self, session_id: str) -> None:
        self._pending.pop(session_id, None)
        self._missed.discard(session_id)

    def _retry_later(self) -> None:
        if self._pending and (self._retrying is None or self._retrying.done()):
            self._retrying = asyncio.get_running_loop().create_task(self._retry())

    async def _retry(self) -> None:
        while self._pending:
            await asyncio.sleep(self._retry_every)
            await self.settle()

    def _make_room(self) -> None:
        now = self._clock()
        for session_id in [known for known, until in self._known.items() if until <= now]:
            del self._known[session_id]
        if len(self._known) >= self._most:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._give_up(oldest)

    def _tell_unrecorded(self, session_id: str) -> None:
        self._tell("session.ending_unrecorded", session_id, outcome="failure", reason=StoreUnavailable.code)

    def _tell(self, name: str, session_id: str, *, outcome: str = "success", reason: str = "") -> None:
        self._audit(AuditEvent(name=name, outcome=outcome, reason=reason, session_id=public_id(session_id)))
