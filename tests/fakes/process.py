"""`python -m gateway run` as a process of its own, for what only a process shows."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.browser import Browser, Page
from tests.fakes.databases import made_in
from tests.fakes.gateway import SECRET, keep_for_the_canary_search
from tests.fakes.ports import free_port
from tests.fakes.raw_client import RawConnection, get

ROOT = Path(__file__).parents[2]
RUN = (sys.executable, "-m", "gateway", "run")
PATIENCE = 50.0
_TOML = """
public_url = "{url}"
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin_port}"
secret = "{secret}"
[database]
url = "sqlite:///gateway.db"
[log]
format = "json"
level = "debug"
{tables}
"""


@dataclass(slots=True, kw_only=True)
class GatewayProcess:
    """A gateway's folder and ports, and its process while one runs."""

    folder: Path
    port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    places: dict[str, int] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def config(self) -> Path:
        return self.folder / "gateway.toml"

    @property
    def database(self) -> Path:
        return self.folder / "gateway.db"

    @property
    def log(self) -> str:
        return (self.folder / "stdout").read_text()

    @property
    def complaints(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def configure(self, tables: str) -> None:
        """Write the configuration, and beside it an empty database, which a start need not make then."""
        made_in(self.folder)
        self.config.write_text(
            _TOML.format(
                url=self.url, port=self.port, admin_port=self.admin_port, secret=SECRET, tables=tables
            )
        )

    async def start(self, command: Sequence[str] = RUN) -> None:
        """Start *command* with our configuration; it need not have come up yet."""
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("wb") as err:
            self.process = await asyncio.create_subprocess_exec(
                *command,
                "--config",
                str(self.config),
                stdin=DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **self.environ},
            )

    async def ended(self) -> int:
        """Wait for the end and return the exit status."""
        assert self.process is not None
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def until_ready(self) -> None:
        await self.until("/readyz", 200)

    async def until(self, path: str, status: int) -> None:
        """Ask the admin port until it answers *status*."""
        assert self.process is not None
        async with asyncio.timeout(PATIENCE):
            while True:
                assert self.process.returncode is None, self.complaints + self.log
                try:
                    if (await self.admin(path)).status == status:
                        return
                except OSError:
                    pass
                await asyncio.sleep(0.02)

    async def admin(self, path: str) -> Page:
        async with await RawConnection.open(self.admin_port) as connection:
            await connection.write(get(path, "Connection: close", host=f"127.0.0.1:{self.admin_port}"))
            return Page(path, await connection.answer())

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def browser(self) -> Browser:
        return Browser({self.url: self.port, **self.places})


@asynccontextmanager
async def gateway_process(
    folder: Path, tables: str, *, command: Sequence[str] = RUN, environ: dict[str, str] | None = None
) -> AsyncIterator[GatewayProcess]:
    """Run a gateway until the block ends; it is ready when the block begins, and must end with 0."""
    gateway = GatewayProcess(folder=folder, environ=environ or {})
    gateway.configure(tables)
    await gateway.start(command)
    try:
        await gateway.until_ready()
        yield gateway
        if gateway.process is not None and gateway.process.returncode is None:
            gateway.signal()
            assert await gateway.ended() == 0, gateway.complaints
    finally:
        if gateway.process is not None and gateway.process.returncode is None:
            gateway.process.kill()
            await gateway.process.wait()
        keep_for_the_canary_search(gateway.log.encode() + gateway.complaints.encode())
