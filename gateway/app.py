"""The composition root: a gateway from its start to its end, and the process around it."""

import asyncio
import gc
import signal
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec

import msgspec

from gateway import __version__, new_key
from gateway.assembly import build_routes, role_rules
from gateway.descriptors import raise_limit, room_for_connections
from gateway.file_watch import FileWatch, pause_until_even
from gateway.front.ledger import RequestLedger
from gateway.front.limits import Limits
from gateway.front.listener import Listener
from gateway.front.server import check_server
from gateway.front.snapshot import Snapshot
from gateway.front.tls import server_context
from gateway.handover import Handover
from gateway.keys.certificate import expires_at
from gateway.lasting import Tenure
from gateway.new_key import opening_only
from gateway.observe.metrics import Metrics
from gateway.observe.trail import Trail
from gateway.ports import Ports
from gateway.reload import Reload
from gateway.rooms import Rooms, Surroundings
from gateway.routing.table import Table
from gateway.settings.loader import Loaded
from gateway.settings.schema import SessionSettings, Settings
from gateway.settings.tls import TlsSettings
from gateway.store.database import Database
from gateway.store.grants import drop_grants_without
from gateway.succession import Succession
from gateway.web.admin import AdminPort, Readiness, Stage, verdicts

FLOORS = {
    "aiohttp": "3.14.5",
    "authlib": "1.9.9",
    "cryptography": "49",
    "httptools": "0.9.0",
    "joserfc": "1.8.0",
    "jwcrypto": "1.6.1",
    "multidict": "7.2.1",
    "redis": "8.1.0",
    "sqlalchemy": "2.0.40",
    "yarl": "1.25.1",
}
"""The oldest releases without a flaw that would reach us; older ones are not started with."""

DRAIN_SECONDS = 30.0

PATIENCE = 5.0
"""Seconds that a client has for one more request on its connection where another process took over."""

_COLLECT_AFTER = 10_000  # objects made and still held


