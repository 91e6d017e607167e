"""Every room of one gateway, made and joined; nothing here decides about a request."""

import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.admission import Admission
from gateway.assembly import cookie_names, hosts_served
from gateway.bearer_rooms import PURPOSE, BearerRooms, BearerTrade
from gateway.flows.arrival import Arrivals
from gateway.flows.bearer_session import is_bearers
from gateway.flows.live import Live, Stay
from gateway.flows.logout import Logout
from gateway.flows.recent import RecentLogins
from gateway.flows.resume import Resume
from gateway.flows.revocation import Word
from gateway.flows.sign_ins import SignInBook
from gateway.flows.step_up import StepUps
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import Receiver
from gateway.front.ledger import RequestLedger
from gateway.front.limits import Limits
from gateway.front.reception import Reception
from gateway.front.request_id import RequestIds
from gateway.front.snapshot import Snapshot
from gateway.introspection_rooms import clients
from gateway.issuers import registrations
from gateway.keys.keyring import KeyRing
from gateway.lasting import Tenure
from gateway.login_rooms import LoginRooms, LoginTrade, parties
from gateway.model.event import Clock
from gateway.model.route import IdentityHeaders
from gateway.model.session import Session
from gateway.model.upstream import Upstream
from gateway.notify import Notify
from gateway.observe.log import Log
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedStore
from gateway.observe.trace import NewTraces
from gateway.password_rooms import PasswordRooms, PasswordTrade
from gateway.pipeline import Pipeline
from gateway.pools import close_pool, pool_for
from gateway.predecessor import Predecessor
from gateway.provider_tokens import TokenRooms, TokenTrade
from gateway.rates import RateRooms
from gateway.request_keys import Published, request_keys, signing_keys
from gateway.routing.table import Table
from gateway.sessions.sightings import Sightings
from gateway.settings.addresses import url
from gateway.settings.schema import Settings
from gateway.store.database import Database
from gateway.strategies import Keeping, Trade, chosen
from gateway.successor import Start
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.assertion import Assertions
from gateway.upstream.headers import Dresser, reserved_by
from gateway.upstream.members import Members
from gateway.upstream.pool import Pool
from gateway.upstream.signature import Signatures
from gateway.web_rooms import WebRooms, WebTrade

