"""The process that is to take over from this one: how it is started, and what is heard of it."""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import msgspec

from gateway.ports import Ports
from gateway.predecessor import SAID, VARIABLE, Will
from gateway.worker import DRAIN

_FIRST = 3  # the descriptors before it are the standard ones
_ITS_OWN = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID")
"""Variables by which systemd means one process alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a process was started, and its successor is to be: a command line and an environment."""

    command: Sequence[str]
    environ: Mapping[str, str]
    pid: int

    @classmethod
    def of(
        cls, argv: Sequence[str], *, original: Sequence[str], environ: Mapping[str, str], pid: int
    ) -> "Start":
        """Return how the process *pid* was started: *original* as the system has it, *argv* as Python has.

        A script is run by itself, so that it names its interpreter anew.
        """
        script = list(original[1:]) == list(argv) and os.access(argv[0], os.X_OK)
        return cls(command=tuple(argv if script else original), environ=environ, pid=pid)

    @property
    def obstacle(self) -> str:
        """Why a successor would end with this process, empty where it would not."""
        if self.pid == 1:
            return "a container ends with its process 1: use several workers, or let the orchestrator roll"
        if self.environ.get("SYSTEMD_EXEC_PID") == str(self.pid) and not self.environ.get("NOTIFY_SOCKET"):
            return "systemd ends a unit with its first process, unless it is of Type=notify"
        return ""


class Successor:
    """A process that is to take over, of which nobody knows yet whether it can."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self._channel = channel
        self._ending: asyncio.Task[int] | None = None

    @classmethod
    def start(cls, start: Start, ports: Ports, *, listen: str, admin_listen: str) -> "Successor":
        """Start it with duplicates of *ports*, which listen at these addresses. Raises OSError."""
        ours, its = socket.socketpair()
        ours.setblocking(False)
        numbers = range(_FIRST, _FIRST + len(ports.public) + len(ports.admin) + 1)
        will = Will(
            public=tuple(numbers[: len(ports.public)]),
            admin=tuple(numbers[len(ports.public) : -1]),
            channel=numbers[-1],
            listen=listen,
            admin_listen=admin_listen,
            file=None if ports.file is None else ports.file.mark,
        )
        try:
            with its:
                passed = dict(zip(numbers, (*ports.public, *ports.admin, its), strict=True))
                return cls(_spawned(start, will, passed), ours)
        except BaseException:
            ours.close()
            raise

    async def serves(self) -> bool:
        """Return True once it serves, False where it ends before."""
        with suppress(OSError):
            return await asyncio.get_running_loop().sock_recv(self._channel, 1) == SAID
        return False

    def let_go(self) -> bool:
        """Leave everything to it, and say whether it was still there to hear of that."""
        with suppress(OSError), self._channel:
            return self._channel.send(SAID) == len(SAID)
        return False

    async def ended(self) -> int:
        """Return how it ended, once it has, and hear no more of it; below zero the signal that ended it."""
        self._channel.close()
        if self._ending is None:
            self._ending = asyncio.create_task(asyncio.to_thread(_awaited, self.pid))
        return await asyncio.shield(self._ending)

    async def kill(self) -> int:
        """End it at once, and return how it ended."""
        self._signal(signal.SIGKILL)
        return await self.ended()

    async def drain(self) -> None:
        """Let it finish what runs, and kill it where that takes too long or the waiting is cancelled."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(DRAIN):
                await self.ended()
        except TimeoutError:
            pass
        finally:
            self._signal(signal.SIGKILL)
            await self.ended()

    def reload(self) -> None:
        """Have it read its configuration again."""
        self._signal(signal.SIGHUP)

    def _signal(self, number: signal.Signals) -> None:
        if self._ending is None or not self._ending.done():  # until then the number is its own
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _spawned(start: Start, will: Will, passed: Mapping[int, socket.socket]) -> int:
    """Start a process that has each socket *passed* as the descriptor of that number; return its id."""
    environ = {name: value for name, value in start.environ.items() if name not in _ITS_OWN}
    environ[VARIABLE] = msgspec.json.encode(will).decode("ascii")
    with ExitStack() as closing:
        actions = []
        for number, sock in passed.items():
            held = fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, max(passed) + 1)  # none is overwritten by another
            closing.callback(os.close, held)
            actions.append((os.POSIX_SPAWN_DUP2, held, number))
        return os.posix_spawnp(start.command[0], list(start.command), environ, file_actions=actions)


def _awaited(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
