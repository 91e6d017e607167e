"""Several processes serve one address: a supervisor starts them, watches them, and replaces them.

The law: the listening sockets are the supervisor's and outlive every worker, so that what waits in one
while its worker dies is served by the next. The supervisor itself reads no request, opens no store and
knows no key. Workers end with it, also when it is killed: each holds one end of a pipe that breaks then.
"""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.observe.log import Log
from gateway.worker import Worker

EVERY = 5.0
"""Seconds between two looks at a worker; one that does not answer three of them is killed."""

BACKLOG = 1024
"""Connections that may wait at each socket."""

START = 120.0
"""Seconds from the start of a process until it has to serve, also at the very first."""

_MISSED = 3
_SHORTEST, _LONGEST = 0.1, 30.0
_LASTED = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many workers run *command*, where the gateway listens, and the folder of their admin ports.

    `where` is a host and a port, at which each has a socket of its own, or the one socket of all of them,
    which listens already.
    """

    command: Sequence[str]
    where: tuple[str, int] | socket.socket
    workers: int
    folder: Path

    def listening(self) -> socket.socket:
        """Return a socket for one worker, to be closed by whoever asked. Raises OSError."""
        return self.where.dup() if isinstance(self.where, socket.socket) else listening(*self.where)


class Place:
    """Where one worker after another serves a socket of the supervisor's.

    `worker` serves or is to serve; beside it there may be one that is to take over from it, or that
    finishes what it had begun.
    """

    def __init__(self, number: int, plan: Plan, *, lifeline: int, log: Log) -> None:
        self.name = f"worker-{number}"
        self._plan = plan
        self._lifeline = lifeline
        self._log = log
        self._public: socket.socket | None = plan.listening()
        self._taken = 0
        self._turn = asyncio.Lock()
        self._beside: Worker | None = None
        self.worker: Worker | None = None
        self.restarts = 0

    @property
    def serving(self) -> Worker | None:
        """The worker, if one runs."""
        return self.worker if self.worker is not None and self.worker.status is None else None

    @property
    def running(self) -> Iterator[Worker]:
        """Every process here."""
        return (each for each in (self.worker, self._beside) if each is not None and each.status is None)

    async def start(self) -> Worker:
        """Start the first worker, and return it. Raises OSError."""
        self.worker = await self._another()
        return self.worker

    async def _another(self) -> Worker:
        if self._public is None:
            self._public = self._plan.listening()
        self._taken += 1
        return await Worker.start(
            self._plan.command,
            public=self._public,
            port=self._plan.folder / f"{self.name}.{self._taken}",
            lifeline=self._lifeline,
            workers=self._plan.workers,
        )

    async def keep(self) -> None:
        """Replace the worker whenever it ends, until cancelled: the less it lasted, the later."""
        loop, pause = asyncio.get_running_loop(), _SHORTEST
        while (worker := self.worker) is not None:
            began = loop.time()
            await self.until_started(worker)
            status = await self._watched(worker)
            if worker is not self.worker:
                continue  # it was replaced
            self.restarts += 1
            pause = _SHORTEST if loop.time() - began >= _LASTED else min(_LONGEST, 2 * pause)
            self._log.event(
                "error", "worker.ended", {"worker": self.name, "status": status, "again_in": pause}
            )
            async with self._turn:
                if worker is self.worker:
                    await self._revive(worker, pause)

    async def _revive(self, lost: Worker, pause: float) -> None:
        """Start anew after *pause*, and later where the system allows no new process.

        Where the *lost* one never served, nobody is to wait in its queue.
        """
        if not lost.served:
            self._turn_away()
        while True:
            await asyncio.sleep(pause)
            try:
                await self.start()
                return
            except OSError as error:
                pause = min(_LONGEST, 2 * pause)
                self._tell_that_none_started(error, again_in=pause)

    def _tell_that_none_started(self, error: OSError, **more: float) -> None:
        reason = error.strerror or type(error).__name__
        self._log.event("error", "worker.not_started", {"worker": self.name, "reason": reason, **more})

    def _turn_away(self) -> None:
        if self._public is not None:
            self._public.close()
            self._public = None

    async def until_started(self, worker: Worker) -> bool:
        """Return whether *worker* serves, as soon as it does or has ended; kill one that takes too long."""
        try:
            async with asyncio.timeout(START):
                return await worker.until_started()
        except TimeoutError:
            self._log.event(
                "error", "worker.not_serving", {"worker": self.name, "pid": worker.pid, "seconds": START}
            )
            worker.signal(signal.SIGKILL)
            await worker.ended()
            return False

    async def _watched(self, worker: Worker) -> int:
        """Return how *worker* ended; kill it where it answers no more."""
        missed = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    return await worker.ended()
            missed = 0 if await worker.answers("/livez") else missed + 1
            if missed >= _MISSED:
                self._log.event("error", "worker.hung", {"worker": self.name, "pid": worker.pid})
                worker.signal(signal.SIGKILL)

    async def replace(self) -> bool:
        """Let a new worker take over the socket, and the old one finish; say whether the new one serves."""
        async with self._turn:
            if not await self._taken_over():
                return False
        if self._beside is not None:
            await self._beside.drain()
        return True

    async def _taken_over(self) -> bool:
        try:
            successor = self._beside = await self._another()
        except OSError as error:
            self._tell_that_none_started(error)
            return False
        if await self.until_started(successor):
            self.worker, self._beside = successor, self.worker
            return True
        self._log.event("error", "worker.not_replaced", {"worker": self.name, "status": successor.status})
        return False

    async def end(self) -> None:
        """Take no more connections, and let every process here finish, which nobody keeps any more."""
        self._turn_away()
        await asyncio.gather(*[each.drain() for each in self.running])


class Supervisor:
    """Keeps *plan*'s workers running."""

    def __init__(self, plan: Plan, *, log: Log) -> None:
        self._log = log
        self._lifeline, self._held = os.pipe()
        self.places = [
            Place(number, plan, lifeline=self._lifeline, log=log) for number in range(1, plan.workers + 1)
        ]
        self._keeping: list[asyncio.Task[None]] = []
        self._replacing: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Start every worker, and return 0 once all serve, or the status of one that could not.

        One that takes too long is killed, and counts as one that could not.
        """
        workers = [await place.start() for place in self.places]
        await asyncio.gather(
            *[place.until_started(worker) for place, worker in zip(self.places, workers, strict=True)]
        )
        failed = [worker.status for worker in workers if worker.status is not None]
        if failed:
            return next((status for status in failed if status > 0), 1)
        self._keeping = [asyncio.create_task(place.keep()) for place in self.places]
        self._log.event("info", "workers.started", {"workers": len(workers)})
        return 0

    def reload(self) -> None:
        """Have every worker read the configuration again."""
        for place in self.places:
            for worker in place.running:
                worker.reload()

    def end_at_once(self) -> None:
        """Have workers that finish what runs do so no longer."""
        for place in self.places:
            for worker in place.running:
                worker.signal(signal.SIGTERM)

    def replace(self) -> None:
        """Replace one worker after the other, and stop at the first whose successor does not serve.

        Nothing where all are being replaced, or the first ones are not up yet.
        """
        if self._keeping and (self._replacing is None or self._replacing.done()):
            self._replacing = asyncio.create_task(self._replace())

    async def _replace(self) -> None:
        for place in self.places:
            if not await place.replace():
                return
        self._log.event("info", "workers.replaced", {"workers": len(self.places)})

    async def end(self) -> None:
        """Let every worker finish, and return when all have ended."""
        tasks = [*self._keeping, *filter(None, [self._replacing])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*[place.end() for place in self.places])
        os.close(self._held)
        os.close(self._lifeline)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens, beside others of this user on the same address (SO_REUSEPORT).

    An IPv6 address takes no IPv4, as with one process. Raises OSError, also where *host* is a name of several
    addresses: of these a worker would serve one.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    if any(each[4] != address for each in found):
        raise OSError(errno.EADDRNOTAVAIL, f"{host} has several addresses, and workers serve one: write that")
    sock = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock
