"""Forwarding: the token of the caller's issuer that a route's upstream is given.

Laws: only a session that was admitted gets here; a token that is about to expire is refreshed before
it is sent; while one lives, no trouble at the issuer or the store holds up a request for long. What
is kept in this process is asked for anew after `HELD` seconds, so that another node's word counts.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import AccessDenied, IssuerUnavailable, LoginRequired, StoreUnavailable, Unavailable
from gateway.flows.grants import FOREIGN, Grant
from gateway.model.event import Clock
from gateway.model.grant import ASSUMED, ProviderTokens, Token
from gateway.model.route import Forwarded, Forwarding, OnRefreshError
from gateway.model.session import Session

HELD = 30
"""Seconds for which a token is forwarded without asking the store."""

MOST = 10_000
"""Tokens held."""

SHORT, LONG = 2.0, 15.0
"""Seconds that a request waits for a refresh while the old token lives, and after its end."""


class Finder(Protocol):
    async def find(self, session: Session) -> Grant | None:
        """Return the grant of *session*, None where there is none. Raises StoreUnavailable."""


class Flights(Protocol):
    def flight(self, grant: Grant, session: Session) -> "asyncio.Task[Grant | None]":
        """Return the work that refreshes *grant*; whoever waits for it must shield it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    token: Token
    until: float


class Forwards:
    """Finds the token for a request. *issuers* are the ids of the providers that give tokens.

    *patience* are the seconds of `SHORT` and `LONG`.
    """

    def __init__(
        self,
        grants: Finder,
        refreshes: Flights,
        *,
        issuers: frozenset[str],
        clock: Clock,
        patience: tuple[float, float] = (SHORT, LONG),
    ) -> None:
        self._grants = grants
        self._refreshes = refreshes
        self._issuers = issuers
        self._clock = clock
        self._patience = patience
        self._held: dict[tuple[str, Forwarded], _Held] = {}

    def at_hand(self, session: Session, forwarding: Forwarding) -> Token | None:
        """Return the token where nobody has to be asked for it."""
        held = self._held.get((session.id, forwarding.token))
        now = self._clock()
        return held.token if held is not None and now < held.until and not held.token.is_due(now) else None

    async def token(self, session: Session, forwarding: Forwarding) -> Token | None:
        """Return the token to forward; None where a route goes on without any.

        Raises LoginRequired or AccessDenied, as the route wants it, where only a new login brings one,
        IssuerUnavailable and StoreUnavailable.
        """
        if session.provider not in self._issuers:
            return _without(forwarding, AccessDenied("signed in where no tokens are given"))
        known = self._held.get((session.id, forwarding.token))
        try:
            grant = await self._grants.find(session)
        except StoreUnavailable:
            return self._through_an_outage(known)
        if grant is None or grant.tokens is None:
            self._held.pop((session.id, forwarding.token), None)
            return _without(forwarding, LoginRequired("no tokens of the issuer are kept"))
        return await self._fresh(grant, session, forwarding)

    async def _fresh(self, grant: Grant, session: Session, forwarding: Forwarding) -> Token | None:
        old = _chosen(grant.tokens, forwarding)
        now = self._clock()
        if old is not None and not _is_due(old, grant.tokens, now):
            return self._hold(session, forwarding, old)
        lives = old is not None and old.lives(now)
        if grant.tokens is None or grant.tokens.refresh_token is None:
            return old if lives else _without(forwarding, LoginRequired("the token cannot be refreshed"))
        try:
            refreshed = await self._refreshed(grant, session, patience=self._patience[0 if lives else 1])
        except Unavailable:
            if lives or forwarding.on_error is OnRefreshError.KEEP:
                return old
            raise
        if refreshed is not None and refreshed.record.dead == FOREIGN:
            raise LoginRequired("the issuer spoke of somebody else")  # the session ended with it
        new = _chosen(refreshed.tokens, forwarding) if refreshed else None
        if new is None or not new.lives(self._clock()):
            return _without(forwarding, LoginRequired("the issuer gives no more tokens"))
        return self._hold(session, forwarding, new)

    async def _refreshed(self, grant: Grant, session: Session, *, patience: float) -> Grant | None:
        if self._clock() < grant.record.retry_at:
            raise IssuerUnavailable("the issuer failed a moment ago")
        flight = self._refreshes.flight(grant, session)
        done, _ = await asyncio.wait([flight], timeout=patience)  # cancels nothing
        if not done:
            raise IssuerUnavailable("a refresh takes long")
        return flight.result()

    def _through_an_outage(self, known: _Held | None) -> Token:
        """Return what this process had: as with the session's lease, an outage takes nothing away."""
        if known is None or not known.token.lives(self._clock()):
            raise StoreUnavailable("the tokens of the issuer cannot be read")
        return known.token

    def _hold(self, session: Session, forwarding: Forwarding, token: Token) -> Token:
        place = (session.id, forwarding.token)
        self._held.pop(place, None)
        if len(self._held) >= MOST:
            del self._held[next(iter(self._held))]
        self._held[place] = _Held(token=token, until=self._clock() + HELD)
        return token


def _chosen(tokens: ProviderTokens | None, forwarding: Forwarding) -> Token | None:
    if tokens is None:
        return None
    return tokens.access_token if forwarding.token is Forwarded.ACCESS_TOKEN else tokens.id_token


def _is_due(token: Token, tokens: ProviderTokens | None, now: float) -> bool:
    """Say whether *token* is to be refreshed; one whose end is not known is, where that is possible."""
    if token.expires_at is not None or tokens is None or tokens.refresh_token is None:
        return token.is_due(now)
    return now >= token.received_at + ASSUMED


def _without(forwarding: Forwarding, error: LoginRequired | AccessDenied) -> Token | None:
    """Return no token where the route goes on without one; else raise what it wants raised."""
    if forwarding.on_error is OnRefreshError.KEEP:
        return None
    if forwarding.on_error is OnRefreshError.DENY:
        raise AccessDenied(str(error))
    raise error
