"""Forwarding: the token of the caller's issuer that a route's upstream is given.

Laws: only a session that was admitted gets here; a token that is about to expire is refreshed before
it is sent; while one lives, no trouble at the issuer or the store holds up a request for long. What
is kept in this process is asked for anew after `HELD` seconds, so that another node's word counts; no
login is asked for that would not help, so that none leads round in a circle.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.errors import (
    AccessDenied,
    IssuerUnavailable,
    LoginRequired,
    StoreUnavailable,
    TokenRefused,
    Unavailable,
)
from gateway.flows.grants import FOREIGN, Grant
from gateway.model.event import Clock
from gateway.model.grant import ProviderTokens, Token
from gateway.model.route import Forwarded, Forwarding, OnRefreshError
from gateway.model.session import Session

HELD = 30
"""Seconds for which a token is forwarded without asking the store."""

MOST = 10_000
"""Tokens held."""

RECENT = 15
"""Seconds after a login in which another one is not asked for: it would bring no more than that one."""

SHORT, LONG = 2.0, 15.0
"""Seconds that a request waits for a refresh while the old token lives, and after its end."""


class Finder(Protocol):
    def find(self, session: Session) -> Coroutine[Any, Any, Grant | None]:
        """Return the grant of *session*, None where there is none. Raises StoreUnavailable."""


class Refreshes(Protocol):
    async def refreshed(
        self, grant: Grant, session: Session, *, resource: str | None = None, patience: float
    ) -> Grant | None:
        """Return the grant with a fresh access token, waited for at most *patience* seconds.

        Raises TokenRefused, IssuerUnavailable, StoreUnavailable.
        """


class Exchanges(Protocol):
    async def token(self, session: Session, subject: Token, *, audience: str, resource: str | None) -> Token:
        """Return a token made for *audience*. Raises TokenRefused, IssuerUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    token: Token
    until: float


_Place = tuple[str, Forwarded, str | None, str | None]


