"""Bearers, joined: who verifies the tokens of each route, and who says who their callers are."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gateway.assembly.routes import build_routes
from gateway.flows.bearer_session import is_bearers
from gateway.flows.bearers import Bearers, Standings, Verifier
from gateway.flows.live import Rechecks
from gateway.flows.personal import PersonalCallers
from gateway.introspection_rooms import IntrospectionRooms, clients
from gateway.keys.keyring import KeyRing
from gateway.keys.mac import Mac
from gateway.lasting import Lasting, Tenure
from gateway.model.bearer import HELD, Bearer, Trusted
from gateway.model.event import Audit, Clock
from gateway.model.session import Session
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedHolders, WatchedPersonal
from gateway.relying_party.access_token import AccessTokens
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.jwks import IssuerKeys
from gateway.relying_party.key_discovery import KeyDiscovery
from gateway.relying_party.opaque_token import MixedTokens
from gateway.relying_party.registration import Registration
from gateway.routing.table import Table
from gateway.settings.schema import Settings
from gateway.store.database import Database

PURPOSE = "personal-token"
"""What the key is for under which personal tokens are hashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerTrade:
    """What the rooms of bearers work with. *clients* says who we are where we ask about tokens."""

    table: Table
    clients: Mapping[Trusted, Registration]
    database: Database
    store: Standings
    mac: Mac
    used: Callable[[str, int], None]
    watch: StoreWatch
    tenure: Tenure
    clock: Clock
    audit: Audit
    counts: Metrics


class BearerRooms:
    """Who calls with tokens. An issuer's keys are kept from one configuration to the next."""

    def __init__(self, trade: BearerTrade) -> None:
        self._trade = trade
        bearers = {route.bearer for route in trade.table.ordered if route.bearer is not None}
        taken = {bearer for bearer in bearers if bearer.issuers}
        named = {bearer.personal for bearer in bearers if bearer.personal}
        self.personal_routes = tuple(sorted(named))
        self._introspection = IntrospectionRooms(
            trade.clients, tenure=trade.tenure, counts=trade.counts, clock=trade.clock
        )
        self.bearers = Bearers(
            {each: self._verifier(each) for each in taken},
            holders=WatchedHolders(trade.database.users, trade.watch),
            standings=trade.store,
            personal=PersonalCallers(
                WatchedPersonal(trade.database, trade.watch),
                mac=trade.mac,
                used=trade.used,
                clock=trade.clock,
            ),
            clock=trade.clock,
            audit=trade.audit,
            counts=trade.counts,
        )

    def rechecks(self, sessions: Rechecks) -> Rechecks:
        """Return who looks again at callers, those with a session and those with a token."""
        return _Rechecks(sessions, self.bearers)

    def _verifier(self, bearer: Bearer) -> Verifier:
        """Return who verifies the tokens of a route: by keys, or by asking the one issuer that is asked."""
        keys = {each.issuer: self._keys(each) for each in bearer.issuers}
        # What keys prove stays true, so how long an answer counts says nothing about it.
        by_keys = [
            replace(each, hold=HELD)
            for each in bearer.issuers
            if not (each.introspection and each.introspection.every_token)
        ]
        jwts = AccessTokens(by_keys, keys=keys, clock=self._trade.clock)
        for each in bearer.issuers:
            if each.introspection is not None:
                opaque = self._introspection.tokens(each, each.introspection, keys=keys[each.issuer])
                asked = {each.issuer: opaque} if each.introspection.every_token else {}
                return MixedTokens(jwts, asked=asked, opaque=opaque)
        return jwts

    def _keys(self, trusted: Trusted) -> IssuerKeys:
        tenure, clock, issuer = self._trade.tenure, self._trade.clock, trusted.issuer
        client = self._trade.clients.get(trusted)
        tls = client.tls if client is not None else None
        http = tenure.claim(
            ("issuers", tls), lambda: IssuerHttp(tls=tls.context() if tls else None), close=IssuerHttp.close
        )
        return tenure.claim(
            ("bearer keys", issuer, tls),
            lambda: IssuerKeys(KeyDiscovery(issuer, http=http, clock=clock), http=http, clock=clock),
        )


@asynccontextmanager
async def judging(settings: Settings, *, clock: Clock) -> AsyncIterator[Bearers]:
    """Lend who would judge the tokens of requests, beside a gateway that may run; nothing is told of it.

    Raises SchemaMismatch, StoreUnavailable.
    """
    tenure = Lasting().tenure()
    database = await Database.open(settings.database.url, clock=clock)
    metrics = Metrics(version="")
    try:
        yield BearerRooms(
            BearerTrade(
                table=Table(build_routes(settings)),
                clients=clients(settings),
                database=database,
                store=database,
                mac=KeyRing(settings.secret, scope=settings.public_url).mac(PURPOSE),
                used=lambda _id, _moment: None,
                watch=StoreWatch(metrics, monotonic=clock),
                tenure=tenure,
                clock=clock,
                audit=lambda _: None,
                counts=metrics,
            )
        ).bearers
    finally:
        await tenure.end()
        await database.close()


class _Rechecks:
    def __init__(self, sessions: Rechecks, bearers: Bearers) -> None:
        self._sessions = sessions
        self._bearers = bearers

    async def recheck(self, session: Session, *, asks_for_roles: bool) -> Session:
        """Return *session* as it is now. Raises SessionRejected, StoreUnavailable."""
        if is_bearers(session):
            return await self._bearers.recheck(session)
        return await self._sessions.recheck(session, asks_for_roles=asks_for_roles)
