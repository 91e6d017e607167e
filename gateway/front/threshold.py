"""From the listening socket to HTTP, and what may stand before it: a PROXY header, a TLS handshake.

Laws: a connection is counted from its first moment, under its client's address as soon as that is known;
what comes before HTTP is bounded in time; whoever is not let in costs no handshake. All who wait come in
together: the event loop's own server accepts one in a turn, which under load is one in several milliseconds,
and lets a thousand wait for seconds.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from gateway.errors import RequestRejected
from gateway.front.crowd import BUSY, Counts, Crowd
from gateway.front.limits import Limits
from gateway.front.proxy_header import take_header
from gateway.model.inbound import UNIX_PEER

_SHUTDOWN_SECONDS = 3.0
_BACKLOG = 1024
_AT_ONCE = 64  # accepted before anybody else has a turn
_PAUSE = 1.0  # seconds until it is tried again where there was no descriptor left
_ON_THE_WAY = 1.0  # seconds that those who are on their way in have once nobody else is let in
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Log(Protocol):
    def event(self, level: str, name: str, facts: Mapping[str, object]) -> None: ...


class Arrival:
    """A connection on its way in: a guest of which no request can have come.

    Its socket is closed with it unless it was `handed` on.
    """

    __slots__ = ("handed", "peer", "sock", "task")

    idle = True

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.sock = sock
        self.peer = peer
        self.handed = False
        self.task: asyncio.Task[None] | None = None

    def force_close(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Threshold:
    """Lets connections in until it is closed.

    *receive* makes the protocol that serves an arrival; *demands* says whether a peer has to begin with a
    PROXY header; *tls* gives the context in force, None where HTTP is plain.
    """

    def __init__(
        self,
        receive: Callable[[Arrival], asyncio.Protocol],
        *,
        demands: Callable[[str], bool],
        tls: Callable[[], ssl.SSLContext] | None,
        crowd: Crowd,
        counts: Counts,
        limits: Limits,
        log: Log,
    ) -> None:
        self._receive = receive
        self._demands = demands
        self._tls = tls
        self._crowd = crowd
        self._counts = counts
        self._limits = limits
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._listening: list[socket.socket] = []
        self._arriving: set[asyncio.Task[None]] = set()

    def open(self, listening: Iterable[socket.socket]) -> None:
        """Listen on the bound sockets *listening*, which belong to the threshold from now on."""
        for sock in listening:
            sock.setblocking(False)
            sock.listen(_BACKLOG)
            self._listening.append(sock)
            self._loop.add_reader(sock, self._accept, sock)

    async def close(self, seconds: float, *, patience: float = 0.0) -> None:
        """Let nobody in any more; who is on the way has a moment or *patience*, of *seconds* at most."""
        for sock in self._listening:
            self._loop.remove_reader(sock)
            sock.close()
        self._listening.clear()
        if self._arriving:
            await asyncio.wait(self._arriving, timeout=min(seconds, max(patience, _ON_THE_WAY)))
        for task in self._arriving:
            task.cancel()
        await asyncio.gather(*self._arriving, return_exceptions=True)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    return
                self._loop.remove_reader(listening)
                self._loop.call_later(_PAUSE, self._go_on, listening)
                return
            self._welcome(sock, address)

    def _go_on(self, listening: socket.socket) -> None:
        if listening in self._listening:
            self._loop.add_reader(listening, self._accept, listening)

    def _welcome(self, sock: socket.socket, address: object) -> None:
        sock.setblocking(False)
        arrival = Arrival(
            sock, address[0].removeprefix("::ffff:") if isinstance(address, tuple) else UNIX_PEER
        )
        if not self._crowd.enter(arrival):
            self._turn_away(sock)
            return
        arrival.task = task = self._loop.create_task(self._lead_in(arrival))
        self._arriving.add(task)
        task.add_done_callback(partial(self._arrived, arrival))

    def _arrived(self, arrival: Arrival, task: asyncio.Task[None]) -> None:
        """Let go of *arrival*, which is served now or was turned away, also before it had its first turn."""
        self._arriving.discard(task)
        self._crowd.leave(arrival)
        if not arrival.handed:
            arrival.sock.close()

    async def _lead_in(self, arrival: Arrival) -> None:
        if await self._introduced(arrival):
            await self._begin(arrival)

    async def _introduced(self, arrival: Arrival) -> bool:
        """Learn who the client is, where its peer has to say so; return whether it may come in."""
        if not self._demands(arrival.peer):
            return True
        try:
            async with asyncio.timeout(self._limits.handshake_time):
                client = await take_header(arrival.sock)
        except (RequestRejected, OSError, TimeoutError) as error:
            self._counts.connection_refused("proxy_header")
            detail = str(error) if isinstance(error, RequestRejected) else type(error).__name__
            self._log.event("warning", "proxy_header.refused", {"peer": arrival.peer, "detail": detail})
            return False
        if client is None:
            return True
        arrival.peer = client
        if not self._crowd.recount(arrival):
            self._turn_away(arrival.sock)
            return False
        return True

    async def _begin(self, arrival: Arrival) -> None:
        """Give the connection over to what serves it, after its handshake."""
        tls = self._tls() if self._tls is not None else None
        arrival.handed = True
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._receive(arrival),
                arrival.sock,
                ssl=tls,
                ssl_handshake_timeout=self._limits.handshake_time if tls else None,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS if tls else None,
            )
        except OSError:
            self._counts.connection_refused("handshake")

    def _turn_away(self, sock: socket.socket) -> None:
        """Close *sock*, with a word where it would be understood and costs no waiting."""
        try:
            if self._tls is None:
                sock.send(BUSY)
        except OSError:
            pass  # it is gone already
        finally:
            sock.close()


def bound_to(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to *port* of each address of *host*. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listening: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            listening.append(_bound(family, address))
    except BaseException:
        for sock in listening:
            sock.close()
        raise
    return listening


def _bound(family: int, address: object) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)  # type: ignore[arg-type]
    except BaseException:
        sock.close()
        raise
    return sock
