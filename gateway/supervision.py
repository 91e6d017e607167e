"""The supervisor's process: signals in, workers kept, one admin port for all of them."""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.activation import Activation
from gateway.notify import Notify
from gateway.observe.log import Log
from gateway.observe.merged import Totals
from gateway.ports import admin_sockets
from gateway.settings.addresses import listen_address, socket_path
from gateway.settings.schema import Settings
from gateway.unix_socket import UnixSocket
from gateway.web.admin import AdminPort, Stage
from gateway.worker import Worker
from gateway.workers import BACKLOG, Plan, Supervisor

NOTHING = Activation()
NOBODY = Notify()
_STOP = (signal.SIGTERM, signal.SIGINT)


class _Admin:
    """What the admin port tells of all workers, asked of each when somebody asks."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._totals: Totals[Worker] = Totals()
        self._turn = asyncio.Lock()

    @property
    def checks(self) -> Mapping[str, Callable[[], Awaitable[bool]]]:
        """Each worker that serves has to be ready, and one has to serve."""
        serving = ((place.name, place.serving) for place in self._supervisor.places)
        ready = {name: _ready(worker) for name, worker in serving if worker is not None and worker.served}
        return ready or {"workers": _nobody}

    async def exposition(self) -> bytes:
        """Return the series of all workers, added up, with what those had counted that have ended."""
        places = self._supervisor.places
        async with self._turn:
            told = await self._asked("/metrics")
            running = sum(place.serving is not None for place in places)
            restarts = sum(place.restarts for place in places)
            return await asyncio.to_thread(self._totals.of, told, running=running, restarts=restarts)

    async def jwks(self) -> bytes:
        """Return the public keys, which all workers share."""
        told = await self._asked("/.well-known/jwks.json")
        return next((answer for answer in told.values() if answer), b'{"keys":[]}')

    async def _asked(self, path: str) -> dict[Worker, bytes]:
        """Return what each process answers, those included that finish; nothing of one that says nothing."""
        workers = [worker for place in self._supervisor.places for worker in place.running]
        told = await asyncio.gather(*[_told(worker, path) for worker in workers])
        return dict(zip(workers, told, strict=True))


async def _told(worker: Worker, path: str) -> bytes:
    with suppress(OSError, TimeoutError, ValueError):
        status, body = await worker.ask(path)
        return body if status == 200 else b""
    return b""


def _ready(worker: Worker) -> Callable[[], Awaitable[bool]]:
    return lambda: worker.answers("/readyz")


async def _nobody() -> bool:
    return False


def supervise(
    settings: Settings,
    config: Path,
    *,
    workers: int,
    log: Log,
    activation: Activation = NOTHING,
    notify: Notify = NOBODY,
) -> int:
    """Run so many *workers* until SIGTERM or SIGINT, and return the exit status.

    Where *activation* has sockets, they serve these. *notify* hears how the supervisor fares, which sees
    itself to workers that stand still.

    SIGHUP has all of them read the configuration again, SIGUSR2 replaces them one after the other by new
    processes, with no connection refused meanwhile. Raises OSError where a port cannot be had.
    """
    return asyncio.run(
        _supervise(settings, config, workers=workers, log=log, activation=activation, notify=notify)
    )


async def _supervise(
    settings: Settings, config: Path, *, workers: int, log: Log, activation: Activation, notify: Notify
) -> int:
    with TemporaryDirectory(prefix="vestibule-") as folder:
        async with AsyncExitStack() as stack:
            plan = Plan(
                command=(sys.executable, "-m", "gateway", "run", "--config", str(config)),
                where=activation.public or _own_place(settings.listen, stack),
                workers=workers,
                folder=Path(folder),
            )
            supervisor, stage = Supervisor(plan, log=log), Stage()
            await _open_admin(settings, supervisor, stage, stack, bound=activation.admin)
            stack.push_async_callback(supervisor.end)  # first, so that the admin port tells of it
            asked = _listen_to_signals(supervisor)
            living = asyncio.create_task(notify.stay_alive())
            stack.callback(living.cancel)
            starting, stopping = asyncio.create_task(supervisor.start()), asyncio.create_task(asked.wait())
            await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return 0
            if status := starting.result():
                return status
            stage.started = True
            notify.ready()
            await stopping
            notify.stopping()
            stage.draining = True
        return 0


def _own_place(listen: str, stack: AsyncExitStack) -> socket.socket | tuple[str, int]:
    """Return where the workers listen where nobody passed a socket. Raises OSError."""
    if path := socket_path(listen):
        made = UnixSocket.bind(path)
        stack.callback(made.remove)
        made.sock.listen(BACKLOG)
        return made.sock
    address = listen_address(listen)
    return address.host, address.port


def _listen_to_signals(supervisor: Supervisor) -> asyncio.Event:
    """Pass signals on, and return what is set once the gateway is to stop; a second one ends at once."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        if asked.is_set():
            supervisor.end_at_once()
        asked.set()

    for number in _STOP:
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
    loop.add_signal_handler(signal.SIGUSR2, supervisor.replace)
    return asked


async def _open_admin(
    settings: Settings,
    supervisor: Supervisor,
    stage: Stage,
    stack: AsyncExitStack,
    *,
    bound: socket.socket | None,
) -> None:
    told = _Admin(supervisor)
    port = AdminPort(readiness=told, stage=stage, exposition=told.exposition, jwks=told.jwks)
    listening = admin_sockets(settings, passed=bound)
    for each in listening:
        stack.callback(each.close)
    stack.push_async_callback(await port.open(listening))
