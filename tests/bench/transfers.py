"""Bodies as fast as a core can move them: an upstream and a client that copy nothing themselves.

Both are threads of the bench on the load's core. What is sent comes out of a file of zeros by sendfile, what
arrives is dropped in the kernel (MSG_TRUNC), so that the proxy between them is what takes time.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from tests.bench.load import Contender
from tests.bench.programs import Failed

CHUNK = 1 << 20


class _Upstream(ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 256
    block_on_close = False

    def __init__(self, zeros: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Served)
        self.zeros = zeros

    def handle_error(self, request: object, client_address: object) -> None:
        """A transfer that was cut is not told."""


class _Served(BaseRequestHandler):
    """One exchange: `POST /up` is taken in, `GET /down/BYTES` sends so many, anything else is `ok`."""

    server: _Upstream

    def handle(self) -> None:
        head, rest = received_head(self.request)
        line = head.split(b"\r\n")[0].split(b" ")
        if line[0] == b"POST":
            all(dropping(self.request, _length(head) - rest))
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        elif line[1].startswith(b"/down/"):
            size = int(line[1].rpartition(b"/")[2])
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
            all(sending_zeros(self.request, self.server.zeros, size))
        else:
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


@contextmanager
def upstream(folder: Path, *, size: int) -> Iterator[int]:
    """Serve bodies of up to *size* bytes until the block ends; gives the port."""
    zeros = folder / "zeros"
    with zeros.open("wb") as file:
        file.truncate(size)
    with _Upstream(zeros) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            serving.join()


class Transfer:
    """One body through a contender; `moved` are its bytes so far, and `cut` ends it from another thread."""

    def __init__(self, contender: Contender, zeros: Path, *, size: int) -> None:
        self._contender = contender
        self._zeros = zeros
        self._size = size
        self._socket = socket.socket()
        self.moved = 0

    def down(self) -> None:
        """Fetch the body; raises Failed where less came."""
        with self._socket:
            self._begin(f"GET /down/{self._size}")
            head, self.moved = received_head(self._socket)
            _expect_ok(head)
            for count in dropping(self._socket, self._size - self.moved):
                self.moved += count
        self._expect_all()

    def up(self) -> None:
        """Send the body; raises Failed unless it was taken."""
        with self._socket:
            self._begin("POST /up", f"Content-Length: {self._size}")
            for count in sending_zeros(self._socket, self._zeros, self._size):
                self.moved += count
            head, _ = received_head(self._socket)
            _expect_ok(head)
        self._expect_all()

    def cut(self) -> None:
        with suppress(OSError):  # it had ended
            self._socket.shutdown(socket.SHUT_RDWR)

    def _begin(self, line: str, *more: str) -> None:
        place = urlsplit(self._contender.url)
        self._socket.connect((place.hostname, place.port))
        headers = [*self._contender.headers]
        if not any(header.startswith("Host:") for header in headers):
            headers.append(f"Host: {place.netloc}")
        lines = [f"{line} HTTP/1.1", *headers, "Connection: close", *more]
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def _expect_all(self) -> None:
        if self.moved != self._size:
            raise Failed(f"{self._contender.name} carried {self.moved} bytes of {self._size}")


def received_head(connection: socket.socket) -> tuple[bytes, int]:
    """Return a message's head, and how many bytes of its body came with it."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = connection.recv(65536)
        if not piece:
            raise Failed(f"the connection ended in a head: {got!r}")
        got += piece
    head, _, rest = got.partition(b"\r\n\r\n")
    return head, len(rest)


def dropping(connection: socket.socket, size: int) -> Iterator[int]:
    """Take *size* bytes in, or what there is, without looking at them; yields how many came at once."""
    while size > 0:
        count = connection.recv_into(_NOWHERE, min(CHUNK, size), socket.MSG_TRUNC)
        if not count:
            return
        size -= count
        yield count


def sending_zeros(connection: socket.socket, zeros: Path, size: int) -> Iterator[int]:
    """Send *size* bytes; yields how many were taken at once."""
    with zeros.open("rb") as file:
        sent = 0
        while sent < size:
            count = os.sendfile(connection.fileno(), file.fileno(), sent, min(CHUNK, size - sent))
            sent += count
            yield count


_NOWHERE = bytearray(CHUNK)


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])


def _expect_ok(head: bytes) -> None:
    status = head.split(b"\r\n")[0]
    if b" 200 " not in status:
        raise Failed(f"a body was answered {status!r}")