class Gateway:
    """One gateway, from `start` to `stop`; two in one process share nothing."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._settings = settings
        self._around = around
        self._stage = Stage()
        self._metrics = Metrics(version=__version__, dropped=lambda: around.log.dropped)
        self._stack = AsyncExitStack()
        self._admin: AdminPort | None = None
        self._ports: Ports | None = None
        self._listener: Listener | None = None
        self._trail: Trail | None = None
        self._succession: Succession | None = None
        self._tls: ssl.SSLContext | None = None
        self._turn = asyncio.Lock()
        self._sealing_later: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the store and both ports.

        Raises SchemaMismatch or StoreUnavailable where the database cannot be used, OSError where a
        port is taken, RuntimeError where a library is unfit; nothing is left open then.
        """
        check_server()
        check_versions()
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise

    @property
    def ports(self) -> Ports:
        """The sockets of a gateway that was started."""
        if self._ports is None:
            raise RuntimeError("the gateway has no ports yet")
        return self._ports

    async def stop(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Say so on the admin port, finish what runs for at most *drain* seconds, and close.

        A cancellation ends the waiting, not the closing.
        """
        await self._end(drain)

    async def leave(self) -> None:
        """End as `stop` does, where another process serves the same ports.

        A client that has a connection to this one may ask once more.
        """
        try:
            if self._admin is not None:
                await self._admin.leave()
        finally:
            await self._end(DRAIN_SECONDS, patience=PATIENCE)

    async def _end(self, drain: float, *, patience: float = 0.0) -> None:
        self._stage.draining = True
        if self._sealing_later is not None:
            self._sealing_later.cancel()
        self._tell("gateway.draining", {"seconds": drain})
        try:
            if self._listener is not None:
                await self._listener.drain(drain, patience=patience)
        finally:
            await self._stack.aclose()
        self._tell("gateway.stopped", {})

    async def take_over(self, settings: Settings) -> None:
        """Serve *settings* from the next request on; requests that run finish by what they began with.

        Ports, database and log stay as they were opened. Raises whatever keeps *settings* from being
        served; then nothing has changed.
        """
        async with self._turn:
            await self._take_over(settings)

    async def _take_over(self, settings: Settings) -> None:
        if self._succession is None or self._stage.draining:
            raise RuntimeError("there is no running gateway to reload")
        tls = None if settings.tls is None else _context(settings.tls)
        until = None if settings.tls is None else expires_at(settings.tls.cert)
        many = self._around.workers > 1
        at_first = opening_only(settings, former=self._settings) if many else None
        await self._succession.take_over(at_first or settings)
        self._settings = settings
        if at_first is not None:
            self._sealing_later = asyncio.create_task(self._seal_by(settings, self._succession))
        self._tls = tls
        if self._trail is not None:
            self._trail.keep_for(settings.audit.keep)
        self._metrics.configuration_taken(at=self._around.clock(), certificate_until=until)

    async def _seal_by(self, settings: Settings, succession: Succession) -> None:
        """Let the new key of *settings* seal, once every worker knows it, where they still are in force."""
        await asyncio.sleep(new_key.SETTLE)
        async with self._turn:
            if self._settings is settings and not self._stage.draining:
                await succession.take_over(settings)
                self._tell("configuration.new_key_seals", {})

    def keep(self) -> None:
        """Note that a new configuration was refused, and the one in force stays."""
        self._metrics.configuration_refused()

    async def _open(self) -> None:
        database = await Database.open(
            self._settings.database.url, clock=self._around.clock, create=True, awaited=self._awaits
        )
        self._stack.push_async_callback(database.close)
        trail = self._trail = self._make_trail(database)
        self._stack.push_async_callback(trail.close)
        ledger = self._make_ledger(trail)
        succession = self._succession = Succession(
            lambda settings, tenure: self._furnished(settings, database, ledger, tenure),
            prepare=lambda settings: self._take_grants(settings, database),
            serve=self._serve,
        )
        self._stack.push_async_callback(succession.end)
        await self.take_over(self._settings)
        trail.start()
        await self._open_ports(_Readiness(database=_answers(database), succession=succession))
        self._tell("gateway.started", self._facts(succession.rooms))

    def _make_trail(self, database: Database) -> Trail:
        around, counts = self._around, self._metrics
        return Trail(database.audit, clock=around.clock, keep=None, log=around.log, counts=counts)

    def _make_ledger(self, trail: Trail) -> RequestLedger:
        around, counts = self._around, self._metrics
        return RequestLedger(log=around.log, counts=counts, trail=trail.put, monotonic=around.monotonic)

    async def _take_grants(self, settings: Settings, database: Database) -> None:
        """Take the roles that only the configurations before *settings* granted."""
        rules = role_rules(settings)
        await database.first(partial(drop_grants_without, self._settings.database.url, rules))

    def _awaits(self, reason: str) -> None:
        self._around.log.event("error", "database.awaited", {"reason": reason})

    async def _furnished(
        self, settings: Settings, database: Database, ledger: RequestLedger, tenure: Tenure
    ) -> Rooms:
        # Thousands of routes take their time, and a reload makes them while requests run.
        table = await asyncio.to_thread(lambda: Table(build_routes(settings)))
        return Rooms(
            settings,
            self._around,
            table=table,
            database=database,
            metrics=self._metrics,
            ledger=ledger,
            tenure=tenure,
        )

    def _serve(self, snapshot: Snapshot) -> None:
        if self._listener is not None:
            self._listener.serve(snapshot)
            return
        self._listener = Listener(
            snapshot,
            limits=self._limits(),
            counts=self._metrics,
            log=self._around.log,
            proxy_protocol=self._settings.proxy_protocol,
        )

    def _limits(self) -> Limits:
        limits, asked = self._around.limits, self._settings.limits
        most = room_for_connections(raise_limit()) if asked.connections == "auto" else asked.connections
        return replace(limits, connections=most, connections_per_peer=asked.connections_per_address)

    async def _open_ports(self, readiness: Readiness) -> None:
        if self._around.predecessor is not None:
            await self._around.predecessor.kept_until(lambda: _well(readiness))
        around = self._around
        ports = self._ports = Ports.bound(
            self._settings, public=around.public_sockets, admin=around.admin_sockets
        )
        self._stack.callback(ports.close)
        self._stage.started = True  # before anybody can ask: whom we take over from says so already
        await self._open_admin(readiness, ports)
        if self._listener is not None:
            tls = None if self._tls is None else self._present_tls
            await self._listener.start(ports.public, tls=tls)

    def _present_tls(self) -> ssl.SSLContext:
        if self._tls is None:
            raise RuntimeError("TLS ended while the gateway runs, which no reload lets happen")
        return self._tls

    async def _open_admin(self, readiness: Readiness, ports: Ports) -> None:
        port = self._admin = AdminPort(
            readiness=readiness, stage=self._stage, exposition=self._exposition, jwks=self._jwks
        )
        self._stack.push_async_callback(await port.open(ports.admin))

    async def _exposition(self) -> bytes:
        pieces = []
        for piece in self._metrics.pieces():
            pieces.append(piece)
            await asyncio.sleep(0)  # thousands of routes are a second's work, and requests are waiting
        return b"".join(pieces)

    async def _jwks(self) -> bytes:
        return msgspec.json.encode({} if self._succession is None else self._succession.jwks())

    def _facts(self, rooms: Rooms) -> Mapping[str, object]:
        settings = self._settings
        return {
            "public_url": settings.public_url,
            "listen": settings.listen,
            "tls": settings.tls is not None,
            "admin_listen": settings.admin_listen,
            **_facts_of(settings.session),
            "routes": len(rooms.table.ordered),
            "providers": [each.id for each in settings.providers],
        }

    def _tell(self, event: str, facts: Mapping[str, object]) -> None:
        self._around.log.event("info", event, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readiness:
    database: Callable[[], Awaitable[bool]]
    succession: Succession

    @property
    def checks(self) -> Mapping[str, Callable[[], Awaitable[bool]]]:
        return {"database": self.database, **self.succession.rooms.checks}


async def _well(readiness: Readiness) -> bool:
    return all((await verdicts(readiness)).values())


def _facts_of(session: SessionSettings) -> Mapping[str, object]:
    """Return the choices that have a meaning under the strategy that was chosen."""
    if session.strategy == "stateless":
        return {"strategy": session.strategy, "revocation": session.revocation}
    return {"strategy": session.strategy, "store": session.store, "cache": session.cache}


def _answers(database: Database) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        await database.ping()
        return True

    return check


def _context(tls: TlsSettings) -> ssl.SSLContext:
    return server_context(tls.cert, tls.key, client_ca=tls.client_ca)


def check_versions() -> None:
    """Raise RuntimeError where an installed library is older than its floor."""
    for package, floor in FLOORS.items():
        installed = installed_version(package)
        if _numbers(installed) < _numbers(floor):
            raise RuntimeError(f"{package} {installed} has known flaws: install {floor} or newer")


@cache
def installed_version(package: str) -> str:
    """Return the release of *package* that this process runs; it stays what it was when it was imported."""
    return version(package)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".") if part.isdigit())


async def serve(loaded: Loaded, around: Surroundings, *, read: Callable[[], Loaded]) -> None:
    """Run until SIGTERM, SIGINT or the end of a supervisor, then drain; a second signal ends at once.

    SIGHUP takes over what *read* returns, if nothing is wrong with it; keys and certificates that change
    on the disk are taken over by themselves. SIGUSR2 hands everything over to a successor, as `around.start`
    says, and ends like SIGTERM once that one serves.
    """
    gateway = Gateway(loaded.settings, around)
    asked, asked_to_reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    if around.lifeline is not None:
        loop.add_reader(around.lifeline, _orphaned, loop, around.lifeline, asked)
    if around.predecessor is not None:
        around.predecessor.attend(asked)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    loop.add_signal_handler(signal.SIGHUP, asked_to_reload.set)
    await gateway.start()
    leave_the_start_alone()
    handover = _handover(gateway, loaded.settings, around, asked)
    loop.add_signal_handler(signal.SIGHUP, _reload, asked_to_reload, handover)
    reload = Reload(gateway, loaded, read=read, log=around.log)
    watch = FileWatch(read=reload.files, take_over=reload.refresh, pause=pause_until_even(around.clock))
    beside = [reload.when(asked_to_reload), watch.run(), handover.serve()]
    tasks = [asyncio.create_task(each) for each in beside]
    await asked.wait()
    around.notify.stopping()
    for task in tasks:
        task.cancel()
    stopping = asyncio.create_task(_stopped(gateway, handover))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.cancel)
    try:
        await stopping
    except asyncio.CancelledError:
        around.log.event("warning", "gateway.stopped_at_once", {})


def _handover(gateway: Gateway, settings: Settings, around: Surroundings, ending: asyncio.Event) -> Handover:
    return Handover(
        around.start,
        predecessor=around.predecessor,
        ports=gateway.ports,
        listen=settings.listen,
        admin_listen=settings.admin_listen,
        ending=ending,
        notify=around.notify,
        log=around.log,
    )


def _reload(asked: asyncio.Event, handover: Handover) -> None:
    asked.set()
    handover.reload()


async def _stopped(gateway: Gateway, handover: Handover) -> None:
    """Let *gateway* finish what runs, and with it a successor that did not take over."""
    if handover.done:
        await gateway.leave()
    else:
        await asyncio.gather(gateway.stop(), handover.end())


def _orphaned(loop: asyncio.AbstractEventLoop, lifeline: int, asked: asyncio.Event) -> None:
    """Stop, since the supervisor that would say so is gone."""
    loop.remove_reader(lifeline)
    asked.set()


def leave_the_start_alone() -> None:
    """Let the collector look at what requests make, never again at the rooms and libraries.

    A request leaves no cycle behind, so collecting seldom keeps nothing longer than it is needed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 50, 50)


def run(loaded: Loaded, around: Surroundings, *, read: Callable[[], Loaded]) -> None:
    """Serve on uvloop where it is installed, else on asyncio; *read* reads the configuration again."""
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(serve(loaded, around, read=read))


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's maker of loops where it is installed, else None for asyncio's own."""
    if find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - an extra that need not be there

    return uvloop.new_event_loop
