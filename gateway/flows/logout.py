"""Logout: the presented session ends, alone or with its user's others, and its cookies are cleared."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import LoginRequired, SessionRejected, StoreUnavailable
from gateway.flows.recent import RecentLogins
from gateway.model.event import Audit, AuditEvent
from gateway.model.inbound import Inbound
from gateway.model.session import Session
from gateway.sessions.strategy import Strategy, public_id


class Hints(Protocol):
    async def hint(self, session: Session) -> str | None:
        """Return the ID token that was kept for *session*; never raises for an outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """The Set-Cookie values that clear the session from the browser.

    `complete` is false where the store could not record an end that must be recorded. `session` is
    the one that ended, and `hint` its ID token, where the logout goes on to the issuer.
    """

    cookies: tuple[bytes, ...]
    complete: bool = True
    session: Session | None = None
    hint: str | None = field(default=None, repr=False)


class Logout:
    """Ends the presented session, whatever state it is in."""

    def __init__(self, *, strategy: Strategy, recent: RecentLogins, hints: Hints, audit: Audit) -> None:
        self._strategy = strategy
        self._recent = recent
        self._hints = hints
        self._audit = audit

    async def leave(
        self, inbound: Inbound, *, everywhere: bool = False, federated: bool = False
    ) -> LoggedOut:
        """End the session that *inbound* presents, if any; a store outage never keeps the cookie.

        *everywhere* ends every session of its user, if it holds at this moment. *federated* takes
        along what the issuer wants to see.
        """
        session = self._strategy.load(inbound.headers).session
        # A session was presented here: the next login is no loop.
        cookies = self._strategy.clear(inbound.headers) + self._recent.forget(inbound.headers)
        if session is None:
            return LoggedOut(cookies=cookies)
        hint = await self._hints.hint(session) if federated else None
        scope = "all" if everywhere else "this"
        try:
            await (self._end_all(session) if everywhere else self._strategy.end(session))
        except StoreUnavailable as outage:
            self._tell(session, inbound, scope, failure=outage.code)
            return LoggedOut(cookies=cookies, complete=False)
        self._tell(session, inbound, scope)
        return LoggedOut(cookies=cookies, session=session, hint=hint)

    async def leave_others(self, inbound: Inbound) -> tuple[bytes, ...]:
        """End every other session of the caller; return the Set-Cookie values that keep this one.

        Raises LoginRequired where no session holds at this moment, StoreUnavailable with nothing
        ended.
        """
        loaded = self._strategy.load(inbound.headers).session
        if loaded is None:
            raise LoginRequired("ending other sessions")
        try:
            await self._strategy.confirm(loaded)
            # As it is in the cookie now: what was just read might not fit there any more.
            kept = await self._strategy.end_others(loaded)
        except SessionRejected as rejection:
            raise LoginRequired("ending other sessions") from rejection
        self._tell(kept, inbound, "others")
        return self._strategy.cookies(kept, inbound.headers)

    async def _end_all(self, session: Session) -> None:
        """End all sessions on the word of one that holds; a stale copy ends itself alone."""
        try:
            await self._strategy.end_all(await self._strategy.confirm(session))
        except SessionRejected:
            await self._strategy.end(session)
        except StoreUnavailable:
            with suppress(StoreUnavailable):
                await self._strategy.end(session)
            raise

    def _tell(self, session: Session, inbound: Inbound, scope: str, *, failure: str = "") -> None:
        self._audit(
            AuditEvent(
                name="logout",
                outcome="failure" if failure else "success",
                reason=failure,
                user_id=session.identity.user_id,
                session_id=public_id(session.id),
                provider=session.provider,
                client_ip=inbound.client_ip,
                request_id=inbound.request_id,
                detail=scope,
            )
        )