class Forwards:
    """Finds the token for a request. *issuers* are the ids of the providers that give tokens.

    *patience* are the seconds of `SHORT` and `LONG`.
    """

    def __init__(
        self,
        grants: Finder,
        refreshes: Refreshes,
        exchanges: Exchanges,
        *,
        issuers: frozenset[str],
        clock: Clock,
        patience: tuple[float, float] = (SHORT, LONG),
    ) -> None:
        self._grants = grants
        self._refreshes = refreshes
        self._exchanges = exchanges
        self._issuers = issuers
        self._clock = clock
        self._patience = patience
        self._held: dict[_Place, _Held] = {}
        self._reading: dict[str, asyncio.Task[Grant | None]] = {}

    def at_hand(self, session: Session, forwarding: Forwarding) -> Token | None:
        """Return the token where nobody has to be asked for it."""
        held = self._held.get(_place(session, forwarding))
        now = self._clock()
        return held.token if held is not None and now < held.until and not held.token.is_due(now) else None

    async def token(self, session: Session, forwarding: Forwarding) -> Token | None:
        """Return the token to forward; None where a route goes on without any.

        Raises LoginRequired or AccessDenied, as the route wants it, where there is none,
        IssuerUnavailable and StoreUnavailable.
        """
        if session.provider not in self._issuers:
            return self._without(session, forwarding, AccessDenied("signed in where no tokens are given"))
        place = _place(session, forwarding)
        try:
            grant = await self._found(session)
        except StoreUnavailable:
            return self._through_an_outage(self._held.get(place))
        if grant is None or grant.tokens is None:
            self._held.pop(place, None)
            return self._without(session, forwarding, LoginRequired("no tokens of the issuer are kept"))
        try:
            token = await self._fresh(grant, grant.tokens, session, forwarding)
            if token is not None and forwarding.audience is not None:
                token = await self._exchanged(token, session, forwarding, forwarding.audience)
        except TokenRefused as refusal:
            return self._without(session, forwarding, AccessDenied(str(refusal)))
        if token is not None and not token.is_due(self._clock()):
            self._hold(place, token)
        return token

    async def _found(self, session: Session) -> Grant | None:
        """Return the grant of *session*, read once for all requests that want it at this moment."""
        reading = self._reading.get(session.id)
        if reading is None:
            reading = asyncio.get_running_loop().create_task(self._grants.find(session))
            self._reading[session.id] = reading
            reading.add_done_callback(lambda done: self._read(session.id, done))
        return await asyncio.shield(reading)

    def _read(self, session_id: str, reading: "asyncio.Task[Grant | None]") -> None:
        del self._reading[session_id]
        if not reading.cancelled():
            reading.exception()  # seen, also where nobody waits any more

    async def _fresh(
        self, grant: Grant, tokens: ProviderTokens, session: Session, forwarding: Forwarding
    ) -> Token | None:
        """Return the issuer's token, refreshed where that is due and can be done."""
        now, resource = self._clock(), _resource(forwarding)
        old = _chosen(tokens, forwarding)
        lives = old is not None and old.lives(now)
        if lives and not _is_due(tokens, forwarding, now):
            return old
        if tokens.refresh_token is None or (not lives and _is_in_vain(tokens, forwarding, now)):
            why = LoginRequired("the token cannot be refreshed")
            return old if lives else self._without(session, forwarding, why)
        try:
            patience = self._patience[0 if lives else 1]
            refreshed = await self._refreshed(grant, session, resource, patience=patience)
        except Unavailable:
            if lives or forwarding.on_error is OnRefreshError.KEEP:
                return old
            raise
        return self._new(refreshed, session, forwarding)

    def _new(self, refreshed: Grant | None, session: Session, forwarding: Forwarding) -> Token | None:
        if refreshed is not None and refreshed.record.dead == FOREIGN:  # the session ended with it
            raise self._login_or_not(session, LoginRequired("the issuer spoke of somebody else"))
        new = _chosen(refreshed.tokens, forwarding) if refreshed else None
        if new is not None and new.lives(self._clock()):
            return new
        return self._without(session, forwarding, LoginRequired("the issuer gives no more tokens"))

    async def _refreshed(
        self, grant: Grant, session: Session, resource: str | None, *, patience: float
    ) -> Grant | None:
        if self._clock() < grant.record.retry_at:
            raise IssuerUnavailable("the issuer failed a moment ago")
        return await self._refreshes.refreshed(grant, session, resource=resource, patience=patience)

    async def _exchanged(
        self, subject: Token, session: Session, forwarding: Forwarding, audience: str
    ) -> Token | None:
        """Return what the issuer gives for *subject*, which itself is sent to no such upstream."""
        try:
            return await self._exchanges.token(
                session, subject, audience=audience, resource=forwarding.resource
            )
        except IssuerUnavailable:
            if forwarding.on_error is OnRefreshError.KEEP:
                return None
            raise

    def _through_an_outage(self, known: _Held | None) -> Token:
        """Return what this process had: as with the session's lease, an outage takes nothing away."""
        if known is None or not known.token.lives(self._clock()):
            raise StoreUnavailable("the tokens of the issuer cannot be read")
        return known.token

    def _without(
        self, session: Session, forwarding: Forwarding, error: LoginRequired | AccessDenied
    ) -> Token | None:
        """Return no token where the route goes on without one; else raise what it wants raised."""
        if forwarding.on_error is OnRefreshError.KEEP:
            return None
        if forwarding.on_error is OnRefreshError.DENY:
            raise AccessDenied(str(error))
        raise self._login_or_not(session, error)

    def _login_or_not(
        self, session: Session, error: LoginRequired | AccessDenied
    ) -> LoginRequired | AccessDenied:
        """Return *error*, but after a login of a moment ago no wish for another: it would never end."""
        if self._clock() < session.authenticated_at + RECENT:
            return AccessDenied(f"a new login brought no token: {error}")
        return error

    def _hold(self, place: _Place, token: Token) -> None:
        self._held.pop(place, None)
        if len(self._held) >= MOST:
            del self._held[next(iter(self._held))]
        self._held[place] = _Held(token=token, until=self._clock() + HELD)


def _place(session: Session, forwarding: Forwarding) -> _Place:
    return session.id, forwarding.token, forwarding.resource, forwarding.audience


def _resource(forwarding: Forwarding) -> str | None:
    """Return for which resource the issuer is asked: a token to be exchanged is for none in particular."""
    return forwarding.resource if forwarding.audience is None else None


def _chosen(tokens: ProviderTokens | None, forwarding: Forwarding) -> Token | None:
    if tokens is None:
        return None
    if forwarding.token is Forwarded.ID_TOKEN:
        return tokens.id_token
    return tokens.access(_resource(forwarding))


def _is_due(tokens: ProviderTokens, forwarding: Forwarding, now: float) -> bool:
    """Say whether the token to forward is to be refreshed, where that can bring another."""
    if forwarding.token is not Forwarded.ID_TOKEN:
        return tokens.is_due(_resource(forwarding), now)
    due = tokens.id_token is None or tokens.id_token.is_due(now)
    return due and not _is_in_vain(tokens, forwarding, now)


def _is_in_vain(tokens: ProviderTokens, forwarding: Forwarding, now: float) -> bool:
    """Say whether a refresh only for an ID token would bring none, as the last one did (OpenID Connect Core
    12.2 lets it be left out); with the next access token there may be one."""
    if forwarding.token is not Forwarded.ID_TOKEN or tokens.is_due(None, now):
        return False
    return tokens.id_token is None or tokens.id_token.received_at < tokens.access_token.received_at
