"""Sessions that ended while nobody presented them: removed from the store, and told with why they ended.

The law of this file: what is looked at may be in use. So a session goes only where its record still is
the one that was judged, and stays where its record does not open here: another release, or a node whose
keys are ahead, may know it.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from gateway.errors import SealBroken, SessionRejected, StoreUnavailable
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.session import SessionRecord
from gateway.sessions.cache import SessionCache
from gateway.sessions.records import Records
from gateway.sessions.strategy import Policy, SessionBook, SessionStore
from gateway.sessions.verdicts import refusal

EVERY = 300.0
"""Seconds between two sweeps."""

AT_ONCE = 100
"""Sessions that are opened, and asked for, in one go."""

PAGES = 20
"""Pages of the store that one sweep looks through at most; the next one goes on behind them."""


class Sweep:
    """Removes from *store* what is over, and looks through the rest for what *book* has ended."""

    def __init__(
        self,
        policy: Policy,
        *,
        store: SessionStore,
        book: SessionBook,
        records: Records,
        cache: SessionCache,
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._policy = policy
        self._store = store
        self._book = book
        self._records = records
        self._cache = cache
        self._clock = clock
        self._audit = audit

    async def run(self) -> None:
        """Sweep now and from now on."""
        while True:
            try:
                await self.once()
            except StoreUnavailable:
                pass  # the next sweep comes, and the store tells of its outage itself
            except Exception as fault:  # one session that nobody foresaw must not keep all others
                reason = type(fault).__name__
                self._audit(AuditEvent(name="sessions.unswept", outcome="failure", reason=reason))
            await asyncio.sleep(EVERY)

    async def once(self) -> None:
        """Remove, and tell, every session that is over, and some of those that somebody ended."""
        await self._remove_over()
        await self._remove_ended()

    async def _remove_over(self) -> None:
        now = int(self._clock())
        idle = self._policy.idle_timeout
        while gone := await self._store.sweep(
            now=now,
            begun_before=now - self._policy.max_age,
            seen_before=None if idle is None else now - idle,
        ):
            ended: dict[bytes, str] = {}
            with suppress(StoreUnavailable):  # what their times say is true as well
                ended = await self._ended(gone)
            await self._tell(gone, {record.key: self._by_time(record, now) for record in gone} | ended)

    async def _remove_ended(self) -> None:
        for _ in range(PAGES):
            page = await self._store.page()
            if page is None:
                return
            if ended := await self._ended(page):
                gone = await self._store.discard([record for record in page if record.key in ended])
                await self._tell(gone, ended)

    async def _ended(self, records: Sequence[SessionRecord]) -> dict[bytes, str]:
        """Return, by key, why the database refuses sessions; without those that it lets be."""
        ended: dict[bytes, str] = {}
        for start in range(0, len(records), AT_ONCE):
            some = records[start : start + AT_ONCE]
            validities = await self._book.validities(some)
            for record in some:
                with suppress(SealBroken, SessionRejected):
                    if reason := refusal(self._records.read(record), validities[record.key]):
                        ended[record.key] = reason
        return ended

    def _by_time(self, record: SessionRecord, now: int) -> str:
        over = now >= min(record.ends_at, record.created_at + self._policy.max_age)
        return "absolute" if over else "idle"

    async def _tell(self, gone: Iterable[SessionRecord], reasons: Mapping[bytes, str]) -> None:
        """List *gone* no more, hold none of it, and tell why each had ended."""
        told = tuple(gone)
        for record in told:
            self._cache.drop(record.key)
            self._audit(
                AuditEvent(
                    name="session.swept",
                    reason=reasons[record.key],
                    user_id=record.user_id,
                    session_id=record.public_id,
                )
            )
        with suppress(StoreUnavailable):  # the list shows them until their absolute end then
            await self._book.forget_sessions([record.key for record in told])
