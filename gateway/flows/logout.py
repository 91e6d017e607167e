"""Logout: the presented session ends, and every cookie that could bring it back is cleared."""

from dataclasses import dataclass

from gateway.errors import StoreUnavailable
from gateway.flows.recent import RecentLogins
from gateway.model.event import Audit, AuditEvent
from gateway.model.inbound import Inbound
from gateway.model.session import Session
from gateway.sessions.strategy import Strategy, public_id


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut:
    """The Set-Cookie values that clear the session from the browser.

    `complete` is false where the store could not record an end that must be recorded.
    """

    cookies: tuple[bytes, ...]
    complete: bool = True


class Logout:
    """Ends the presented session, whatever state it is in."""

    def __init__(self, *, strategy: Strategy, recent: RecentLogins, audit: Audit) -> None:
        self._strategy = strategy
        self._recent = recent
        self._audit = audit

    async def leave(self, inbound: Inbound) -> LoggedOut:
        """End the session that *inbound* presents, if any; a store outage never keeps the cookie."""
        session = self._strategy.load(inbound.headers).session
        # A session was presented here: the next login is no loop.
        cookies = self._strategy.clear(inbound.headers) + self._recent.forget(inbound.headers)
        if session is None:
            return LoggedOut(cookies=cookies)
        try:
            user_id = await self._strategy.end(session)
        except StoreUnavailable as outage:
            self._tell(session, session.identity.user_id, inbound, failure=outage.code)
            return LoggedOut(cookies=cookies, complete=False)
        self._tell(session, user_id, inbound)
        return LoggedOut(cookies=cookies)

    def _tell(self, session: Session, user_id: str, inbound: Inbound, *, failure: str = "") -> None:
        self._audit(
            AuditEvent(
                name="logout",
                outcome="failure" if failure else "success",
                reason=failure,
                user_id=user_id,
                session_id=public_id(session.id),
                provider=session.provider,
                client_ip=inbound.client_ip,
                request_id=inbound.request_id,
            )
        )
