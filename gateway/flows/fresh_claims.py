"""Claims that come with a refresh: what the issuer says of somebody by now, taken over beside their tokens.

Laws: nothing is asked with new tokens before they are written, and no request waits for it; what cannot
be had, or would make a login fail, leaves all as it was, and only the word that this person may not sign
in ends their session; a grant speaks for its account only where it was granted all that the last login
there was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

from gateway.errors import IssuerUnavailable, LoginFailed, StoreUnavailable, UserRefused
from gateway.flows.grants import Grant
from gateway.flows.places import Places
from gateway.flows.presentation import Tell
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.grant import GrantRecord, ProviderTokens
from gateway.model.identity import Account, VerifiedLogin
from gateway.model.session import Session

AT_ONCE = 2
"""Questions under way at one issuer, whose answers nobody waits for."""

CLOSING = 2.0
"""Seconds that a stop waits for answers."""


class Issuer(Protocol):
    async def retold(
        self, kept: ProviderTokens, *, before: ProviderTokens, subject: str
    ) -> VerifiedLogin | None:
        """Return what is said of *subject* with the refresh that made *before* into *kept*, None where
        nothing is. Raises UserRefused, LoginFailed, IssuerUnavailable."""


class Ledger(Protocol):
    """Users and accounts inside one write transaction; every verb raises StoreUnavailable."""

    async def account(self, provider: str, issuer: str, subject: str) -> Account | None: ...

    async def restate(self, account: Account, login: VerifiedLogin) -> tuple[str, ...]:
        """Take over what a provider says between two logins; return what that changes."""
        ...


class Books(Protocol):
    def ledger(self) -> AbstractAsyncContextManager[Ledger]: ...


class Counts(Protocol):
    def claims_refresh(self, *, provider: str, outcome: str) -> None: ...


class FreshClaims:
    """What issuers say when tokens are refreshed. *issuers* are by the id of their provider."""

    def __init__(
        self,
        books: Books,
        issuers: Mapping[str, Issuer],
        *,
        end: Callable[[Session], Awaitable[None]],
        clock: Clock,
        monotonic: Callable[[], float],
        counts: Counts,
        audit: Audit,
        tell: Tell,
    ) -> None:
        self._books = books
        self._issuers = issuers
        self._end = end
        self._places = Places(issuers, monotonic=monotonic, at_once=AT_ONCE)
        self._clock = clock
        self._counts = counts
        self._audit = audit
        self._tell = tell
        self._under_way: set[asyncio.Task[None]] = set()

    def take(self, grant: Grant, new: ProviderTokens, session: Session) -> None:
        """Begin to take over what comes with *new*, the written tokens in place of those of *grant*, which
        is that of *session*."""
        if grant.tokens is None:
            return
        work = asyncio.get_running_loop().create_task(self._take(grant.record, grant.tokens, new, session))
        self._under_way.add(work)
        work.add_done_callback(self._done)

    async def close(self, *, within: float = CLOSING) -> None:
        """Wait for what is under way, but for at most *within* seconds."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=within)
        for work in self._under_way:
            work.cancel()

    def _done(self, work: "asyncio.Task[None]") -> None:
        self._under_way.discard(work)
        if not work.cancelled():
            work.exception()  # seen

    async def _take(
        self, record: GrantRecord, before: ProviderTokens, new: ProviderTokens, session: Session
    ) -> None:
        began = int(self._clock())
        try:
            login = await self._retold(record, before, new)
            outcome = "unsaid" if login is None else await self._restated(record, login, began)
        except UserRefused as refusal:
            outcome = await self._refused(record, session, why=str(refusal))
        except (LoginFailed, IssuerUnavailable, StoreUnavailable) as error:
            outcome = "failed"
            facts = {"user_id": record.user_id, "session_id": record.public_id, "provider": record.provider}
            self._tell("warning", "claims.refresh_failed", {**facts, "error": str(error)})
        self._counts.claims_refresh(provider=record.provider, outcome=outcome)

    async def _retold(
        self, record: GrantRecord, before: ProviderTokens, new: ProviderTokens
    ) -> VerifiedLogin | None:
        async with self._places.one_at(record.provider):
            issuer = self._issuers[record.provider]
            return await issuer.retold(new, before=before, subject=record.subject)

    async def _restated(self, record: GrantRecord, login: VerifiedLogin, began: int) -> str:
        """Write what *login* says, and return what came of that."""
        async with self._books.ledger() as ledger:
            account = await ledger.account(record.provider, record.issuer, record.subject)
            if account is None or account.user_id != record.user_id:
                return "overtaken"
            if account.last_login_at >= began or not _covers(login.scope, account.scope):
                return "overtaken"
            changed = await ledger.restate(account, login)
        if not changed:
            return "unchanged"
        self._report(record, "success", detail=", ".join(changed))
        return "changed"

    async def _refused(self, record: GrantRecord, session: Session, *, why: str) -> str:
        """End a session whose person may not sign in there any more."""
        self._report(record, "refused", detail=why)
        with suppress(StoreUnavailable):  # this node refuses it all the same, and goes on trying
            await self._end(session)
        return "refused"

    def _report(self, record: GrantRecord, outcome: str, *, detail: str) -> None:
        self._audit(
            AuditEvent(
                name="account.updated",
                outcome=outcome,
                user_id=record.user_id,
                session_id=record.public_id,
                provider=record.provider,
                detail=detail,
            )
        )


def _covers(scope: str, wanted: str) -> bool:
    """Say whether *scope* has all of *wanted*: with less, an issuer may leave out what it said before."""
    return set(wanted.split()) <= set(scope.split())
