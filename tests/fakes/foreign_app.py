"""Radicale from PyPI, unmodified: a calendar server that nobody here wrote, as the app behind.

It believes `X-Remote-User` (`[auth] type = http_x_remote_user`) and lets each user see what is
theirs alone (`[rights] type = owner_only`). Its own log is read to tell what reached it.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.ports import free_port

_CONFIG = """
[server]
hosts = 127.0.0.1:{port}
[auth]
type = http_x_remote_user
[rights]
type = owner_only
[storage]
filesystem_folder = {folder}
[logging]
level = info
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignApp:
    port: int
    written: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What Radicale has said: a line for each request that reached it."""
        return self.written.read_text()


@asynccontextmanager
async def foreign_app(folder: Path) -> AsyncIterator[ForeignApp]:
    """Start Radicale on a free loopback port; it ends with the block, by its own process id."""
    app = ForeignApp(port=free_port(), written=folder / "radicale.log")
    config = folder / "radicale.ini"
    config.write_text(_CONFIG.format(port=app.port, folder=folder / "collections"))
    with app.written.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "radicale", "--config", str(config), stdin=DEVNULL, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(20):
            await _answers(app, process)
        yield app
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(app: ForeignApp, process: Process) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", app.port)
        except OSError:
            if process.returncode is not None:
                raise AssertionError(app.log) from None
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
