"""One worker as its supervisor has it: a process that serves one of the supervisor's sockets.

Everything a worker is given goes through one variable of its environment; what it says of itself is
asked on an admin port of its own, a Unix socket in a folder that only this user can enter.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "VESTIBULE_WORKER"
DRAIN = 35.0
"""Seconds that a worker has to finish what runs, before it is killed; it takes 30 itself."""

_SOON = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritance:
    """What a worker has from its supervisor.

    `lifeline` is a descriptor that reads as ended once the supervisor is gone, `workers` how many there
    are.
    """

    public: socket.socket
    admin: socket.socket
    lifeline: int
    workers: int

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Inheritance | None":
        """Return what this process inherits, None where it is nobody's worker."""
        written = environ.get(VARIABLE)
        if written is None:
            return None
        public, admin, lifeline, workers = map(int, written.split(","))
        return cls(
            public=socket.socket(fileno=public),
            admin=socket.socket(fileno=admin),
            lifeline=lifeline,
            workers=workers,
        )


class Worker:
    """A process that serves a socket; *port* is the path of its admin port, `served` says that it did."""

    def __init__(self, process: asyncio.subprocess.Process, port: Path) -> None:
        self._process = process
        self._port = port
        self.served = False
        self._owed_a_reload = False
        self._draining = False

    @classmethod
    async def start(
        cls, command: Sequence[str], *, public: socket.socket, port: Path, lifeline: int, workers: int
    ) -> "Worker":
        """Start the process, which is to live no longer than *lifeline* is held open."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as admin:
            admin.bind(str(port))
            admin.listen()
            inherited = (public.fileno(), admin.fileno(), lifeline)
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=inherited,
                env={**os.environ, VARIABLE: ",".join(map(str, (*inherited, workers)))},
                start_new_session=True,  # Ctrl-C is for the supervisor, who passes it on
            )
        return cls(process, port)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """How it ended, None while it runs; below zero the signal that ended it."""
        return self._process.returncode

    async def ended(self) -> int:
        """Return its status once it has ended."""
        return await self._process.wait()

    async def until_started(self) -> bool:
        """Return whether it serves, as soon as it does or has ended."""
        while self.status is None:
            if self.served or await self.answers("/startupz"):
                self._serves()
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(_SOON):
                    await self.ended()
        return False

    def _serves(self) -> None:
        self.served = True
        if self._owed_a_reload:
            self._owed_a_reload = False
            self.signal(signal.SIGHUP)

    def reload(self) -> None:
        """Have it read its configuration again, as soon as it serves: before, the signal might end it."""
        self._owed_a_reload = True
        if self.served:
            self._serves()

    async def drain(self) -> None:
        """Let it finish what runs, whoever else waits for that; kill it where it takes too long."""
        if not self._draining:  # a second signal would end it at once
            self._draining = True
            self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(DRAIN):
                await self.ended()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self.ended()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.status is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def answers(self, path: str) -> bool:
        """Say whether its admin port answers 200 for *path* in time."""
        with suppress(OSError, TimeoutError, ValueError):
            return (await self.ask(path))[0] == 200
        return False

    async def ask(self, path: str, *, patience: float = 2.0) -> tuple[int, bytes]:
        """Return status and body of what its admin port answers.

        Raises OSError, TimeoutError, and ValueError where the answer is none.
        """
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_unix_connection(str(self._port))
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode("ascii"))
                head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
            finally:
                writer.close()
        return int(head[9:12]), body  # after "HTTP/1.x "
