"""A process that serves alone hands its sockets over to a new one, so that no connection is refused."""

import asyncio
import signal

from gateway.notify import Notify
from gateway.observe.log import Log
from gateway.ports import Ports
from gateway.predecessor import Predecessor
from gateway.successor import Start, Successor
from gateway.workers import START


class Handover:
    """Starts a successor when asked for one, and lets go once it serves; `done` says that it did.

    *ending* is set where this process is to end, by a signal or by the handover.
    """

    def __init__(
        self,
        start: Start | None,
        *,
        predecessor: Predecessor | None,
        ports: Ports,
        listen: str,
        admin_listen: str,
        ending: asyncio.Event,
        notify: Notify,
        log: Log,
    ) -> None:
        self._start = start
        self._predecessor = predecessor
        self._ports = ports
        self._listen = listen
        self._admin_listen = admin_listen
        self._ending = ending
        self._notify = notify
        self._log = log
        self._attempt: asyncio.Task[None] | None = None
        self._successor: Successor | None = None
        self._owed_a_reload = False
        self.done = False

    async def serve(self) -> None:
        """Take over from the predecessor, if there is one, then be the gateway to whoever started it.

        Returns when cancelled. From then on SIGUSR2 begins a handover, unless another replaces this process.
        """
        if self._predecessor is not None:
            self._ports.file = await self._predecessor.taken_over()
        if self._start is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, self.begin, self._start)
        self._notify.ready()
        await self._notify.stay_alive()

    def begin(self, start: Start) -> None:
        """Start a successor, unless there can be none or one is on its way."""
        obstacle = start.obstacle
        if self._ending.is_set():
            obstacle = "the gateway ends"
        elif self._attempt is not None and not self._attempt.done():
            obstacle = "a successor is on its way"
        if obstacle:
            self._log.event("warning", "gateway.not_replaced", {"reason": obstacle})
            return
        self._owed_a_reload = False
        self._attempt = asyncio.create_task(self._replace(start))

    def reload(self) -> None:
        """Have a successor that is on its way read its configuration again as soon as it serves."""
        self._owed_a_reload = True

    async def _replace(self, start: Start) -> None:
        try:
            successor = self._successor = Successor.start(
                start, self._ports, listen=self._listen, admin_listen=self._admin_listen
            )
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._log.event("error", "gateway.not_replaced", {"reason": reason})
            return
        self._log.event("info", "successor.started", {"pid": successor.pid})
        reason = await _failure(successor)
        if self._ending.is_set() or (not reason and self._let_go(successor)):
            return
        status = await successor.kill()
        facts = {"reason": reason or "it ended", "pid": successor.pid, "status": status}
        self._log.event("error", "gateway.not_replaced", facts)

    def _let_go(self, successor: Successor) -> bool:
        """Leave everything to *successor* and end, unless it is gone."""
        if not successor.let_go():
            return False
        self._notify.followed_by(successor.pid)
        if self._owed_a_reload:
            successor.reload()
        self._ports.file = None
        self.done = True
        self._log.event("info", "gateway.replaced", {"pid": successor.pid})
        self._ending.set()
        return True

    async def end(self) -> None:
        """Let no successor outlive this process that did not take over from it."""
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.gather(self._attempt, return_exceptions=True)
        if self._successor is not None and not self.done:
            await self._successor.drain()


async def _failure(successor: Successor) -> str:
    """Return why *successor* cannot take over, empty once it can."""
    try:
        async with asyncio.timeout(START):
            return "" if await successor.serves() else "it ended"
    except TimeoutError:
        return f"it did not serve within {START:g} seconds"
