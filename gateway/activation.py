"""Sockets that systemd has bound already (sd_listen_fds(3)): the gateway serves them and binds none itself.

So a port below 1024 needs no capability, and what arrives while the gateway restarts waits instead of
being refused.
"""

import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

FIRST = 3
_NAMES = ("public", "admin")
_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """The sockets of the two ports; None where the gateway binds its own."""

    public: socket.socket | None = None
    admin: socket.socket | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str], *, pid: int, first: int = FIRST) -> "Activation":
        """Return what was passed to the process *pid*, in descriptors from *first* on.

        A single socket is the public one, whatever its name; of two, `FileDescriptorName=` says which
        is `public` and which `admin`. Raises OSError where they do not listen, or for no streams.
        """
        if environ.get("LISTEN_PID") != str(pid):
            return cls()
        names = _named(environ)
        return cls(**{name: _listening(first + place) for place, name in enumerate(names)})


def _named(environ: Mapping[str, str]) -> tuple[str, ...]:
    number = environ.get("LISTEN_FDS", "0")
    if number == "0":
        return ()
    if number == "1":
        return ("public",)
    names = tuple(environ.get("LISTEN_FDNAMES", "").split(":"))
    if number != "2" or sorted(names) != sorted(_NAMES):
        raise OSError(
            errno.EINVAL,
            "systemd passes several sockets, and they are not named public and admin (FileDescriptorName=)",
        )
    return names


def _listening(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    passed = socket.socket(fileno=descriptor)
    stream = passed.family in _FAMILIES and passed.type == socket.SOCK_STREAM
    if not stream or not passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        passed.close()
        raise OSError(
            errno.EINVAL,
            "systemd passes what is no listening TCP or Unix stream socket (ListenStream=, Accept=no)",
        )
    return passed
