"""Every room of one gateway, made and joined; nothing here decides about a request."""

import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.assembly import build_routes, cookie_names, hosts_served
from gateway.bearer_rooms import PURPOSE, BearerRooms, BearerTrade
from gateway.flows.arrival import Arrivals
from gateway.flows.departures import Departures, LogoutProvider
from gateway.flows.issuer_logout import IssuerLogout
from gateway.flows.link import Linking
from gateway.flows.live import Live
from gateway.flows.login import LoginProvider, Logins
from gateway.flows.logout import Logout
from gateway.flows.password import PasswordLogins
from gateway.flows.personal import Mint
from gateway.flows.posted import PostedResponses
from gateway.flows.recent import RecentLogins
from gateway.flows.resume import Resume
from gateway.flows.revocation import Word
from gateway.flows.sign_ins import SignInBook
from gateway.flows.step_up import StepUps
from gateway.flows.targets import ReturnTargets
from gateway.flows.transactions import Transactions
from gateway.flows.unlink import Unlinking
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import Receiver
from gateway.front.ledger import RequestLedger
from gateway.front.limits import Limits
from gateway.front.original import Originals
from gateway.front.request_id import RequestIds
from gateway.front.snapshot import Snapshot
from gateway.introspection_rooms import clients
from gateway.issuers import client_key_sets, registrations
from gateway.keys.keyring import KeyRing
from gateway.lasting import Tenure
from gateway.model.event import Clock
from gateway.model.upstream import Upstream
from gateway.observe.log import Log
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedBooks, WatchedStore
from gateway.observe.trace import NewTraces
from gateway.password_rooms import PasswordRooms, PasswordTrade
from gateway.pipeline import Pipeline
from gateway.pools import close_pool, pool_for
from gateway.provider_tokens import TokenRooms, TokenTrade
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.oauth_party import OAuthParty
from gateway.relying_party.provider import RelyingParty
from gateway.relying_party.registration import Registration
from gateway.request_keys import Published, request_keys
from gateway.routing.table import Table
from gateway.sessions.sightings import Sightings
from gateway.settings.addresses import url
from gateway.settings.schema import Settings
from gateway.store.database import Database
from gateway.strategies import Keeping, Trade, chosen
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.assertion import Assertions
from gateway.upstream.headers import Dresser, reserved_by
from gateway.upstream.members import Members
from gateway.upstream.pool import Pool
from gateway.upstream.signature import Signatures
from gateway.web.account import AccountPage
from gateway.web.client_jwks import ClientJwks
from gateway.web.csrf import Csrf
from gateway.web.endpoints import Endpoints
from gateway.web.errors import ErrorPages
from gateway.web.forward_auth import ForwardAuth
from gateway.web.home import Home
from gateway.web.initiation import Initiation
from gateway.web.issuer_logout import IssuerLogoutEndpoints
from gateway.web.own_paths import OwnPaths
from gateway.web.pages import Pages
from gateway.web.password import PasswordPage
from gateway.web.personal import TokensPage
from gateway.web.programs import Programs
from gateway.web.replies import Replies
from gateway.web.resources import ProtectedResources
from gateway.web.signin import SignIn
from gateway.web.signout import SignOut

