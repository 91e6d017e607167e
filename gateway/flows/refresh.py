"""Refresh: one call for one grant, whoever needs it, on however many nodes (RFC 9700 4.14.2).

Laws: who works on a grant holds its lock and keeps that alive; that a refresh token is about to be
presented is written before, and what came of it before anybody uses it; a token known to be spent is
never presented; a refusal is believed only if the store still says what was presented. The work is
detached from every request: a client that hangs up half-finishes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Protocol

from gateway.errors import GrantForeign, GrantRefused, IssuerUnavailable, StoreUnavailable
from gateway.flows.grants import FOREIGN, Grant, Grants
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.grant import GrantRecord, Lease, ProviderTokens
from gateway.model.session import Session

AT_ONCE = 8
"""Refreshes under way at one issuer."""

WAITING = 1_000
"""Refreshes that wait for their turn at one issuer; beyond, they fail at once."""

ONCE_MORE = 1
"""How often a token is presented again whose presenter died."""


class Issuer(Protocol):
    async def refresh(self, kept: ProviderTokens, *, subject: str) -> ProviderTokens:
        """Present the refresh token once. Raises GrantRefused, GrantForeign, IssuerUnavailable."""

    async def revoke(self, tokens: ProviderTokens) -> bool | None:
        """Have the issuer forget *tokens*. Raises IssuerUnavailable."""


class Turn(Protocol):
    @property
    def lease(self) -> Lease: ...
    @property
    def record(self) -> GrantRecord | None: ...
    @property
    def noted(self) -> bool: ...
    @property
    def outcome(self) -> str | None: ...


class RefreshStore(Protocol):
    """Where it is written who refreshes what. Raises StoreUnavailable."""

    async def begin(
        self, record: GrantRecord, *, spent: bytes, holder: str, dead: Lease | None = None
    ) -> Turn: ...

    async def finish(
        self, record: GrantRecord, lease: Lease, *, spent: bytes | None = None, outcome: str = ""
    ) -> bool: ...

    async def find(self, key: bytes) -> GrantRecord | None: ...


class Locks(Protocol):
    async def extend(self, lease: Lease) -> Lease | None: ...


class Counts(Protocol):
    def token_refresh(self, *, provider: str, outcome: str) -> None: ...


Tell = Callable[[str, str, Mapping[str, object]], None]
"""Hears a level, the name of an event and its facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds: without a beat until a holder counts as dead, between beats, between looks at a lock
    that another holds, before a refusal is believed where another presented the token too, for which
    an issuer that failed is left alone, and for which what came of a refresh is tried to be written."""

    life: float = 5.0
    beat: float = 1.5
    look: float = 0.1
    doubt: float = 1.0
    pause: int = 5
    writing: float = 60.0


class Refreshes:
    """The refreshes under way in this process. *issuers* are by the id of their provider."""

    def __init__(
        self,
        grants: Grants,
        *,
        store: RefreshStore,
        locks: Locks,
        issuers: Mapping[str, Issuer],
        end: Callable[[Session], Awaitable[None]],
        clock: Clock,
        monotonic: Callable[[], float],
        counts: Counts,
        audit: Audit,
        tell: Tell,
        pace: Pace = Pace(),
    ) -> None:
        self._grants = grants
        self._store = store
        self._locks = locks
        self._issuers = issuers
        self._end = end
        self._clock = clock
        self._monotonic = monotonic
        self._counts = counts
        self._audit = audit
        self._tell = tell
        self._pace = pace
        self._flights: dict[bytes, asyncio.Task[Grant | None]] = {}
        self._queues = {provider: asyncio.Semaphore(AT_ONCE) for provider in issuers}
        self._waiting = dict.fromkeys(issuers, 0)

    def flight(self, grant: Grant, session: Session) -> "asyncio.Task[Grant | None]":
        """Return the work that refreshes *grant*, begun now unless it is under way.

        Its result is the grant as it is then, None where it is gone. It raises IssuerUnavailable and
        StoreUnavailable. Whoever waits for it must shield it.
        """
        key = grant.record.key
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._fly(grant, session))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    async def close(self) -> None:
        """Wait until everything under way is done and written."""
        while self._flights:
            await asyncio.wait(list(self._flights.values()))

    def _landed(self, key: bytes, flight: "asyncio.Task[Grant | None]") -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen, also where nobody waits any more

    async def _fly(self, grant: Grant, session: Session) -> Grant | None:
        async with self._place(grant.record.provider):
            turn = await self._turn(grant)
            if turn.record is None:
                return None
            if turn.outcome is not None:
                self._count(turn.record, "known")
                return self._grants.with_outcome(turn.record, self._tag(grant), turn.outcome)
            found = self._grants.opened(turn.record)
            if not turn.noted or found is None or found.tokens is None:
                return found
            return await self._work(found, found.tokens, turn.lease, session)

    @asynccontextmanager
    async def _place(self, provider: str) -> AsyncIterator[None]:
        """Wait for one of the places at an issuer, which bound what falls due in one moment."""
        queue = self._queues.get(provider)
        if queue is None or self._waiting[provider] >= WAITING:
            raise IssuerUnavailable(f"{provider}: no place for one more refresh")
        self._waiting[provider] += 1
        try:
            await queue.acquire()
        finally:
            self._waiting[provider] -= 1
        try:
            yield
        finally:
            queue.release()

    async def _turn(self, grant: Grant) -> Turn:
        """Wait until the grant's lock is ours, or what another did under it is written."""
        holder, tag = token_hex(16), self._tag(grant)
        seen: Lease | None = None
        since = self._monotonic()
        while True:
            over = self._monotonic() - since >= self._pace.life
            turn = await self._store.begin(
                grant.record, spent=tag, holder=holder, dead=seen if over else None
            )
            if turn.lease.holder == holder or _moved(turn.record, grant.record):
                return turn
            if seen is None or (seen.holder, seen.beat) != (turn.lease.holder, turn.lease.beat):
                seen, since = turn.lease, self._monotonic()
            await asyncio.sleep(self._pace.look)

    async def _work(
        self, grant: Grant, tokens: ProviderTokens, lease: Lease, session: Session
    ) -> Grant | None:
        async with self._alive(lease):
            if grant.record.presented > ONCE_MORE:
                return await self._bury(grant, lease, "interrupted")
            try:
                new = await self._issuers[grant.record.provider].refresh(tokens, subject=grant.record.subject)
            except GrantForeign as error:
                return await self._foreign(grant, lease, session, why=str(error))
            except GrantRefused:
                return await self._refused(grant, lease)
            except IssuerUnavailable as error:
                await self._postpone(grant, lease, why=str(error))
                raise
            return await self._replace(grant, lease, new)

    @asynccontextmanager
    async def _alive(self, lease: Lease) -> AsyncIterator[None]:
        """Renew *lease* while the body works."""
        beating = asyncio.get_running_loop().create_task(self._beat(lease))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait([beating])

    async def _beat(self, lease: Lease) -> None:
        held: Lease | None = lease
        while held is not None:
            await asyncio.sleep(self._pace.beat)
            with suppress(StoreUnavailable):
                held = await self._locks.extend(held)

    async def _replace(self, grant: Grant, lease: Lease, new: ProviderTokens) -> Grant | None:
        """Write the new tokens, both in one write, before anybody uses either."""
        record = self._grants.replaced(grant, new)
        rotated = grant.tokens is not None and new.refresh_token != grant.tokens.refresh_token
        tag = self._tag(grant) if rotated else None
        outcome = self._grants.sealed_outcome(tag, new) if tag else ""
        if not await self._written(record, lease, tag=tag, outcome=outcome):
            return await self._in_vain(grant, new)
        self._count(record, "refreshed")
        self._tell("info", "tokens.refreshed", _facts(record, rotated=rotated))
        return Grant(record=replace(record, version=record.version + 1), tokens=new)

    async def _in_vain(self, grant: Grant, new: ProviderTokens) -> Grant | None:
        """Return what there is instead; where the session ended meanwhile, nobody shall have *new*."""
        found = await self._reread(grant)
        self._count(grant.record, "overtaken")
        if found is None:
            with suppress(IssuerUnavailable):
                await self._issuers[grant.record.provider].revoke(new)
        return found

    async def _refused(self, grant: Grant, lease: Lease) -> Grant | None:
        """Believe a refusal if the store still says what was presented: another may have won."""
        found = await self._reread(grant)
        if grant.record.presented and found is not None and not _moved(found.record, grant.record):
            await asyncio.sleep(self._pace.doubt)
            found = await self._reread(grant)
        if found is None or _moved(found.record, grant.record):
            self._count(grant.record, "overtaken")
            return found
        return await self._bury(grant, lease, "refused")

    async def _foreign(self, grant: Grant, lease: Lease, session: Session, *, why: str) -> Grant | None:
        """End a session whose issuer now speaks of somebody else, and keep nothing of that."""
        buried = await self._bury(grant, lease, FOREIGN, detail=why)
        with suppress(StoreUnavailable):  # this node refuses it all the same, and goes on trying
            await self._end(session)
        return buried

    async def _bury(self, grant: Grant, lease: Lease, why: str, *, detail: str = "") -> Grant | None:
        """Mark the grant dead and wipe its tokens; only a new login brings others."""
        record = replace(grant.record, sealed="", dead=why)
        tag = self._tag(grant)
        outcome = self._grants.sealed_outcome(tag, None)
        if not await self._written(record, lease, tag=tag, outcome=outcome):
            return await self._reread(grant)
        self._count(record, why)
        self._audit(
            AuditEvent(
                name="tokens.refresh",
                outcome="refused",
                reason=why,
                user_id=record.user_id,
                session_id=record.public_id,
                provider=record.provider,
                detail=detail,
            )
        )
        return Grant(record=replace(record, version=record.version + 1), tokens=None)

    async def _postpone(self, grant: Grant, lease: Lease, *, why: str) -> None:
        """Remember that the issuer failed, for every node: it is left alone for a while."""
        record = replace(grant.record, retry_at=int(self._clock()) + self._pace.pause)
        await self._written(record, lease)
        self._count(record, "outage")
        self._tell("warning", "tokens.refresh_failed", {**_facts(record), "error": why})

    async def _written(
        self, record: GrantRecord, lease: Lease, *, tag: bytes | None = None, outcome: str = ""
    ) -> bool:
        """Write what came of a refresh, however long the store takes: nobody else has these tokens."""
        until = self._monotonic() + self._pace.writing
        while True:
            try:
                return await self._store.finish(record, lease, spent=tag, outcome=outcome)
            except StoreUnavailable:
                if self._monotonic() >= until:
                    self._tell("error", "tokens.refresh_unwritten", _facts(record))
                    raise
                await asyncio.sleep(self._pace.look)

    async def _reread(self, grant: Grant) -> Grant | None:
        record = await self._store.find(grant.record.key)
        return None if record is None else self._grants.opened(record)

    def _tag(self, grant: Grant) -> bytes:
        if grant.tokens is None or grant.tokens.refresh_token is None:
            raise GrantRefused("there is no refresh token")
        return self._grants.tag(grant.tokens.refresh_token)

    def _count(self, record: GrantRecord, outcome: str) -> None:
        self._counts.token_refresh(provider=record.provider, outcome=outcome)


def _moved(found: GrantRecord | None, known: GrantRecord) -> bool:
    """Say whether a grant changed since it was as *known*."""
    return found is None or found.version != known.version


def _facts(record: GrantRecord, **more: object) -> dict[str, object]:
    return {
        "user_id": record.user_id,
        "session_id": record.public_id,
        "provider": record.provider,
        **more,
    }
