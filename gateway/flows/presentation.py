"""Presentation: a refresh token presented under its grant's lock, and what comes of that.

Laws: the lock is kept alive while the issuer is waited for; both new tokens are written before anybody
uses either; a refusal is believed only if the store still says what was presented.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.errors import (
    GrantForeign,
    GrantRefused,
    IssuerUnavailable,
    RefreshUnverified,
    StoreUnavailable,
    TokenRefused,
)
from gateway.flows.grants import FOREIGN, Grant, Grants
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.grant import GrantRecord, Lease, ProviderTokens
from gateway.model.session import Session

ONCE_MORE = 1
"""How often a token is presented again whose presenter died."""


class Issuer(Protocol):
    async def refresh(self, kept: ProviderTokens, *, subject: str, resource: str | None) -> ProviderTokens:
        """Present the refresh token once, for an access token for *resource*.

        Raises GrantRefused, GrantForeign, TokenRefused, IssuerUnavailable.
        """

    async def revoke(self, tokens: ProviderTokens) -> bool | None:
        """Have the issuer forget *tokens*. Raises IssuerUnavailable."""


class Results(Protocol):
    """Where it is written what came of a refresh. Raises StoreUnavailable."""

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

Written = Callable[[Grant, ProviderTokens, Session], None]
"""Hears of a session's grant the new tokens that were written in place of its own."""


def unheard(grant: Grant, new: ProviderTokens, session: Session) -> None:
    """Make nothing of it."""


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


class Presentations:
    """Presents refresh tokens whose lock the caller holds. *issuers* are by the id of their provider;
    *written* hears of each refresh."""

    def __init__(
        self,
        grants: Grants,
        *,
        store: Results,
        locks: Locks,
        issuers: Mapping[str, Issuer],
        end: Callable[[Session], Awaitable[None]],
        clock: Clock,
        monotonic: Callable[[], float],
        counts: Counts,
        audit: Audit,
        tell: Tell,
        written: Written = unheard,
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
        self._heard = written
        self._pace = pace

    async def present(
        self, grant: Grant, lease: Lease, session: Session, resource: str | None
    ) -> Grant | None:
        """Return *grant* with a fresh access token for *resource*, dead, or as another made it; None where
        it is gone. *lease* ends with that. Raises TokenRefused, IssuerUnavailable, StoreUnavailable.
        """
        async with self._alive(lease):
            if grant.record.presented > ONCE_MORE:
                return await self._bury(grant, lease, "interrupted")
            try:
                new = await self._asked(grant, resource)
            except GrantForeign as error:
                return await self._foreign(grant, lease, session, why=str(error))
            except GrantRefused:
                return await self._refused(grant, lease)
            except TokenRefused:
                await self._written(grant.record, lease)
                self._count(grant.record, "no_such_token")
                raise
            except RefreshUnverified as error:
                await self._unverified(grant, lease, error)
                raise
            except IssuerUnavailable as error:
                await self._postpone(grant.record, lease, why=str(error))
                raise
            return await self._replace(grant, lease, session, new)

    async def _asked(self, grant: Grant, resource: str | None) -> ProviderTokens:
        if grant.tokens is None:
            raise GrantRefused("the grant is dead")
        issuer = self._issuers[grant.record.provider]
        return await issuer.refresh(grant.tokens, subject=grant.record.subject, resource=resource)

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

    async def _replace(
        self, grant: Grant, lease: Lease, session: Session, new: ProviderTokens
    ) -> Grant | None:
        """Write the new tokens, both in one write, before anybody uses either."""
        record = self._grants.replaced(grant, new)
        rotated = grant.tokens is not None and new.refresh_token != grant.tokens.refresh_token
        tag = self._grants.tag_of(grant) if rotated else None
        outcome = self._grants.sealed_outcome(tag, new) if tag else ""
        if not await self._written(record, lease, tag=tag, outcome=outcome):
            return await self._in_vain(grant, new)
        self._count(record, "refreshed")
        self._tell("info", "tokens.refreshed", _facts(record, rotated=rotated))
        self._heard(grant, new, session)
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
        if grant.record.presented and found is not None and not moved(found.record, grant.record):
            await asyncio.sleep(self._pace.doubt)
            found = await self._reread(grant)
        if found is None or moved(found.record, grant.record):
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
        tag = self._grants.tag_of(grant)
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

    async def _unverified(self, grant: Grant, lease: Lease, error: RefreshUnverified) -> None:
        """Keep the refresh token that came in place of the spent one, and nothing else of that answer."""
        if grant.tokens is None:
            return
        new = replace(grant.tokens, refresh_token=error.refresh_token)
        tag = self._grants.tag_of(grant)
        outcome = self._grants.sealed_outcome(tag, new)
        record = self._grants.replaced(grant, new)
        if not await self._postpone(record, lease, why=str(error), tag=tag, outcome=outcome):
            await self._in_vain(grant, new)

    async def _postpone(
        self, record: GrantRecord, lease: Lease, *, why: str, tag: bytes | None = None, outcome: str = ""
    ) -> bool:
        """Remember that the issuer failed, for every node: it is left alone for a while."""
        record = replace(record, retry_at=int(self._clock()) + self._pace.pause)
        written = await self._written(record, lease, tag=tag, outcome=outcome)
        self._count(record, "outage")
        self._tell("warning", "tokens.refresh_failed", {**_facts(record), "error": why})
        return written

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

    def _count(self, record: GrantRecord, outcome: str) -> None:
        self._counts.token_refresh(provider=record.provider, outcome=outcome)


def moved(found: GrantRecord | None, known: GrantRecord) -> bool:
    """Say whether a grant changed since it was as *known*."""
    return found is None or found.version != known.version


def _facts(record: GrantRecord, **more: object) -> dict[str, object]:
    return {
        "user_id": record.user_id,
        "session_id": record.public_id,
        "provider": record.provider,
        **more,
    }
