"""The composition root: alone sees the whole `Settings`, joins the rooms, starts and stops them.

Nothing here decides about a request.
"""

import asyncio
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version as installed_version

from aiohttp import web

from gateway import __version__
from gateway.assembly import build_routes, cookie_names, hosts_served, registration, session_policy
from gateway.flows.link import Linking
from gateway.flows.login import LoginProvider, Logins
from gateway.flows.logout import Logout
from gateway.flows.recent import RecentLogins
from gateway.flows.resume import Resume
from gateway.flows.targets import ReturnTargets
from gateway.flows.transactions import Transactions
from gateway.front.connection import check_server
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import Receiver
from gateway.front.ledger import RequestLedger
from gateway.front.limits import Limits
from gateway.front.listener import Listener
from gateway.front.request_id import RequestIds
from gateway.keys.keyring import KeyRing
from gateway.keys.signing import SigningKeys
from gateway.model.event import Clock
from gateway.model.route import Route, Upstream
from gateway.observe.log import Log
from gateway.observe.metrics import Metrics
from gateway.pipeline import Pipeline
from gateway.relying_party.http import IssuerHttp
from gateway.relying_party.provider import RelyingParty
from gateway.routing.table import Table
from gateway.sessions.stateless import Stateless
from gateway.settings.addresses import listen_address, url
from gateway.settings.schema import Settings
from gateway.store.database import Database
from gateway.upstream.assertion import Assertions
from gateway.upstream.headers import Dresser, reserved_by
from gateway.upstream.pool import Pool
from gateway.web.account import AccountPage
from gateway.web.admin import AdminPort, Stage
from gateway.web.csrf import Csrf
from gateway.web.endpoints import Endpoints
from gateway.web.errors import ErrorPages
from gateway.web.pages import Pages
from gateway.web.programs import Programs
from gateway.web.replies import Replies
from gateway.web.signin import SignIn
from gateway.web.signout import SignOut

FLOORS = {
    "aiohttp": "3.14.5",
    "authlib": "1.9.9",
    "cryptography": "49",
    "httptools": "0.9.0",
    "joserfc": "1.8.0",
    "jwcrypto": "1.6.1",
    "multidict": "7.2.1",
    "sqlalchemy": "2.0.40",
    "yarl": "1.25.1",
}
"""The oldest releases without a flaw that would reach us; older ones are not started with."""

DRAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the process lends its parts: clocks, the log, and sockets that are bound already."""

    log: Log
    clock: Clock = time.time
    monotonic: Callable[[], float] = time.monotonic
    public_socket: socket.socket | None = None
    admin_socket: socket.socket | None = None


class Gateway:
    """One gateway, from `start` to `stop`; two in one process share nothing."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._settings = settings
        self._around = around
        self._log = around.log
        self._stage = Stage()
        self._metrics = Metrics(version=__version__, dropped=lambda: around.log.dropped)
        self._names = cookie_names(settings)
        self._ring = KeyRing(settings.secret, scope=settings.public_url)
        self._signing = self._ring.signing_keys()
        self._stack = AsyncExitStack()
        self._listener: Listener | None = None

    async def start(self) -> None:
        """Open the store and both ports.

        Raises SchemaMismatch or StoreUnavailable where the database cannot be used, OSError where a
        port is taken; nothing is left open then.
        """
        check_server()
        check_versions()
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Say so on the admin port, finish what runs for at most *drain* seconds, and close."""
        self._stage.draining = True
        self._log.event("info", "gateway.draining", {"seconds": drain})
        if self._listener is not None:
            await self._listener.drain(drain)
        await self._stack.aclose()
        self._log.event("info", "gateway.stopped", {})

    async def _open(self) -> None:
        database = await Database.open(self._settings.database.url, clock=self._around.clock, create=True)
        self._stack.push_async_callback(database.close)
        strategy = self._strategy(database)
        self._stack.push_async_callback(strategy.close)
        routes = build_routes(self._settings)
        resume = Resume(strategy)
        listener = self._listener = self._join(routes, resume, strategy, database)
        await self._open_admin(database)
        address = listen_address(self._settings.listen)
        await listener.start(address.host, address.port, bound=self._around.public_socket)
        self._stage.started = True
        self._tell_start(routes)

    def _strategy(self, database: Database) -> Stateless:
        return Stateless(
            session_policy(self._settings),
            sealer=self._ring.sealer("session"),
            names=self._names,
            directory=database,
            clock=self._around.clock,
            audit=self._log.audit,
            tally=self._metrics,
        )

    def _join(
        self, routes: tuple[Route, ...], resume: Resume, strategy: Stateless, database: Database
    ) -> Listener:
        settings, around = self._settings, self._around
        table = Table(routes)
        targets = ReturnTargets(public_url=settings.public_url, hosts=table.hosts, prefix=settings.prefix)
        pages, replies = self._pages()
        errors = ErrorPages(
            pages=pages,
            replies=replies,
            targets=targets,
            public_url=settings.public_url,
            prefix=settings.prefix,
        )
        return Listener(
            receiver=Receiver(
                scheme=url(settings.public_url).scheme,
                serves=hosts_served(settings, table),
                proxies=TrustedProxies(settings.trusted_proxies),
                limits=Limits(),
                next_id=RequestIds(secrets.token_bytes),
            ),
            pipeline=self._pipeline(table, resume),
            endpoints=self._endpoints(targets, pages, replies, errors, resume, strategy, database),
            pages=errors,
            ledger=RequestLedger(log=self._log, counts=self._metrics, monotonic=around.monotonic),
            audit=self._log.audit,
            owns_cookie=self._names.owns,
            limits=Limits(),
            monotonic=around.monotonic,
        )

    def _pages(self) -> tuple[Pages, Replies]:
        replies = Replies(secure=self._names.secure)
        issuers = [provider.issuer for provider in self._settings.providers]
        return Pages(replies=replies, prefix=self._settings.prefix, issuers=issuers), replies

    def _pipeline(self, table: Table, resume: Resume) -> Pipeline:
        reserved = reserved_by(table.ordered)
        dresser = Dresser(
            reserved=reserved,
            cookies=self._names,
            assertions=Assertions(self._signing, issuer=self._settings.public_url, clock=self._around.clock),
        )
        pools: dict[str, Pool] = {}
        for upstream in _distinct(table.ordered):
            pool = pools[upstream.name] = Pool(upstream, reserved=reserved)
            self._stack.push_async_callback(pool.close)
        return Pipeline(
            table=table, resume=resume, dresser=dresser, pools=pools, monotonic=self._around.monotonic
        )

    def _endpoints(
        self,
        targets: ReturnTargets,
        pages: Pages,
        replies: Replies,
        errors: ErrorPages,
        resume: Resume,
        strategy: Stateless,
        database: Database,
    ) -> Endpoints:
        settings, names, clock = self._settings, self._names, self._around.clock
        root = settings.public_url + settings.prefix
        csrf = Csrf(mac=self._ring.mac("csrf"), names=names, scheme=url(settings.public_url).scheme)
        recent = RecentLogins(sealer=self._ring.sealer("recent-logins"), names=names, clock=clock)
        logins = self._logins(resume, strategy, database, recent, callback_url=f"{root}/callback")
        return Endpoints(
            prefix=settings.prefix,
            signin=SignIn(
                logins=logins,
                resume=resume,
                targets=targets,
                csrf=csrf,
                pages=pages,
                replies=replies,
                root=root,
            ),
            signout=SignOut(
                logout=Logout(strategy=strategy, recent=recent, audit=self._log.audit),
                resume=resume,
                targets=targets,
                csrf=csrf,
                pages=pages,
                replies=replies,
                public_url=settings.public_url,
                prefix=settings.prefix,
            ),
            account=AccountPage(
                accounts=database.users,
                logins=logins,
                resume=resume,
                csrf=csrf,
                pages=pages,
                replies=replies,
                clock=clock,
                prefix=settings.prefix,
            ),
            programs=Programs(
                resume=resume,
                csrf=csrf,
                replies=replies,
                errors=errors,
                providers=logins.providers,
                jwks=self._signing.jwks,
                root=root,
            ),
        )

    def _logins(
        self,
        resume: Resume,
        strategy: Stateless,
        database: Database,
        recent: RecentLogins,
        *,
        callback_url: str,
    ) -> Logins:
        clock, audit = self._around.clock, self._log.audit
        http = IssuerHttp()
        self._stack.push_async_callback(http.close)
        trusted = frozenset(each.id for each in self._settings.providers if each.trust_email)
        return Logins(
            providers=self._providers(http),
            callback_url=callback_url,
            transactions=Transactions(sealer=self._ring.sealer("login"), names=self._names, clock=clock),
            recent=recent,
            spender=database,
            linking=Linking(database.users, trust_email=trusted, audit=audit, clock=clock),
            strategy=strategy,
            live=resume,
            audit=audit,
            clock=clock,
            counts=self._metrics,
        )

    def _providers(self, http: IssuerHttp) -> list[LoginProvider]:
        return [
            LoginProvider(
                id=each.id,
                name=each.name,
                issuer=each.issuer,
                client_id=each.client_id,
                party=RelyingParty(registration(each), http=http, clock=self._around.clock),
            )
            for each in self._settings.providers
        ]

    async def _open_admin(self, database: Database) -> None:
        port = AdminPort(
            readiness=_Readiness(checks={"database": _answers(database)}),
            stage=self._stage,
            exposition=self._metrics.exposition,
            jwks=self._signing.jwks,
        )
        runner = web.AppRunner(port.application(), access_log=None, handle_signals=False)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        address = listen_address(self._settings.admin_listen)
        bound = self._around.admin_socket
        site = web.SockSite(runner, bound) if bound else web.TCPSite(runner, address.host, address.port)
        await site.start()

    def _tell_start(self, routes: tuple[Route, ...]) -> None:
        settings = self._settings
        facts = {
            "public_url": settings.public_url,
            "listen": settings.listen,
            "admin_listen": settings.admin_listen,
            "strategy": settings.session.strategy,
            "revocation": settings.session.revocation,
            "routes": len(routes),
            "providers": [each.id for each in settings.providers],
        }
        self._log.event("info", "gateway.started", facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readiness:
    checks: Mapping[str, Callable[[], Awaitable[bool]]]


def _answers(database: Database) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        await database.ping()
        return True

    return check


def _distinct(routes: tuple[Route, ...]) -> list[Upstream]:
    return list({route.upstream.name: route.upstream for route in routes}.values())


def check_versions() -> None:
    """Raise RuntimeError where an installed library is older than its floor."""
    for package, floor in FLOORS.items():
        installed = installed_version(package)
        if _numbers(installed) < _numbers(floor):
            raise RuntimeError(f"{package} {installed} has known flaws: install {floor} or newer")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


async def serve(settings: Settings, around: Surroundings) -> None:
    """Run until SIGTERM or SIGINT, then drain; a second signal ends at once."""
    gateway = Gateway(settings, around)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await gateway.start()
    await asked.wait()
    stopping = asyncio.create_task(gateway.stop())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.cancel)
    try:
        await stopping
    except asyncio.CancelledError:
        around.log.event("warning", "gateway.stopped_at_once", {})


def run(settings: Settings, around: Surroundings) -> None:
    """Serve on uvloop where it is installed, else on asyncio."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings, around))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
