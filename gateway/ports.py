"""The listening sockets of a process that serves alone: passed to it, or bound by it."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.front.threshold import bound_to
from gateway.settings.addresses import listen_address, socket_path
from gateway.settings.schema import Settings
from gateway.unix_socket import UnixSocket


class Ports:
    """Both ports, each of one socket, or of one for each address of its host.

    `file` is the Unix socket whose file goes with this process, None where it is another's.
    """

    def __init__(
        self,
        *,
        public: Sequence[socket.socket],
        admin: Sequence[socket.socket],
        file: UnixSocket | None = None,
    ) -> None:
        self.public = tuple(public)
        self.admin = tuple(admin)
        self.file = file

    @classmethod
    def bound(
        cls, settings: Settings, *, public: Sequence[socket.socket] = (), admin: Sequence[socket.socket] = ()
    ) -> "Ports":
        """Return what was passed, and bind what *settings* say where nothing was. Raises OSError."""
        ports = cls(public=public, admin=admin)
        try:
            ports._bind_what_is_missing(settings)
        except BaseException:
            ports.close()
            raise
        return ports

    def _bind_what_is_missing(self, settings: Settings) -> None:
        self.admin = self.admin or admin_sockets(settings)
        if self.public:
            return
        with naming(settings.listen):
            if path := socket_path(settings.listen):
                self.file = UnixSocket.bind(path)
                self.public = (self.file.sock,)
                return
            address = listen_address(settings.listen)
            self.public = tuple(bound_to(address.host, address.port))

    def close(self) -> None:
        """Serve nothing more, and remove the file that goes with this process."""
        for each in (*self.public, *self.admin):
            each.close()
        if self.file is not None:
            self.file.remove()


def admin_sockets(settings: Settings, *, passed: socket.socket | None = None) -> tuple[socket.socket, ...]:
    """Return what was *passed* for the admin port, else bind what *settings* say. Raises OSError."""
    if passed is not None:
        return (passed,)
    with naming(settings.admin_listen):
        address = listen_address(settings.admin_listen)
        return tuple(bound_to(address.host, address.port))


@contextmanager
def naming(address: str) -> Iterator[None]:
    """Let an OSError of the block name the *address* that cannot be had, as `filename`."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), address) from error
