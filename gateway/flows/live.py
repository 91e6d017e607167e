"""Live: what goes on after it was admitted, for exactly as long as it would be admitted again.

An event stream and an upgraded connection outlast the decision that let them in. So each of them is
asked about again every moment, by the same rules and with the session as it is now, and closed where
the answer has changed; the request path pays nothing for it. A session that many connections share is
asked about once. The law: a definite refusal closes at once, an outage only when it lasts.

A configuration that takes over judges also what it did not let in, by its sessions and by its keys:
what it would refuse does not outlast it for as long as nobody hangs up.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import IssuerUnavailable, SessionRejected, StoreUnavailable
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.route import Route
from gateway.model.session import Session
from gateway.routing.policy import Outcome, admit
from gateway.sessions.strategy import public_id

EVERY = 0.4
"""Seconds between two looks at a session, and from an answer's beginning until it counts as lasting:
together less than the second within which what is live ends with its session."""

PATIENCE = 30.0
"""Seconds that the store or an issuer may be silent about a session before what is live with it is closed."""

MOST = 20_000
"""Lasting answers and connections; what would be one more is closed."""

_ABREAST = 8
_AT_A_STRETCH = 32


class Rechecks(Protocol):
    async def recheck(self, session: Session, *, asks_for_roles: bool) -> Session:
        """Return *session* as it is now. Raises SessionRejected, StoreUnavailable, IssuerUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stay:
    """Something that lasts, as it was admitted; `end` closes it, and is told why.

    `cookies` are the `Cookie` lines of its request.
    """

    route: Route
    session: Session
    method: str
    client_ip: str
    request_id: str
    end: Callable[[str], None]
    cookies: Sequence[bytes] = ()


class _Guest:
    """One session and all that stays because of it."""

    __slots__ = ("session", "silent_since", "stays")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.stays: dict[Stay, None] = {}
        self.silent_since: float | None = None


class Live:
    """Watches what stays, in one task that runs while there is anything; times are in seconds."""

    def __init__(
        self,
        strategy: Rechecks,
        *,
        clock: Clock,
        monotonic: Callable[[], float],
        audit: Audit,
        every: float = EVERY,
        patience: float = PATIENCE,
        most: int = MOST,
    ) -> None:
        self._strategy = strategy
        self._clock = clock
        self._monotonic = monotonic
        self._audit = audit
        self._every = every
        self._patience = patience
        self._most = most
        self._guests: dict[str, _Guest] = {}
        self._count = 0
        self._rounds: asyncio.Task[None] | None = None
        self._opens: Callable[[Stay], bool] = lambda _: True

    def __len__(self) -> int:
        """How much is live."""
        return self._count

    @contextmanager
    def lasting(self, stay: Stay) -> Iterator[None]:
        """Watch over *stay* while the block runs, if it lasts."""
        # A timer costs less than a place among the guests, and most answers are over before it fires.
        timer = asyncio.get_running_loop().call_later(self._every, self.enter, stay)
        try:
            yield
        finally:
            timer.cancel()
            self.leave(stay)

    def enter(self, stay: Stay) -> None:
        """Watch over *stay* from now on, until it leaves."""
        if self._count >= self._most:
            self._close(stay, "too_many")
            return
        if not self._opens(stay):
            self._close(stay, "invalid")
            return
        guest = self._guests.setdefault(stay.session.id, _Guest(stay.session))
        if stay.session.lease_until > guest.session.lease_until:
            guest.session = stay.session
        guest.stays[stay] = None
        self._count += 1
        if self._rounds is None or self._rounds.done():
            # What it finds out is about none of the requests that are under way.
            self._rounds = asyncio.get_running_loop().create_task(self._go_round(), context=Context())

    def leave(self, stay: Stay) -> None:
        """Watch over *stay* no longer; one that was never watched over is nobody's loss."""
        guest = self._guests.get(stay.session.id)
        if guest is None or stay not in guest.stays:
            return
        del guest.stays[stay]
        self._count -= 1
        if not guest.stays:
            del self._guests[stay.session.id]

    def renewed(self, session: Session) -> None:
        """Go by *session*, on its new lease, where anything is live with it."""
        guest = self._guests.get(session.id)
        if guest is not None:
            guest.session = session

    def go_by(self, strategy: Rechecks, *, opens: Callable[[Stay], bool]) -> None:
        """Ask *strategy* from now on; of what lasts, all whose cookie no longer *opens* is closed."""
        self._strategy = strategy
        self._opens = opens
        for guest in tuple(self._guests.values()):
            for stay in tuple(guest.stays):
                if not opens(stay):
                    self._close(stay, "invalid")

    async def close(self) -> None:
        """Watch no more."""
        rounds, self._rounds = self._rounds, None
        if rounds is not None:
            rounds.cancel()
            await asyncio.wait([rounds])

    async def _go_round(self) -> None:
        while self._guests:
            left = iter(list(self._guests.values()))
            looks = [self._look_at(left) for _ in range(min(_ABREAST, len(self._guests)))]
            # One that cannot be closed must not leave the others unwatched: they are looked at next time.
            await asyncio.gather(*looks, return_exceptions=True)
            await asyncio.sleep(self._every)

    async def _look_at(self, guests: Iterator[_Guest]) -> None:
        for number, guest in enumerate(guests, 1):
            await self._judge(guest)
            if number % _AT_A_STRETCH == 0:
                await asyncio.sleep(0)

    async def _judge(self, guest: _Guest) -> None:
        asks_for_roles = any(stay.route.asks_for_roles for stay in guest.stays)
        try:
            session = await self._strategy.recheck(guest.session, asks_for_roles=asks_for_roles)
            self._admit_again(guest, session)
        except SessionRejected as rejection:
            self._close_all(guest, rejection.reason)
        except (StoreUnavailable, IssuerUnavailable) as outage:
            self._bear(guest, outage.code)
        except Exception:  # what nobody foresaw is a refusal, and the others are looked at all the same
            self._close_all(guest, "internal_error")
        else:
            guest.silent_since = None

    def _admit_again(self, guest: _Guest, session: Session) -> None:
        proof = session.proof(now=self._clock())
        for stay in tuple(guest.stays):
            verdict = admit(
                stay.route,
                session.identity,
                method=stay.method,
                client_ip=stay.client_ip,
                proof=proof,
            )
            if verdict.outcome is not Outcome.PASS:
                self._close(stay, verdict.reason)

    def _bear(self, guest: _Guest, code: str) -> None:
        now = self._monotonic()
        if guest.silent_since is None:
            guest.silent_since = now
        elif now - guest.silent_since >= self._patience:
            self._close_all(guest, code)

    def _close_all(self, guest: _Guest, reason: str) -> None:
        for stay in tuple(guest.stays):
            self._close(stay, reason)

    def _close(self, stay: Stay, reason: str) -> None:
        self.leave(stay)
        self._audit(
            AuditEvent(
                name="session.cut",
                outcome="refused",
                reason=reason,
                user_id=stay.session.identity.user_id,
                session_id=public_id(stay.session.id),
                route=stay.route.name,
                client_ip=stay.client_ip,
                request_id=stay.request_id,
            )
        )
        stay.end(reason)
