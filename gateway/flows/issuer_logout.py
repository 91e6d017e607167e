"""Logout by the issuer: a token to us (back channel), or a page of its own in the browser (front channel).

Laws: a token ends what it names at its own issuer and nothing else; it counts once, on whatever
node. The front channel ends the session that the browser presents, and only if issuer and `sid` are
that session's own (rule S18).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import LogoutRefused, NoSuchPage, SessionRejected, StoreUnavailable, Unavailable
from gateway.flows.recent import RecentLogins
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.inbound import Inbound
from gateway.model.session import Session
from gateway.relying_party.logout_token import LogoutNotice
from gateway.sessions.strategy import SKEW, Strategy, public_id


class Announcer(Protocol):
    async def verify_logout(self, raw: str) -> LogoutNotice:
        """Return what a logout token says. Raises LogoutRefused, IssuerUnavailable."""


class IssuerEndings(Protocol):
    async def end_by_issuer(
        self, issuer: str, *, sid: str | None, subject: str | None, notice: bytes, until: int
    ) -> int | None:
        """End what an issuer named; None where *notice* was obeyed before. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """What the front channel leaves: Set-Cookie values; `complete` is false where the store missed it."""

    cookies: tuple[bytes, ...] = ()
    complete: bool = True


class IssuerLogout:
    """Obeys issuers, each by the id of its provider. *max_age* is the longest life of a session."""

    def __init__(
        self,
        *,
        announcers: Mapping[str, Announcer],
        endings: IssuerEndings,
        strategy: Strategy,
        recent: RecentLogins,
        max_age: int,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._announcers = announcers
        self._endings = endings
        self._strategy = strategy
        self._recent = recent
        self._max_age = max_age
        self._audit = audit
        self._clock = clock

    async def announced(self, provider_id: str, raw: str) -> None:
        """End what the logout token *raw* names.

        Raises LogoutRefused with nothing ended, NoSuchPage, IssuerUnavailable, StoreUnavailable.
        """
        announcer = self._known(provider_id)
        try:
            notice = await announcer.verify_logout(raw)
            ended = await self._obey(notice)
        except LogoutRefused:
            self._tell("logout.backchannel", provider_id, outcome="refused", reason=LogoutRefused.code)
            raise
        except Unavailable as outage:  # the issuer is told to come again, and may not
            self._tell("logout.backchannel", provider_id, outcome="failure", reason=outage.code)
            raise
        self._tell("logout.backchannel", provider_id, detail=f"{ended} ended")

    async def framed(self, provider_id: str, *, issuer: str, sid: str, inbound: Inbound) -> Framed:
        """End the session that *inbound* presents if it is *issuer*'s session *sid*. Raises NoSuchPage."""
        self._known(provider_id)
        try:
            session = await self._presented(inbound)
        except StoreUnavailable as outage:
            self._tell("logout.frontchannel", provider_id, outcome="failure", reason=outage.code)
            return Framed(complete=False)
        if session is None or (session.provider, session.issuer, session.issuer_sid) != (
            provider_id,
            issuer,
            sid,
        ):
            return Framed()
        cookies = self._strategy.clear(inbound.headers) + self._recent.forget(inbound.headers)
        try:
            await self._strategy.end(session)
        except StoreUnavailable as outage:
            self._tell(
                "logout.frontchannel", provider_id, session=session, outcome="failure", reason=outage.code
            )
            return Framed(cookies=cookies, complete=False)
        self._tell("logout.frontchannel", provider_id, session=session)
        return Framed(cookies=cookies)

    async def _presented(self, inbound: Inbound) -> Session | None:
        session = self._strategy.load(inbound.headers).session
        if session is None:
            return None
        try:
            return await self._strategy.identified(session)
        except SessionRejected:
            return None

    async def _obey(self, notice: LogoutNotice) -> int:
        ended = await self._endings.end_by_issuer(
            notice.issuer,
            sid=notice.sid,
            subject=notice.subject,
            notice=_named(notice),
            until=int(self._clock()) + self._max_age + SKEW,
        )
        if ended is None:
            raise LogoutRefused("logout token: this one was obeyed before")
        self._strategy.distrust()
        return ended

    def _known(self, provider_id: str) -> Announcer:
        announcer = self._announcers.get(provider_id)
        if announcer is None:
            raise NoSuchPage("no such provider")
        return announcer

    def _tell(
        self,
        name: str,
        provider: str,
        *,
        session: Session | None = None,
        outcome: str = "success",
        reason: str = "",
        detail: str = "",
    ) -> None:
        self._audit(
            AuditEvent(
                name=name,
                outcome=outcome,
                reason=reason,
                user_id=session.identity.user_id if session else "",
                session_id=public_id(session.id) if session else "",
                provider=provider,
                detail=detail,
            )
        )


def _named(notice: LogoutNotice) -> bytes:
    """Return the name of *notice* among all that is used once."""
    parts = (b"logout", notice.issuer.encode(), notice.id.encode())
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
