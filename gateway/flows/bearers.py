"""Bearers: who calls with a token in `Authorization`, on the routes that take one.

Laws: where a route takes bearers, credentials in `Authorization` alone decide, and no cookie is looked at
(BEHAVIOUR 62); a token that was verified is known again by its hash, for as long as its issuer is trusted
with that and never after its end; who is a user here is what the database says, and nothing that a token
claims; an outage is 503. A token that its issuer was asked about is asked about again after that time, also
for what is live with it, and of those alone the token itself is kept in memory.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from gateway.errors import (
    AccessDenied,
    BearerRefused,
    IssuerUnavailable,
    SessionRejected,
    StoreUnavailable,
)
from gateway.flows.bearer_session import Proved, as_user, session_for
from gateway.flows.credentials import fingerprint
from gateway.model.bearer import HELD, SESSION_PREFIX, Bearer, Callers, outsider
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.personal import PREFIX, PROVIDER
from gateway.model.session import Session, Standing

MOST = 10_000
"""Verified tokens held."""

PAUSE = 5
"""Seconds after an outage of an issuer until it is asked again about what is live."""


class Verifier(Protocol):
    async def verify(self, raw: str) -> Proved:
        """Return what *raw* proves. Raises BearerRefused, IssuerUnavailable."""
        ...


class Holders(Protocol):
    async def users_of(self, issuer: str, subject: str) -> Sequence[str]:
        """Return the ids of those to whom this identity is linked. Raises StoreUnavailable."""
        ...


class Standings(Protocol):
    def known(self, session: Session) -> Standing | None: ...
    async def standing(self, session: Session) -> Standing | None: ...


class Counts(Protocol):
    def bearer(self, *, result: str) -> None: ...


class Personal(Protocol):
    """Who calls with personal tokens."""

    async def caller(self, raw: str, route: str) -> Session: ...
    async def again(self, session: Session) -> Session: ...


_Place = tuple[int, bytes]
"""What a caller is kept under: the route's tokens, and the token's hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A caller, from when until when they are known, and whether they are a user, so that the database has a
    say: what it said at `read_at` counts for a while, and not at all where a route asks for roles.

    A clock that is set back lengthens neither, for what is known from later on is not known yet. `token` is
    there where it may have to be asked about again; after a question that had no answer, nobody asks until
    `silent_until`.
    """

    session: Session
    since: float
    until: float
    user: bool
    read_at: float
    token: str = field(default="", repr=False)
    silent_until: float = 0.0

    def counts(self, now: float) -> bool:
        """Say whether the token need not be looked at."""
        return self.since <= now < self.until

    def stands(self, now: float, *, asks_for_roles: bool) -> bool:
        """Say whether nobody has to look at the user, where it is one."""
        return not self.user or (self.read_at <= now < self.read_at + HELD and not asks_for_roles)


class Bearers:
    """Finds out who calls with a token. *verifiers* are those of each route that takes any.

    Routes that take the same tokens in the same way share one `Bearer`, which is told by what it is.
    """

    def __init__(
        self,
        verifiers: Mapping[Bearer, Verifier],
        *,
        holders: Holders,
        standings: Standings,
        personal: Personal,
        clock: Clock,
        audit: Audit,
        counts: Counts,
    ) -> None:
        self._verifiers = verifiers
        self._holders = holders
        self._standings = standings
        self._personal = personal
        self._clock = clock
        self._audit = audit
        self._counts = counts
        self._held: dict[_Place, _Held] = {}
        self._flights: dict[_Place, asyncio.Task[_Held]] = {}

    def at_hand(self, bearer: Bearer, token: bytes, *, asks_for_roles: bool) -> Session | None:
        """Return who calls with the token of that fingerprint, where nobody has to be asked; tells nobody."""
        held = self._held.get((id(bearer), token))
        now = self._clock()
        if held is None or not held.counts(now):
            return None
        if held.stands(now, asks_for_roles=asks_for_roles):
            return held.session
        standing = self._standings.known(held.session)
        if standing is None or not standing.enabled or standing.denied:
            return None
        return as_user(held.session, standing)

    async def caller(self, bearer: Bearer, token: str, *, asks_for_roles: bool) -> Session:
        """Return who calls with *token*.

        Raises BearerRefused where it does not hold, AccessDenied where only users may call and it is
        nobody's here, IssuerUnavailable and StoreUnavailable.
        """
        try:
            return await self._caller(bearer, token, asks_for_roles=asks_for_roles)
        except BearerRefused as refusal:
            self.refused(refusal)
            raise
        except (IssuerUnavailable, StoreUnavailable):
            self._counts.bearer(result="outage")
            raise

    def refused(self, refusal: BearerRefused) -> None:
        """Tell of a token that did not hold: the check that failed, nothing of the token."""
        self._counts.bearer(result=refusal.reason)
        self._audit(
            AuditEvent(name="bearer.refused", outcome="refused", reason=refusal.reason, detail=str(refusal))
        )

    async def recheck(self, session: Session) -> Session:
        """Return *session*, which stands for a bearer, as it is now.

        An issuer that has to be asked again is, beside this: until it answers *session* goes on.
        Raises SessionRejected where it holds no more, StoreUnavailable, IssuerUnavailable.
        """
        if self._clock() >= session.ends_at:
            raise SessionRejected("absolute")
        if session.provider == PROVIDER:
            try:
                return await self._personal.again(session)
            except BearerRefused:
                raise SessionRejected("revoked") from None
        if self._clock() >= session.lease_until:
            session = self._asked_again(session)
        if session.identity.user_id.startswith(SESSION_PREFIX):
            return session
        standing = self._standings.known(session) or await self._standings.standing(session)
        if standing is None:
            raise SessionRejected("user_missing")
        if not standing.enabled:
            raise SessionRejected("user_disabled")
        if standing.denied:
            raise SessionRejected("revoked")
        return as_user(session, standing)

    async def _caller(self, bearer: Bearer, token: str, *, asks_for_roles: bool) -> Session:
        if bearer.personal and token.startswith(PREFIX):
            session = await self._personal.caller(token, bearer.personal)
            self._counts.bearer(result="accepted")
            return session
        if bearer not in self._verifiers:
            raise BearerRefused("issuer", "no issuer's tokens are taken")
        place = (id(bearer), fingerprint(token))
        held = self._held.get(place)
        now = self._clock()
        if held is not None and held.counts(now):
            if held.stands(now, asks_for_roles=asks_for_roles):
                return held.session
            return await self._read_again(place, held)
        flight = self._flights.get(place)
        try:
            found = await asyncio.shield(flight or self._begun(bearer, token, place))
        except BearerRefused as refusal:  # each who shares it is told apart, for each asks at a route
            raise type(refusal)(refusal.reason, str(refusal)) from None
        if flight is not None and asks_for_roles and found.user:  # they were read before this request came
            return await self._read_again(place, found)
        return found.session

    async def _read_again(self, place: _Place, held: _Held) -> Session:
        """Return a user as the database knows them now, and keep that."""
        now = self._clock()
        session = await self._standing(held.session)
        self._hold(place, replace(held, session=session, read_at=now))
        return session

    def _begun(self, bearer: Bearer, token: str, place: _Place) -> asyncio.Task[_Held]:
        """Begin to find out who calls with *token*: once for all who come meanwhile, whoever hangs up."""
        flight = asyncio.get_running_loop().create_task(self._fly(bearer, token, place))
        flight.add_done_callback(_looked_at)
        self._flights[place] = flight
        return flight

    async def _fly(self, bearer: Bearer, token: str, place: _Place) -> _Held:
        """Return who calls, and keep it. A refusal, or what nobody foresaw, forgets what was known."""
        try:
            return await self._verified(bearer, token, place)
        except (IssuerUnavailable, StoreUnavailable):
            if held := self._held.get(place):
                self._held[place] = replace(held, silent_until=self._clock() + PAUSE)
            raise
        except Exception:
            self._held.pop(place, None)
            raise
        finally:
            del self._flights[place]

    async def _verified(self, bearer: Bearer, token: str, place: _Place) -> _Held:
        now = self._clock()
        proved = await self._verifiers[bearer].verify(token)
        session, user = await self._identified(proved, place[1], int(now))
        self._counts.bearer(result="accepted")
        until = min(now + proved.trusted.hold, session.lease_until)
        asked = token if session.lease_until < session.ends_at else ""
        held = _Held(session=session, since=now, until=until, user=user, read_at=now, token=asked)
        self._hold(place, held)
        return held

    def _asked_again(self, session: Session) -> Session:
        """Return what is known of a caller whose issuer has to be asked again; ask, where nobody does yet.

        Raises SessionRejected where the token holds no more or was forgotten for want of room, and
        IssuerUnavailable where the last question had no answer.
        """
        digest = bytes.fromhex(session.token_id)
        for bearer in self._verifiers:
            place = (id(bearer), digest)
            held = self._held.get(place)
            if held is None or held.session.id != session.id:
                continue
            if held.counts(self._clock()):
                return held.session
            if place not in self._flights and self._clock() >= held.silent_until:
                self._begun(bearer, held.token, place)
            if held.silent_until:
                raise IssuerUnavailable("nobody says whether the token still holds")
            return session
        raise SessionRejected("revoked")

    def _hold(self, place: _Place, held: _Held) -> None:
        """Keep what was found out, unless it is over by now; the oldest makes room."""
        self._held.pop(place, None)
        if not held.counts(self._clock()):
            return
        if len(self._held) >= MOST:
            del self._held[next(iter(self._held))]
        self._held[place] = held

    async def _identified(self, proved: Proved, digest: bytes, now: int) -> tuple[Session, bool]:
        """Return the caller, and whether they are a user here."""
        login, callers = proved.login, proved.trusted.callers
        users: Sequence[str] = ()
        if callers is not Callers.CLIENTS and not proved.of_client:
            users = await self._holders.users_of(login.issuer, login.subject)
        if len(users) > 1:
            raise BearerRefused("ambiguous", "the token's subject is linked to several users")
        if users:
            return await self._standing(session_for(proved, users[0], digest, now)), True
        if callers is Callers.USERS:
            self._counts.bearer(result="stranger")
            raise AccessDenied("the token's subject is no user here")
        return session_for(proved, outsider(login.issuer, login.subject), digest, now), False

    async def _standing(self, session: Session) -> Session:
        """Return the session of a user as the database knows them now."""
        standing = await self._standings.standing(session)
        if standing is None or not standing.enabled:
            raise BearerRefused("user_disabled", "the token's user is disabled or gone")
        if standing.denied:
            raise BearerRefused("revoked", "the token was issued before its user was signed out everywhere")
        return as_user(session, standing)


def _looked_at(flight: asyncio.Task[_Held]) -> None:
    """Look at the outcome even where everybody has gone, so that asyncio does not complain."""
    if not flight.cancelled():
        flight.exception()
