"""Tokens of issuers, joined: where they are kept, refreshed and forwarded from."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.flows.exchange import Exchanges
from gateway.flows.exchange import Issuer as ExchangingIssuer
from gateway.flows.forwarding import Forwards
from gateway.flows.fresh_claims import FreshClaims
from gateway.flows.fresh_claims import Issuer as TellingIssuer
from gateway.flows.grants import Book, BookWithGrants, Grants
from gateway.flows.places import Places
from gateway.flows.presentation import Issuer as RefreshingIssuer
from gateway.flows.presentation import Presentations
from gateway.flows.refresh import Refreshes
from gateway.flows.revocation import Revocations, Word
from gateway.keys.keyring import KeyRing
from gateway.model.event import Clock
from gateway.model.session import Session
from gateway.observe.log import Log
from gateway.observe.metrics import Metrics
from gateway.settings.schema import SessionSettings, Settings
from gateway.store.database import Database

_LATE = 3600
_LONGEST_SEALED = 1024 * 1024  # 19 tokens of 16 KiB each, sealed, with room


class TokenIssuer(RefreshingIssuer, ExchangingIssuer, TellingIssuer, Protocol):
    """Gives tokens, takes them back, exchanges them, and says whose they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrade:
    """What the rooms of provider tokens work with. *issuers* are by the id of their provider."""

    settings: Settings
    ring: KeyRing
    database: Database
    issuers: Mapping[str, TokenIssuer]
    word: Word
    end: Callable[[Session], Awaitable[None]]
    clock: Clock
    monotonic: Callable[[], float]
    metrics: Metrics
    log: Log


def _idle(session: SessionSettings) -> int | None:
    """Return after how many seconds unseen a session is over for sure: sightings come late, once a lease,
    and one of them may be lost."""
    if session.idle_timeout is None:
        return None
    return int(session.idle_timeout + 2 * session.lease) + _LATE


class TokenRooms:
    """What becomes of the tokens that logins bring.

    They are kept only where a route forwards any: what nobody needs is not there to be stolen.
    """

    def __init__(self, trade: TokenTrade) -> None:
        store = trade.database.provider_grants
        self._kept = any(route.forward_token is not None for route in trade.settings.routes)
        self._grants = Grants(
            store,
            sealer=trade.ring.sealer("provider-tokens", longest=_LONGEST_SEALED),
            mac=trade.ring.mac("refresh-token"),
        )
        self._claims = FreshClaims(
            trade.database.users,
            trade.issuers,
            end=trade.end,
            clock=trade.clock,
            monotonic=trade.monotonic,
            counts=trade.metrics,
            audit=trade.word.audit,
            tell=trade.log.event,
        )
        presentations = Presentations(
            self._grants,
            store=store,
            locks=trade.database.locks,
            issuers=trade.issuers,
            end=trade.end,
            clock=trade.clock,
            monotonic=trade.monotonic,
            counts=trade.metrics,
            audit=trade.word.audit,
            tell=trade.log.event,
            written=self._claims.take,
        )
        places = Places(trade.issuers, monotonic=trade.monotonic)
        self._refreshes = Refreshes(
            self._grants,
            presentations,
            store=store,
            places=places,
            clock=trade.clock,
            monotonic=trade.monotonic,
            counts=trade.metrics,
        )
        self._exchanges = Exchanges(
            trade.issuers, places=places, clock=trade.clock, counts=trade.metrics, tell=trade.log.event
        )
        self.forwards = Forwards(
            self._grants,
            self._refreshes,
            self._exchanges,
            issuers=frozenset(trade.issuers),
            clock=trade.clock,
        )

        self._revocations = Revocations(
            self._grants,
            store=store,
            issuers=trade.issuers,
            word=trade.word,
            max_age=int(trade.settings.session.max_age),
            idle=_idle(trade.settings.session),
            clock=trade.clock,
            monotonic=trade.monotonic,
            counts=trade.metrics,
            audit=trade.word.audit,
        )

    def start(self) -> None:
        """Begin to look for tokens that ended sessions left."""
        self._revocations.start()

    def book(self, book: Book) -> Book:
        """Return what records logins in *book* and keeps the tokens that are needed."""
        return BookWithGrants(book, self._grants) if self._kept else book

    async def close(self) -> None:
        """Wait until every refresh under way is written, and look and ask for nothing any more."""
        await self._revocations.close()
        await self._refreshes.close()
        await self._claims.close()
        await self._exchanges.close()
