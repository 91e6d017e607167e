"""Arrival: somebody proved who they are, and this browser gets their session.

Laws: the session is new whatever was presented (fixation, rule S01), and a valid old one ends once
the new one stands; it is begun and recorded whole, also for a browser that hangs up meanwhile; a
browser that signs in again and again and keeps no session is told so.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.flows.recent import RecentLogins
from gateway.flows.sign_ins import visitor_of
from gateway.model.identity import User, VerifiedLogin
from gateway.model.inbound import Inbound
from gateway.model.session import Session
from gateway.sessions.strategy import Strategy
from gateway.uninterrupted import uninterrupted


class Live(Protocol):
    async def live(self, inbound: Inbound) -> Session | None:
        """Return the presented session if it passes the store's lookup at this moment."""
        ...


class Book(Protocol):
    async def begin(
        self, session: Session, login: VerifiedLogin, inbound: Inbound, *, replaced: Session | None
    ) -> Sequence[bytes]:
        """Record that *session* began, in the place of *replaced*; return the keys of those that it ended.

        Raises StoreUnavailable.
        """


Settle = Callable[[Session | None], Awaitable[User]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The session that began, and the Set-Cookie values that leave it in the browser."""

    session: Session
    cookies: tuple[bytes, ...]


class Arrivals:
    """Begins sessions, whichever way somebody signed in."""

    def __init__(self, *, recent: RecentLogins, strategy: Strategy, live: Live, book: Book) -> None:
        self._recent = recent
        self._strategy = strategy
        self._live = live
        self._book = book

    async def arrive(
        self, login: VerifiedLogin, settle: Settle, *, inbound: Inbound, persistent: bool
    ) -> Arrival:
        """Return the new session of the user whom *settle* names.

        *settle* is given the presented session if it is live. Raises what it raises, LoginLoop,
        SessionTooLarge and StoreUnavailable.
        """
        held = self._strategy.load(inbound.headers).session is not None
        counted = self._recent.forget(inbound.headers) if held else (self._recent.note(inbound.headers),)
        old = await self._live.live(inbound) if held else None
        user = await settle(old)
        session = self._strategy.issue(login, user, persistent=persistent)
        cookies = self._strategy.cookies(session, inbound.headers)
        await uninterrupted(self._begin(session, login, inbound, old))
        return Arrival(session=session, cookies=(*cookies, *counted))

    async def _begin(
        self, session: Session, login: VerifiedLogin, inbound: Inbound, old: Session | None
    ) -> None:
        await self._strategy.begin(session, visitor_of(inbound))
        await self._strategy.let_go(await self._book.begin(session, login, inbound, replaced=old))
        if old is not None:
            await self._strategy.end(old)
