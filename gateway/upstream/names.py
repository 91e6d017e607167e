"""Where a host is: the system is asked once for all who want to know, and believed for a moment only.

The system keeps names by the life that their owner gave them, and does not tell us how long that is. So
what it says is asked for anew after `KEPT`, and a connection says by `Found.at` how old it is.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

KEPT = 5.0
"""Seconds for which an answer serves later questions."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The addresses of a host, in the order in which to try them, and when it was asked where it is."""

    addresses: Sequence[str]
    at: float


class Whereabouts:
    """Knows where *host* is, which may be an address itself; *resolve* asks the system, by default.

    However many want to know, one question is under way at a time: a name server that hangs occupies
    one thread.
    """

    def __init__(self, host: str, *, resolve: Resolve | None = None) -> None:
        self._host = host
        self._resolve = resolve or _system
        self._literal = _is_address(host)
        self._found: Found | None = None
        self._asking: asyncio.Task[Found] | None = None

    async def now(self) -> Found:
        """Return where it is. Raises OSError or UnicodeError where nobody knows."""
        moment = asyncio.get_running_loop().time()
        if self._literal:
            return Found(addresses=(self._host,), at=moment)
        if self._found is not None and moment - self._found.at < KEPT:
            return self._found
        asking = self._asking
        if asking is None or asking.done():
            asking = self._asking = asyncio.create_task(self._ask(moment))
            asking.add_done_callback(_heard)
        await asyncio.wait((asking,))  # whoever gives up takes nobody's answer away
        if asking.cancelled():
            raise OSError("nobody is asked any more")
        return asking.result()

    async def close(self) -> None:
        """Let nobody wait for what is being asked."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))

    async def _ask(self, moment: float) -> Found:
        found = Found(addresses=await self._resolve(self._host), at=moment)
        self._found = found
        return found


def _heard(asking: asyncio.Task[Found]) -> None:
    """Take note of how it ended also where nobody waits any more."""
    if not asking.cancelled():
        asking.exception()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


async def _system(host: str) -> Sequence[str]:
    told: list[tuple[Any, ...]] = await asyncio.get_running_loop().getaddrinfo(
        host, None, type=socket.SOCK_STREAM
    )
    return list(dict.fromkeys(str(address[0]) for *_, address in told))