Close = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the process lends its parts: clocks, the log, limits, and sockets that are bound already.

    `workers` is how many processes share the machine, `lifeline` a descriptor that reads as ended once
    their supervisor is gone.
    """

    log: Log
    clock: Clock = time.time
    monotonic: Callable[[], float] = time.monotonic
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    fast_lane: bool = True
    workers: int = 1
    lifeline: int | None = None
    public_socket: socket.socket | None = None
    admin_socket: socket.socket | None = None


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
        self._books = WatchedBooks(database.users, self._watch)
        self._metrics = metrics
        self._names = cookie_names(settings)
        self._root = settings.public_url + settings.prefix
        self._scheme = url(settings.public_url).scheme
        self._ring = KeyRing(settings.secret, scope=settings.public_url)
        self._signing = self._ring.signing_keys()
        self.table = Table(build_routes(settings))
        self._request_keys = request_keys(settings, self._ring)
        self.jwks = Published(self._ring, self._request_keys.published(self.table.ordered)).jwks
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
        self._parties = {each.id: self._party(each) for each in self._issuers}
        self._tokens = self._token_rooms()
        self.closing.append(self._tokens.close)
        self._resume = Resume(self._strategy)
        self._targets = ReturnTargets(
            public_url=settings.public_url, hosts=self.table.hosts, prefix=settings.prefix
        )
        self._replies = Replies(secure=self._names.secure)
        self._home = Home(
            targets=self._targets,
            replies=self._replies,
            public_url=settings.public_url,
            prefix=settings.prefix,
        )
        issuers = [each.issuer for each in self._issuers]
        self._pages = Pages(replies=self._replies, prefix=settings.prefix, issuers=issuers)
        self._errors = ErrorPages(
            pages=self._pages,
            replies=self._replies,
            targets=self._targets,
            public_url=settings.public_url,
            prefix=settings.prefix,
        )
        self._csrf = Csrf(mac=self._ring.mac("csrf"), names=self._names, scheme=self._scheme)
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
        self._passwords = self._password_rooms()
        self._logout = Logout(
            strategy=self._strategy, recent=self._recent, hints=self._book, audit=self._audit
        )

    def snapshot(self) -> Snapshot:
        """Return what serves requests in these rooms."""
        around = self._around
        proxies = TrustedProxies(self._settings.trusted_proxies)
        receiver = Receiver(
            scheme=self._scheme,
            serves=hosts_served(self._settings, self.table),
            proxies=proxies,
            limits=around.limits,
            next_id=RequestIds(secrets.token_bytes),
        )
        pipeline = self._pipeline()
        return Snapshot(
            receiver=receiver,
            pipeline=pipeline,
            endpoints=self._endpoints(self._forward_auth(receiver, proxies, pipeline)),
            pages=self._errors,
            ledger=self._ledger,
            live=self._live,
            audit=self._audit,
            owns_cookie=self._names.owns,
            limits=around.limits,
            clock=around.clock,
            monotonic=around.monotonic,
            fast_lane=around.fast_lane,
        )

    async def start(self) -> None:
        """Begin what runs beside the requests."""
        await self._keeping.start()
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
                clock=self._around.clock,
                monotonic=self._around.monotonic,
                audit=self._audit,
                tally=self._metrics,
                log=self._around.log,
            )
        )

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

    def _pipeline(self) -> Pipeline:
        reserved = reserved_by(self.table.ordered)
        heads = AnswerHeads(reserved.answers)
        assertions = Assertions(self._signing, issuer=self._settings.public_url, clock=self._around.clock)
        return Pipeline(
            table=self.table,
            resume=self._resume,
            dresser=Dresser(
                reserved=reserved,
                cookies=self._names,
                assertions=assertions,
                signatures=Signatures(self._request_keys, clock=self._around.clock),
                new_trace=NewTraces(secrets.token_bytes),
            ),
            pools={upstream.name: self._pool(upstream, heads) for upstream in self._upstreams()},
            renewed=self._live.renewed,
            tokens=self._tokens.forwards,
            bearers=self._bearers.bearers,
            clock=self._around.clock,
            monotonic=self._around.monotonic,
        )

    def _pool(self, upstream: Upstream, heads: AnswerHeads) -> Pool | Members:
        """Return the connections to *upstream*, kept while nothing changes that they know of."""
        identities = frozenset(route.identity for route in self.table.ordered)
        around = self._around

        def make() -> Pool | Members:
            return pool_for(
                upstream, heads=heads, monotonic=around.monotonic, log=around.log, metrics=self._metrics
            )

        return self._tenure.claim(("pool", upstream, identities), make, close=close_pool)

    def _upstreams(self) -> list[Upstream]:
        found = (route.upstream for route in self.table.ordered)
        return list({upstream.name: upstream for upstream in found if upstream is not None}.values())

    def _forward_auth(self, receiver: Receiver, proxies: TrustedProxies, pipeline: Pipeline) -> ForwardAuth:
        path = f"{self._settings.prefix}/auth"
        return ForwardAuth(
            path=path,
            originals=Originals(receiver, proxies=proxies, base=path),
            pipeline=pipeline,
            own=OwnPaths(self._settings.prefix),
            errors=self._errors,
            replies=self._replies,
            events=self._around.log,
        )

    def _endpoints(self, forward_auth: ForwardAuth) -> Endpoints:
        logins, passwords = self._logins(), self._passwords.logins()
        return Endpoints(
            prefix=self._settings.prefix,
            home=self._home,
            signin=self._sign_in(logins, passwords),
            initiation=Initiation(logins=logins, targets=self._targets, replies=self._replies),
            signout=self._sign_out(),
            account=self._account(logins, passwords),
            password=self._password_page(),
            tokens=self._tokens_page(),
            programs=Programs(
                resume=self._resume,
                csrf=self._csrf,
                replies=self._replies,
                errors=self._errors,
                providers=logins.providers,
                passwords=passwords.provider if passwords else None,
                jwks=self.jwks,
                root=self._root,
            ),
            issuer_logout=self._issuer_logout(),
            forward_auth=forward_auth,
            resources=ProtectedResources(self.table, replies=self._replies),
            client_jwks=ClientJwks(client_key_sets(self._issuers), replies=self._replies),
        )

    def _sign_in(self, logins: Logins, passwords: PasswordLogins | None) -> SignIn:
        return SignIn(
            logins=logins,
            passwords=passwords,
            step_ups=self._step_ups,
            resume=self._resume,
            targets=self._targets,
            home=self._home,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            root=self._root,
        )

    def _sign_out(self) -> SignOut:
        return SignOut(
            logout=self._logout,
            departures=self._departures(),
            resume=self._resume,
            targets=self._targets,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            prefix=self._settings.prefix,
        )

    def _account(self, logins: Logins, passwords: PasswordLogins | None) -> AccountPage:
        return AccountPage(
            accounts=self._database.users,
            sign_ins=self._database.sign_ins,
            endings=self._database.endings,
            logout=self._logout,
            max_age=int(self._settings.session.max_age),
            audit=self._audit,
            logins=logins,
            unlinking=Unlinking(self._books, passwords=passwords is not None),
            strategy=self._strategy,
            passwords=passwords.provider if passwords else None,
            tokens=bool(self._bearers.personal_routes),
            resume=self._resume,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            clock=self._around.clock,
            prefix=self._settings.prefix,
        )

    def _tokens_page(self) -> TokensPage:
        return TokensPage(
            tokens=self._database.personal_tokens,
            maker=Mint(
                self._database.personal_tokens,
                mac=self._ring.mac(PURPOSE),
                randomness=secrets.token_bytes,
                clock=self._around.clock,
            ),
            routes=self._bearers.personal_routes,
            resume=self._resume,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            audit=self._audit,
            clock=self._around.clock,
            prefix=self._settings.prefix,
        )

    def _password_page(self) -> PasswordPage:
        return PasswordPage(
            change=self._passwords.change(),
            owners=self._database.users,
            strategy=self._strategy,
            resume=self._resume,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            clock=self._around.clock,
            prefix=self._settings.prefix,
        )

    def _logins(self) -> Logins:
        clock = self._around.clock
        trusted = frozenset(each.id for each in self._settings.providers if each.trust_email)
        return Logins(
            providers=self._providers(),
            callback_url=f"{self._root}/callback",
            posted=PostedResponses(self._ring.sealer("posted-response")),
            transactions=Transactions(sealer=self._ring.sealer("login"), names=self._names, clock=clock),
            recent=self._recent,
            spender=self._store,
            linking=Linking(self._books, trust_email=trusted, audit=self._audit, clock=clock),
            step_ups=self._step_ups,
            strategy=self._strategy,
            live=self._resume,
            book=self._tokens.book(self._book),
            audit=self._audit,
            clock=clock,
            counts=self._metrics,
        )

    def _providers(self) -> list[LoginProvider]:
        return [
            LoginProvider(
                id=each.id,
                name=each.name,
                issuer=each.issuer,
                client_id=each.client_id,
                party=self._parties[each.id],
                posts=each.posts,
                kind="oidc" if each.oauth is None else "oauth",
            )
            for each in self._issuers
        ]

    def _party(self, registered: Registration) -> RelyingParty | OAuthParty:
        """Return who talks to an issuer; its metadata and keys are kept while the registration is."""
        tls = registered.tls
        http = self._tenure.claim(
            ("issuers", tls),
            lambda: IssuerHttp(tls=None if tls is None else tls.context()),
            close=IssuerHttp.close,
        )
        kind = RelyingParty if registered.oauth is None else OAuthParty
        return self._tenure.claim(
            ("issuer", registered), lambda: kind(registered, http=http, clock=self._around.clock)
        )

    def _departures(self) -> Departures:
        return Departures(
            providers=[
                LogoutProvider(id=each.id, name=each.name, party=self._parties[each.id])
                for each in self._issuers
            ],
            landing=f"{self._root}/signout",
            sealer=self._ring.sealer("logout"),
            names=self._names,
            audit=self._audit,
            clock=self._around.clock,
        )

    def _issuer_logout(self) -> IssuerLogoutEndpoints:
        return IssuerLogoutEndpoints(
            logout=IssuerLogout(
                announcers=self._parties,
                endings=self._database.endings,
                strategy=self._strategy,
                recent=self._recent,
                max_age=int(self._settings.session.max_age),
                audit=self._audit,
                clock=self._around.clock,
            ),
            issuers={each.id: each.issuer for each in self._issuers},
            pages=self._pages,
            replies=self._replies,
        )
