"""Every room of one gateway, made and joined; nothing here decides about a request."""

import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.assembly import build_routes, cookie_names, hosts_served, registration, session_policy
from gateway.flows.link import Linking
from gateway.flows.login import LoginProvider, Logins
from gateway.flows.logout import Logout
from gateway.flows.recent import RecentLogins
from gateway.flows.resume import Resume
from gateway.flows.targets import ReturnTargets
from gateway.flows.transactions import Transactions
from gateway.flows.unlink import Unlinking
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import Receiver
from gateway.front.ledger import RequestLedger
from gateway.front.limits import Limits
from gateway.front.listener import Listener
from gateway.front.request_id import RequestIds
from gateway.keys.keyring import KeyRing
from gateway.model.event import Clock
from gateway.model.route import Upstream
from gateway.observe.log import Log
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedBooks, WatchedStore
from gateway.observe.trace import NewTraces
from gateway.observe.trail import Trail
from gateway.pipeline import Pipeline
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.provider import RelyingParty
from gateway.routing.table import Table
from gateway.sessions.stateless import Stateless
from gateway.settings.addresses import url
from gateway.settings.providers import ProviderSettings
from gateway.settings.schema import Settings
from gateway.store.database import Database
from gateway.upstream.assertion import Assertions
from gateway.upstream.headers import Dresser, reserved_by
from gateway.upstream.pool import Pool
from gateway.web.account import AccountPage
from gateway.web.csrf import Csrf
from gateway.web.endpoints import Endpoints
from gateway.web.errors import ErrorPages
from gateway.web.home import Home
from gateway.web.pages import Pages
from gateway.web.programs import Programs
from gateway.web.replies import Replies
from gateway.web.signin import SignIn
from gateway.web.signout import SignOut

Close = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the process lends its parts: clocks, the log, limits, and sockets that are bound already."""

    log: Log
    clock: Clock = time.time
    monotonic: Callable[[], float] = time.monotonic
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    fast_lane: bool = True
    public_socket: socket.socket | None = None
    admin_socket: socket.socket | None = None


class Rooms:
    """The rooms of one gateway on an open database. What `closing` lists is to be closed, last first."""

    def __init__(
        self, settings: Settings, around: Surroundings, *, database: Database, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._around = around
        self._database = database
        watch = StoreWatch(metrics, monotonic=around.monotonic)
        self._store = WatchedStore(database, watch)
        self._books = WatchedBooks(database.users, watch)
        self._metrics = metrics
        self._names = cookie_names(settings)
        self._root = settings.public_url + settings.prefix
        self._scheme = url(settings.public_url).scheme
        self._ring = KeyRing(settings.secret, scope=settings.public_url)
        self._signing = self._ring.signing_keys()
        self.jwks = self._signing.jwks
        self.table = Table(build_routes(settings))
        self.trail = self._make_trail()
        self._ledger = RequestLedger(
            log=around.log, counts=metrics, trail=self.trail.put, monotonic=around.monotonic
        )
        self._audit = self._ledger.audit
        self._strategy = self._make_strategy()
        self.closing: list[Close] = [self.trail.close, self._strategy.close]
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
        issuers = [provider.issuer for provider in settings.providers]
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

    def listener(self) -> Listener:
        """Return the public port, not listening yet."""
        around = self._around
        return Listener(
            receiver=Receiver(
                scheme=self._scheme,
                serves=hosts_served(self._settings, self.table),
                proxies=TrustedProxies(self._settings.trusted_proxies),
                limits=around.limits,
                next_id=RequestIds(secrets.token_bytes),
            ),
            pipeline=self._pipeline(),
            endpoints=self._endpoints(),
            pages=self._errors,
            ledger=self._ledger,
            audit=self._audit,
            owns_cookie=self._names.owns,
            limits=around.limits,
            clock=around.clock,
            monotonic=around.monotonic,
            fast_lane=around.fast_lane,
        )

    def _make_trail(self) -> Trail:
        keep = self._settings.audit.keep
        return Trail(
            self._database.audit,
            clock=self._around.clock,
            keep=None if keep is None else int(keep),
            log=self._around.log,
            counts=self._metrics,
        )

    def _make_strategy(self) -> Stateless:
        return Stateless(
            session_policy(self._settings),
            sealer=self._ring.sealer("session"),
            names=self._names,
            directory=self._store,
            clock=self._around.clock,
            audit=self._audit,
            tally=self._metrics,
        )

    def _pipeline(self) -> Pipeline:
        reserved = reserved_by(self.table.ordered)
        assertions = Assertions(self._signing, issuer=self._settings.public_url, clock=self._around.clock)
        pools = {upstream.name: Pool(upstream, reserved=reserved) for upstream in self._upstreams()}
        self.closing += [pool.close for pool in pools.values()]
        return Pipeline(
            table=self.table,
            resume=self._resume,
            dresser=Dresser(
                reserved=reserved,
                cookies=self._names,
                assertions=assertions,
                new_trace=NewTraces(secrets.token_bytes),
            ),
            pools=pools,
            monotonic=self._around.monotonic,
        )

    def _upstreams(self) -> list[Upstream]:
        return list({route.upstream.name: route.upstream for route in self.table.ordered}.values())

    def _endpoints(self) -> Endpoints:
        logins = self._logins()
        return Endpoints(
            prefix=self._settings.prefix,
            home=self._home,
            signin=self._sign_in(logins),
            signout=self._sign_out(),
            account=self._account(logins),
            programs=Programs(
                resume=self._resume,
                csrf=self._csrf,
                replies=self._replies,
                errors=self._errors,
                providers=logins.providers,
                jwks=self.jwks,
                root=self._root,
            ),
        )

    def _sign_in(self, logins: Logins) -> SignIn:
        return SignIn(
            logins=logins,
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
            logout=Logout(strategy=self._strategy, recent=self._recent, audit=self._audit),
            resume=self._resume,
            targets=self._targets,
            csrf=self._csrf,
            pages=self._pages,
            replies=self._replies,
            prefix=self._settings.prefix,
        )

    def _account(self, logins: Logins) -> AccountPage:
        return AccountPage(
            accounts=self._database.users,
            logins=logins,
            unlinking=Unlinking(self._books),
            strategy=self._strategy,
            audit=self._audit,
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
            transactions=Transactions(sealer=self._ring.sealer("login"), names=self._names, clock=clock),
            recent=self._recent,
            spender=self._store,
            linking=Linking(self._books, trust_email=trusted, audit=self._audit, clock=clock),
            strategy=self._strategy,
            live=self._resume,
            audit=self._audit,
            clock=clock,
            counts=self._metrics,
        )

    def _providers(self) -> list[LoginProvider]:
        http = IssuerHttp()
        self.closing.append(http.close)
        return [
            LoginProvider(
                id=each.id,
                name=each.name,
                issuer=each.issuer,
                client_id=each.client_id,
                party=self._party(each, http),
            )
            for each in self._settings.providers
        ]

    def _party(self, provider: ProviderSettings, http: IssuerHttp) -> RelyingParty:
        ours = registration(provider, grants=self._settings.roles)
        return RelyingParty(ours, http=http, clock=self._around.clock)
