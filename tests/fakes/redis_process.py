"""A redis-server of the test's own: started on a free port, stopped, hung and asked by the test.

async with redis_process() as redis:
    redis.url                        # for [redis] url
    await redis.ask("KEYS", "*")     # as a hand at the console
    redis.hang(); redis.go_on()
    await redis.stop(); await redis.start()
"""

import asyncio
import shutil
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from tests.fakes.ports import free_port

PATIENCE = 30.0


@dataclass(slots=True, kw_only=True)
class RedisProcess:
    """The server, empty at each start; *more* are further words of its command line."""

    port: int = field(default_factory=free_port)
    more: Sequence[str] = ()
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed"
        fixed = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self.process = await asyncio.create_subprocess_exec(
            program, *fixed, *self.more, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        async with asyncio.timeout(PATIENCE):
            while True:
                assert self.process.returncode is None, "redis-server ended at once"
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.close()
                await writer.wait_closed()
                return

    async def stop(self) -> None:
        """End the server; its port then refuses."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            await self.process.wait()

    def hang(self) -> None:
        """Let connections be accepted and nothing be answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    async def ask(self, *command: str | bytes | int) -> Any:
        """Send one command on a connection of its own."""
        async with Redis(host="127.0.0.1", port=self.port, protocol=2) as client:
            return await client.execute_command(*command)

    async def named(self, kind: str) -> list[bytes]:
        """Return the names of all keys of one *kind*, such as `session`."""
        names: list[bytes] = await self.ask("KEYS", f"vestibule:*:{kind}:*")
        return sorted(names)


@asynccontextmanager
async def redis_process(*more: str) -> AsyncIterator[RedisProcess]:
    """Run a server until the block ends."""
    server = RedisProcess(more=more)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