Close = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the process lends its parts: clocks, the log, limits, and sockets that are bound already.

    `workers` is how many processes share the machine, `lifeline` a descriptor that reads as ended once
    their supervisor is gone, `predecessor` the process that this one takes over from, `start` how it was
    started where nobody else replaces it. `notify` hears how the process fares.
    """

    log: Log
    clock: Clock = time.time
    monotonic: Callable[[], float] = time.monotonic
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    fast_lane: bool = True
    workers: int = 1
    lifeline: int | None = None
    notify: Notify = Notify()  # noqa: RUF009 - it keeps nothing
    public_sockets: tuple[socket.socket, ...] = ()
    admin_sockets: tuple[socket.socket, ...] = ()
    predecessor: Predecessor | None = None
    start: Start | None = None


class Rooms:
    """The rooms of one configuration on an open database.

    What it shares with the configurations before and after it is claimed from *tenure*. What `closing`
    lists is to be closed, last first, when nothing runs in these rooms any more.
    """

    def __init__(
        self,
        settings: Settings,
        around: Surroundings,
        *,
        table: Table,
        database: Database,
        metrics: Metrics,
        ledger: RequestLedger,
        tenure: Tenure,
    ) -> None:
        self._settings = settings
        self._around = around
        self._database = database
        self._tenure = tenure
        self._watch = StoreWatch(metrics, monotonic=around.monotonic)
        self._store = WatchedStore(database, self._watch)
        self._metrics = metrics
        self._names = cookie_names(settings)
        self._root = settings.public_url + settings.prefix
        self._ring = KeyRing(settings.secret, scope=settings.public_url)
        self._signing = signing_keys(settings, self._ring)
        self.table = table
        self._request_keys = request_keys(settings, self._ring)
        self._published = Published(self._signing, self._request_keys.published(self.table.ordered))
        self.jwks = self._published.jwks
        self._ledger = ledger
        self._word = Word(ledger.audit)
        self._audit = self._word.audit
        self._sightings = Sightings(database.sign_ins)
        self._uses = Sightings(database.personal_tokens)
        self._keeping = self._kept()
        self._strategy = self._keeping.strategy
        self.checks = self._keeping.checks
        self._bearers = self._bearer_rooms()
        rechecks = self._bearers.rechecks(self._strategy)
        self._live = Live(rechecks, clock=around.clock, monotonic=around.monotonic, audit=self._audit)
        self.closing: list[Close] = [
            tenure.end,
            self._sightings.close,
            self._uses.close,
            self._keeping.close,
            self._live.close,
        ]
        self._issuers = registrations(settings)
        self._parties = parties(self._issuers, tenure=tenure, clock=around.clock)
        self._tokens = self._token_rooms()
        self.closing.append(self._tokens.close)
        self._rate_rooms = RateRooms(
            settings, tenure, monotonic=around.monotonic, log=around.log, counts=metrics
        )
        self._resume = Resume(self._strategy)
        self._recent = RecentLogins(
            sealer=self._ring.sealer("recent-logins"), names=self._names, clock=around.clock
        )
        self._book = SignInBook(
            database.sign_ins,
            sealer=self._ring.sealer("at-rest"),
            most=settings.session.max_sessions_per_user,
            audit=self._audit,
        )
        demands = {route.name: route.demand for route in self.table.ordered if route.demand is not None}
        self._step_ups = StepUps(demands, clock=around.clock)
        self._web = self._web_rooms()

    def snapshot(self) -> Snapshot:
        """Return what serves requests in these rooms."""
        around = self._around
        proxies = TrustedProxies(self._settings.trusted_proxies)
        receiver = Receiver(
            scheme=url(self._settings.public_url).scheme,
            serves=hosts_served(self._settings, self.table),
            proxies=proxies,
            limits=around.limits,
            next_id=RequestIds(secrets.token_bytes),
        )
        pipeline = self._pipeline()
        return Snapshot(
            reception=Reception(receiver, monotonic=around.monotonic),
            pipeline=pipeline,
            endpoints=self._web.endpoints(receiver, proxies, pipeline),
            pages=self._web.errors,
            ledger=self._ledger,
            live=self._live,
            audit=self._audit,
            owns_cookie=self._names.owns,
            limits=around.limits,
            clock=around.clock,
            monotonic=around.monotonic,
            fast_lane=around.fast_lane,
        )

    def yield_to(self, successor: "Rooms") -> None:
        """Judge what lasts here by the sessions and keys of *successor* from now on."""
        rechecks = self._bearers.rechecks(successor._strategy)
        self._live.go_by(rechecks, opens=successor._opens)

    def _opens(self, stay: Stay) -> bool:
        """Say whether our keys open the cookie that *stay* came with, whatever else is true of it."""
        if is_bearers(stay.session):
            return True
        return self._strategy.load(tuple((b"cookie", line) for line in stay.cookies)).rejected != "invalid"

    async def start(self) -> None:
        """Begin what runs beside the requests."""
        await self._keeping.start()
        await self._rate_rooms.start()
        self._tokens.start()

    def _kept(self) -> Keeping:
        return chosen(
            Trade(
                settings=self._settings,
                ring=self._ring,
                database=self._database,
                store=self._store,
                watch=self._watch,
                tenure=self._tenure,
                seen=self._sightings.note,
                reissued=self._goes_on,
                clock=self._around.clock,
                monotonic=self._around.monotonic,
                audit=self._audit,
                tally=self._metrics,
                log=self._around.log,
            )
        )

    def _goes_on(self, session: Session) -> None:
        """Go by *session* in what is live with it."""
        self._live.renewed(session)

    def _token_rooms(self) -> TokenRooms:
        return TokenRooms(
            TokenTrade(
                settings=self._settings,
                ring=self._ring,
                database=self._database,
                issuers=self._parties,
                word=self._word,
                end=self._strategy.end,
                clock=self._around.clock,
                monotonic=self._around.monotonic,
                metrics=self._metrics,
                log=self._around.log,
            )
        )

    def _bearer_rooms(self) -> BearerRooms:
        return BearerRooms(
            BearerTrade(
                table=self.table,
                clients=clients(self._settings),
                database=self._database,
                store=self._store,
                mac=self._ring.mac(PURPOSE),
                used=self._uses.note,
                watch=self._watch,
                tenure=self._tenure,
                clock=self._around.clock,
                audit=self._audit,
                counts=self._metrics,
            )
        )

    def _password_rooms(self) -> PasswordRooms:
        return PasswordRooms(
            PasswordTrade(
                settings=self._settings,
                database=self._database,
                watch=self._watch,
                tenure=self._tenure,
                arrivals=Arrivals(
                    recent=self._recent, strategy=self._strategy, live=self._resume, book=self._book
                ),
                audit=self._audit,
                clock=self._around.clock,
                monotonic=self._around.monotonic,
                counts=self._metrics,
                workers=self._around.workers,
            )
        )

    def _login_rooms(self) -> LoginRooms:
        return LoginRooms(
            LoginTrade(
                settings=self._settings,
                root=self._root,
                issuers=self._issuers,
                parties=self._parties,
                ring=self._ring,
                names=self._names,
                database=self._database,
                store=self._store,
                watch=self._watch,
                strategy=self._strategy,
                live=self._resume,
                recent=self._recent,
                book=self._book,
                tokens=self._tokens,
                step_ups=self._step_ups,
                audit=self._audit,
                clock=self._around.clock,
                counts=self._metrics,
            )
        )

    def _web_rooms(self) -> WebRooms:
        return WebRooms(
            WebTrade(
                settings=self._settings,
                root=self._root,
                issuers=self._issuers,
                parties=self._parties,
                table=self.table,
                ring=self._ring,
                published=self._published,
                names=self._names,
                database=self._database,
                watch=self._watch,
                strategy=self._strategy,
                resume=self._resume,
                logout=Logout(
                    strategy=self._strategy, recent=self._recent, hints=self._book, audit=self._audit
                ),
                step_ups=self._step_ups,
                logins=self._login_rooms(),
                passwords=self._password_rooms(),
                bearers=self._bearers,
                audit=self._audit,
                clock=self._around.clock,
                log=self._around.log,
                counts=self._metrics,
            )
        )

    def _pipeline(self) -> Pipeline:
        reserved = reserved_by(self.table.ordered)
        heads = AnswerHeads(reserved.answers)
        assertions = Assertions(self._signing, issuer=self._settings.public_url, clock=self._around.clock)
        return Pipeline(
            admission=Admission(
                table=self.table,
                resume=self._resume,
                clock=self._around.clock,
                renewed=self._live.renewed,
                bearers=self._bearers.bearers,
            ),
            dresser=Dresser(
                reserved=reserved,
                cookies=self._names,
                assertions=assertions,
                signatures=Signatures(self._request_keys, clock=self._around.clock),
                new_trace=NewTraces(secrets.token_bytes),
            ),
            pools=self._pools(heads),
            tokens=self._tokens.forwards,
            rates=self._rate_rooms.rates,
            monotonic=self._around.monotonic,
        )

    def _pools(self, heads: AnswerHeads) -> dict[str, Pool | Members]:
        """Return the connections to each upstream, kept while nothing changes that they know of."""
        identities = frozenset({id(route.identity): route.identity for route in self.table.ordered}.values())
        return {upstream.name: self._pool(upstream, heads, identities) for upstream in self._upstreams()}

    def _pool(
        self, upstream: Upstream, heads: AnswerHeads, identities: frozenset[IdentityHeaders]
    ) -> Pool | Members:
        around = self._around

        def make() -> Pool | Members:
            return pool_for(
                upstream, heads=heads, monotonic=around.monotonic, log=around.log, metrics=self._metrics
            )

        return self._tenure.claim(("pool", upstream, identities), make, close=close_pool)

    def _upstreams(self) -> list[Upstream]:
        found = (route.upstream for route in self.table.ordered)
        return list({upstream.name: upstream for upstream in found if upstream is not None}.values())
