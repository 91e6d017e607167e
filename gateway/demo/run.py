"""The three parts of the demo, started in order and stopped together."""

import asyncio
import http.client
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from gateway.demo.issuer import Client, DemoIssuer, serve_issuer
from gateway.demo.sample_app import SampleApp, serve_app
from gateway.verify import Verifier

READY_WITHIN = 20.0
DRAIN = 5.0
_POLL = 0.05
# A terminal that is closed ends the demo; the gateway itself would take SIGHUP for a reload.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoFailed(Exception):
    """The demo cannot go on; the text is for the person at the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An address that a part of the demo needs, and where it is configured."""

    part: str
    host: str
    port: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the parts live and what they tell one another, as the configuration has it.

    `command` starts the gateway under `environ`; `own_url` is where its own pages are, `audience` what it
    calls the app in assertions.
    """

    app: Port
    issuer: Port
    gateway: Port
    admin: Port
    public_url: str
    issuer_url: str
    own_url: str
    audience: str
    client: Client
    command: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)

    @property
    def jwks_url(self) -> str:
        return f"{self.own_url}/jwks.json"

    @property
    def ports(self) -> tuple[Port, ...]:
        return self.app, self.issuer, self.gateway, self.admin


def gateway_command(config: Path) -> tuple[str, ...]:
    """Return the command that serves *config* with this very interpreter."""
    return sys.executable, "-m", "gateway", "run", "--config", str(config)


async def run(plan: Plan, *, clock: Callable[[], float], ready: Callable[[], None]) -> None:
    """Run all parts until SIGINT, SIGTERM or the end of the gateway; call *ready* once it serves.

    Raises `DemoFailed` where a part cannot start, or the gateway ends by itself.
    """
    refuse_taken(plan.ports)
    async with AsyncExitStack() as parts:
        stopped = await parts.enter_async_context(_signals())
        await parts.enter_async_context(_app(plan))
        await parts.enter_async_context(_issuer(plan, clock))
        gateway = await parts.enter_async_context(_gateway(plan))
        over = asyncio.create_task(gateway.wait())
        asked = asyncio.create_task(stopped.wait())
        started = asyncio.create_task(until_ready(plan.admin))
        try:
            await _first(over, asked, started)
            if started.done() and not asked.done() and not over.done():
                started.result()
                ready()
                await _first(over, asked)
        finally:
            for task in (asked, started):
                task.cancel()
        if not asked.done():
            raise DemoFailed(f"the gateway ended with status {await over}; its log says why")


async def _first(*tasks: Awaitable[object]) -> None:
    await asyncio.wait([asyncio.ensure_future(task) for task in tasks], return_when=asyncio.FIRST_COMPLETED)


def refuse_taken(ports: Sequence[Port]) -> None:
    """Raise `DemoFailed` with a sentence for each port that somebody else listens on."""
    sentences = [
        f"{port.host}:{port.port} ({port.part}) is taken: stop what listens there, or change {port.key}"
        for port in ports
        if not _is_free(port)
    ]
    if sentences:
        raise DemoFailed("\n".join(sentences))


def _is_free(port: Port) -> bool:
    family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.host, port.port))
        except OSError:
            return False
    return True


async def until_ready(admin: Port, *, within: float = READY_WITHIN) -> None:
    """Return once `/readyz` on the admin port says 200; raise `DemoFailed` when that takes too long."""
    try:
        async with asyncio.timeout(within):
            while not await asyncio.to_thread(_is_ready, admin):  # noqa: ASYNC110 - another process's state
                await asyncio.sleep(_POLL)
    except TimeoutError:
        raise DemoFailed(f"the gateway was not ready within {within:.0f} s; its log says why") from None


def _is_ready(admin: Port) -> bool:
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@asynccontextmanager
async def _signals() -> AsyncIterator[asyncio.Event]:
    """Hand out an event that signals to end set, instead of what they do otherwise."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in _ENDING:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def _app(plan: Plan) -> AsyncIterator[None]:
    verifier = Verifier(issuer=plan.public_url, audience=plan.audience, jwks_url=plan.jwks_url)
    server = serve_app(SampleApp(verifier=verifier), host=plan.app.host, port=plan.app.port)
    thread = Thread(target=server.serve_forever, args=(0.05,), name="sample-app", daemon=True)
    thread.start()
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


@asynccontextmanager
async def _issuer(plan: Plan, clock: Callable[[], float]) -> AsyncIterator[None]:
    issuer = DemoIssuer(url=plan.issuer_url, client=plan.client, clock=clock)
    runner = await serve_issuer(issuer, host=plan.issuer.host, port=plan.issuer.port)
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _gateway(plan: Plan) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the gateway in a session of its own, so that Ctrl-C reaches it through us alone, once."""
    process = await asyncio.create_subprocess_exec(
        *plan.command, env=dict(plan.environ), stdin=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask *process* to drain and end; insist when it takes longer than a demo should.

    A successor that it left behind, in the same session, is asked too.
    """
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(DRAIN):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
