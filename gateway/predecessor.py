"""The process that this one takes over from, as its environment tells of it, and what the two say.

The law: until the new one serves, nothing changes for the old one; from then on everything is the new one's.
Each holds one end of a channel. In it the new one says that it serves, then the old one that it lets go.
Where the channel ends before that, the old one goes on and the new one ends.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.errors import SettingsInvalid
from gateway.settings.addresses import socket_path
from gateway.settings.loader import Loaded
from gateway.unix_socket import Mark, UnixSocket

VARIABLE = "VESTIBULE_PREDECESSOR"

SAID = b"\n"
"""What either says, once."""

_AGAIN = 0.1  # seconds until it is asked once more whether this process is fit


class Will(msgspec.Struct, frozen=True, kw_only=True):
    """What a successor inherits, as its environment tells it: descriptors, and what they are.

    `listen` and `admin_listen` are the addresses as configured, `file` marks a Unix socket that is to go with
    the successor.
    """

    public: tuple[int, ...]
    admin: tuple[int, ...]
    channel: int
    listen: str
    admin_listen: str
    file: Mark | None = None


class Predecessor:
    """The process that this one is to take over from, as long as it has not let go.

    `public` and `admin` are its sockets.
    """

    def __init__(self, will: Will) -> None:
        self._will = will
        self.public = tuple(map(_inherited, will.public))
        self.admin = tuple(map(_inherited, will.admin))
        self._channel = _inherited(will.channel)
        self._channel.setblocking(False)
        self._let_go, self._over = asyncio.Event(), asyncio.Event()

    @classmethod
    def of(cls, environ: Mapping[str, str], loaded: Loaded) -> "Predecessor | None":
        """Return whose successor this process is, None where it is nobody's.

        Raises SettingsInvalid where *loaded* wants other sockets than it has, or several workers; OSError.
        """
        written = environ.get(VARIABLE)
        if written is None:
            return None
        will = msgspec.json.decode(written, type=Will)
        _check(loaded, will)
        return cls(will)

    def attend(self, over: asyncio.Event) -> None:
        """Set *over* where it ends without letting go; whoever else sets it ends the waiting too."""
        self._over = over
        asyncio.get_running_loop().add_reader(self._channel, self._hear)

    def _hear(self) -> None:
        try:
            said = self._channel.recv(1)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        (self._let_go if said else self._over).set()

    async def kept_until(self, fit: Callable[[], Awaitable[bool]]) -> None:
        """Return once this process is *fit* to serve, or is not to any more; until then the old one does."""
        while not self._over.is_set() and not await fit():
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN):
                    await self._over.wait()

    async def taken_over(self) -> UnixSocket | None:
        """Tell it that we serve, and return once it has let go, with the file that goes with us."""
        with suppress(OSError):  # it is gone, and `attend` tells of it
            self._channel.send(SAID)
        await self._let_go.wait()
        mark = self._will.file
        return (
            None if mark is None else UnixSocket(Path(socket_path(self._will.listen)), self.public[0], mark)
        )


def _check(loaded: Loaded, will: Will) -> None:
    settings = loaded.settings
    wanted = {"listen": settings.listen, "admin_listen": settings.admin_listen, "workers": settings.processes}
    there = {"listen": will.listen, "admin_listen": will.admin_listen, "workers": 1}
    message, hint = "cannot change by a handover", "restart the gateway, or put the old value back"
    changed = [key for key, value in there.items() if wanted[key] != value]
    if changed:
        raise SettingsInvalid([loaded.fault(key, message, hint) for key in changed])


def _inherited(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)
