"""Exchange: for the caller's access token, one that was made for the upstream it is sent to (RFC 8693).

Laws: requests that want the same token share one call; an issuer that refused or failed is left alone
for a while; what was exchanged is held in this process alone, and for no session but its own.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import IssuerUnavailable, TokenRefused
from gateway.flows.places import Places
from gateway.model.event import Clock
from gateway.model.grant import ASSUMED, Token
from gateway.model.session import Session

MOST = 10_000
"""Tokens held, and failures remembered."""

PAUSE = 5
"""Seconds for which an issuer that refused or failed is not asked the same again."""


class Issuer(Protocol):
    async def exchange(self, subject: Token, *, audience: str, resource: str | None) -> Token:
        """Return a token made for *audience*. Raises TokenRefused, IssuerUnavailable."""


class Counts(Protocol):
    def token_exchange(self, *, provider: str, outcome: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no token, until a Unix second."""

    kind: type[TokenRefused] | type[IssuerUnavailable]
    until: float


Place = tuple[str, str, str | None]
Tell = Callable[[str, str, Mapping[str, object]], None]


class Exchanges:
    """The tokens that were exchanged for. *issuers* are by the id of their provider."""

    def __init__(
        self, issuers: Mapping[str, Issuer], *, places: Places, clock: Clock, counts: Counts, tell: Tell
    ) -> None:
        self._issuers = issuers
        self._clock = clock
        self._counts = counts
        self._tell = tell
        self._held: dict[Place, Token | Failure] = {}
        self._flights: dict[Place, asyncio.Task[Token]] = {}
        self._places = places

    async def token(self, session: Session, subject: Token, *, audience: str, resource: str | None) -> Token:
        """Return a token for *audience*, exchanged for *subject* where none that is fresh is held.

        One that lives goes on being used while the issuer is in trouble. Raises TokenRefused,
        IssuerUnavailable.
        """
        place = (session.id, audience, resource)
        held, now = self._held.get(place), self._clock()
        if isinstance(held, Token) and not _is_due(held, now):
            return held
        if isinstance(held, Failure) and now < held.until:
            raise held.kind("the issuer said so a moment ago")
        try:
            return await asyncio.shield(self._flight(place, subject, session.provider))
        except IssuerUnavailable:
            if isinstance(held, Token) and held.lives(now):
                return held
            raise

    async def close(self) -> None:
        """Wait until every exchange under way is over."""
        while self._flights:
            await asyncio.wait(list(self._flights.values()))

    def _flight(self, place: Place, subject: Token, provider: str) -> asyncio.Task[Token]:
        flight = self._flights.get(place)
        if flight is None:
            flight = asyncio.get_running_loop().create_task(self._fly(place, subject, provider))
            self._flights[place] = flight
            flight.add_done_callback(lambda done: self._landed(place, done))
        return flight

    def _landed(self, place: Place, flight: asyncio.Task[Token]) -> None:
        del self._flights[place]
        if not flight.cancelled():
            flight.exception()  # seen, also where nobody waits any more

    async def _fly(self, place: Place, subject: Token, provider: str) -> Token:
        _, audience, resource = place
        try:
            async with self._places.one_at(provider):
                token = await self._issuers[provider].exchange(subject, audience=audience, resource=resource)
        except (TokenRefused, IssuerUnavailable) as error:
            self._note(place, error, provider)
            raise
        self._hold(place, token)
        self._counts.token_exchange(provider=provider, outcome="exchanged")
        return token

    def _note(self, place: Place, error: TokenRefused | IssuerUnavailable, provider: str) -> None:
        """Remember a failure, but not over a token that lives."""
        refused = isinstance(error, TokenRefused)
        held, now = self._held.get(place), self._clock()
        if refused or not (isinstance(held, Token) and held.lives(now)):
            self._hold(place, Failure(kind=type(error), until=now + PAUSE))
        self._counts.token_exchange(provider=provider, outcome="refused" if refused else "outage")
        facts = {"provider": provider, "audience": place[1], "error": str(error)}
        self._tell("warning", "tokens.exchange_failed", facts)

    def _hold(self, place: Place, found: Token | Failure) -> None:
        self._held.pop(place, None)
        if len(self._held) >= MOST:
            del self._held[next(iter(self._held))]
        self._held[place] = found


def _is_due(token: Token, now: float) -> bool:
    """Say whether *token* is to be exchanged for anew; one whose end is not known is after an hour."""
    return token.is_due(now) or (token.expires_at is None and now >= token.received_at + ASSUMED)
