"""The Unix socket that the gateway listens on, as a file: made, guarded, removed.

Laws: a socket at which somebody listens is never taken, one that nobody answers at is; nothing but a socket
is ever removed, and at the end only the one that was made here, or by the process that this one followed.
Whoever may connect is said by the file's mode, owner and group for the gateway's own (0660), and by the
folder that it lies in.
"""

import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MODE = 0o660
_PATIENCE = 5.0
_PAUSE = 0.05

Mark = tuple[int, int, int]
"""What tells a file from another: device, number, and when it was made, since numbers are given out again."""


class UnixSocket:
    """One that was made, here or by a process before: `sock` listens at its file, which `remove` takes away.

    `mark` is that file's.
    """

    def __init__(self, path: Path, sock: socket.socket, mark: Mark) -> None:
        self._path = path
        self.sock = sock
        self.mark = mark

    @classmethod
    def bind(cls, path: str) -> "UnixSocket":
        """Make the file at *path* and return it.

        Raises OSError where somebody listens there, where something else than a socket is there, or where
        the folder is missing or not ours to write in.
        """
        place = Path(path)
        with _alone_in(place.parent):
            _clear(place)
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                os.fchmod(sock.fileno(), MODE)  # it is never open to more than that, not for a moment
                sock.bind(path)
                place.chmod(MODE)  # whatever the umask took
                sock.listen()  # before another gateway may look whether anybody answers
                return cls(place, sock, _mark(place))
            except BaseException:
                sock.close()
                raise

    def remove(self) -> None:
        """Close the socket here, and take its file away unless another has taken its place."""
        self.sock.close()
        with suppress(OSError), _alone_in(self._path.parent):
            if _mark(self._path) == self.mark:
                self._path.unlink()


def _clear(path: Path) -> None:
    """Remove a socket at *path* that nobody listens at."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, f"{path} is there and is no socket")
    if _answers(path):
        raise OSError(errno.EADDRINUSE, f"somebody listens at {path}")
    path.unlink()


def _answers(path: Path) -> bool:
    """Say whether anybody listens at *path*, or may: what cannot be told for sure counts as yes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full queue is somebody's too
        return probe.connect_ex(str(path)) != errno.ECONNREFUSED


def _mark(path: Path) -> Mark:
    found = path.lstat()
    return found.st_dev, found.st_ino, found.st_mtime_ns


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other gateways from looking and making in *folder* meanwhile. Raises OSError."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(held, folder)
        yield
    finally:
        os.close(held)


def _lock(held: int, folder: Path) -> None:
    for _ in range(round(_PATIENCE / _PAUSE)):
        with suppress(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE)
    raise OSError(errno.EBUSY, f"another program keeps {folder} locked")
