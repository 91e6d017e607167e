"""What systemd is told of the gateway (sd_notify(3)): that it serves, that it ends, and that it is alive.

The law: whether anybody listens changes nothing here. Signs of life come from the event loop that serves,
so that a process which stands still gives none, and is replaced (`WatchdogSec=`).
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress

_A_SECOND = 1_000_000
_BEATS = 2  # signs of life in each period, as sd_watchdog_enabled(3) advises


class Notify:
    """Tells whoever listens at *address*, a path or an abstract name with `@`; nobody where it is empty.

    A sign of life is awaited every *period* seconds, if that is above zero.
    """

    def __init__(self, address: str = "", *, period: float = 0.0) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._period = period

    @classmethod
    def of(cls, environ: Mapping[str, str], *, pid: int) -> "Notify":
        """Return what the process *pid* was asked to tell, by whom it was started."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):  # vsock is for whole machines
            return cls()
        microseconds = environ.get("WATCHDOG_USEC", "")
        awaited = environ.get("WATCHDOG_PID", str(pid)) == str(pid) and microseconds.isdecimal()
        return cls(address, period=int(microseconds) / _A_SECOND if awaited else 0.0)

    def ready(self) -> None:
        """Say that requests are served."""
        self._tell(b"READY=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._tell(b"STOPPING=1")

    def followed_by(self, pid: int) -> None:
        """Say that the process *pid* is the one to watch from now on, and say no more oneself."""
        self._tell(b"MAINPID=%d" % pid)
        self._address = ""

    async def stay_alive(self) -> None:
        """Give signs of life until cancelled; return at once where none are awaited."""
        while self._address and self._period > 0:
            self._tell(b"WATCHDOG=1")
            await asyncio.sleep(self._period / _BEATS)

    def _tell(self, state: bytes) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.setblocking(False)
            channel.sendto(state, self._address)
