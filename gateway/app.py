"""The composition root: a gateway from its start to its end, and the process around it."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from importlib.util import find_spec

from aiohttp import web

from gateway import __version__
from gateway.front.listener import Listener
from gateway.front.server import check_server
from gateway.observe.metrics import Metrics
from gateway.rooms import Rooms, Surroundings
from gateway.settings.addresses import listen_address
from gateway.settings.schema import Settings
from gateway.store.database import Database
from gateway.store.grants import drop_grants_without
from gateway.web.admin import AdminPort, Stage

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
_COLLECT_AFTER = 10_000  # objects made and still held


class Gateway:
    """One gateway, from `start` to `stop`; two in one process share nothing."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._settings = settings
        self._around = around
        self._stage = Stage()
        self._metrics = Metrics(version=__version__, dropped=lambda: around.log.dropped)
        self._stack = AsyncExitStack()
        self._listener: Listener | None = None

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

    async def stop(self, *, drain: float = DRAIN_SECONDS) -> None:
        """Say so on the admin port, finish what runs for at most *drain* seconds, and close.

        A cancellation ends the waiting, not the closing.
        """
        self._stage.draining = True
        self._tell("gateway.draining", {"seconds": drain})
        try:
            if self._listener is not None:
                await self._listener.drain(drain)
        finally:
            await self._stack.aclose()
        self._tell("gateway.stopped", {})

    async def _open(self) -> None:
        url = self._settings.database.url
        database = await Database.open(url, clock=self._around.clock, create=True)
        self._stack.push_async_callback(database.close)
        rules = frozenset((rule.provider, rule.role) for rule in self._settings.roles)
        await asyncio.to_thread(drop_grants_without, url, rules)
        rooms = Rooms(self._settings, self._around, database=database, metrics=self._metrics)
        listener = self._listener = rooms.listener()
        for close in rooms.closing:
            self._stack.push_async_callback(close)
        rooms.trail.start()
        await self._open_admin(database, rooms.jwks)
        address = listen_address(self._settings.listen)
        await listener.start(address.host, address.port, bound=self._around.public_socket)
        self._stage.started = True
        self._tell("gateway.started", self._facts(rooms))

    async def _open_admin(self, database: Database, jwks: Callable[[], dict[str, object]]) -> None:
        port = AdminPort(
            readiness=_Readiness(checks={"database": _answers(database)}),
            stage=self._stage,
            exposition=self._metrics.exposition,
            jwks=jwks,
        )
        runner = web.AppRunner(port.application(), access_log=None, handle_signals=False)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        address, bound = listen_address(self._settings.admin_listen), self._around.admin_socket
        site = web.SockSite(runner, bound) if bound else web.TCPSite(runner, address.host, address.port)
        await site.start()

    def _facts(self, rooms: Rooms) -> Mapping[str, object]:
        settings = self._settings
        return {
            "public_url": settings.public_url,
            "listen": settings.listen,
            "admin_listen": settings.admin_listen,
            "strategy": settings.session.strategy,
            "revocation": settings.session.revocation,
            "routes": len(rooms.table.ordered),
            "providers": [each.id for each in settings.providers],
        }

    def _tell(self, event: str, facts: Mapping[str, object]) -> None:
        self._around.log.event("info", event, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Readiness:
    checks: Mapping[str, Callable[[], Awaitable[bool]]]


def _answers(database: Database) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        await database.ping()
        return True

    return check


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
    leave_the_start_alone()
    await asked.wait()
    stopping = asyncio.create_task(gateway.stop())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.cancel)
    try:
        await stopping
    except asyncio.CancelledError:
        around.log.event("warning", "gateway.stopped_at_once", {})


def leave_the_start_alone() -> None:
    """Let the collector look at what requests make, never again at the rooms and libraries.

    A request leaves no cycle behind, so collecting seldom keeps nothing longer than it is needed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 50, 50)


def run(settings: Settings, around: Surroundings) -> None:
    """Serve on uvloop where it is installed, else on asyncio."""
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(serve(settings, around))


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's maker of loops where it is installed, else None for asyncio's own."""
    if find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - an extra that need not be there

    return uvloop.new_event_loop
