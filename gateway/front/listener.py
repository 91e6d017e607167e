"""The public port: it outlives configurations, and gives each request to the one in force."""

import asyncio
import socket
from functools import partial

from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from gateway.errors import GatewayError
from gateway.front.connection import Connection, Previous
from gateway.front.crowd import Counts, Crowd
from gateway.front.limits import Limits
from gateway.front.server import Server
from gateway.front.snapshot import Snapshot
from gateway.front.tls import HANDSHAKE_SECONDS, SHUTDOWN_SECONDS, PresentContext

_BACKLOG = 1024


class Listener:
    """Serves one public address until it is drained."""

    def __init__(self, snapshot: Snapshot, *, limits: Limits, counts: Counts) -> None:
        self._snapshot = snapshot
        self._limits = limits
        self._crowd = Crowd(
            most=limits.connections,
            most_of_one=limits.connections_per_peer,
            exempt=self._trusts,
            counts=counts,
        )
        self._server: Server | None = None
        self._listening: asyncio.Server | None = None

    async def start(
        self,
        host: str,
        port: int,
        *,
        bound: socket.socket | None = None,
        tls: PresentContext | None = None,
    ) -> None:
        """Listen on *host* and *port*, or on the socket that is *bound*; with *tls*, for TLS alone."""
        self._server = Server(
            self._handle, limits=self._limits, refuse=self._refuse, crowd=self._crowd, lane=self
        )
        loop = asyncio.get_running_loop()
        listen = partial(
            loop.create_server,
            self._server,
            backlog=_BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
            ssl_shutdown_timeout=SHUTDOWN_SECONDS if tls else None,
        )
        self._listening = await (listen(host, port) if bound is None else listen(sock=bound))

    def serve(self, snapshot: Snapshot) -> None:
        """Serve every request by *snapshot* from the next one on; those that run keep theirs."""
        self._snapshot = snapshot

    async def drain(self, seconds: float) -> None:
        """Stop accepting, let running requests finish for at most *seconds*, then close."""
        if self._listening is None or self._server is None:
            return
        self._listening.close()
        await self._server.drain(seconds)

    def _trusts(self, peer: str) -> bool:
        return self._snapshot.trusts(peer)

    # What connections ask.

    def take(self, connection: Connection, message: RawRequestMessage) -> bool:
        """Pass *message* on in the fast lane, if it fits there."""
        return self._snapshot.take(connection, message)

    def recall(self, connection: Connection, data: bytes) -> Previous | None:
        """Return what *data* repeats but for its target, wherever that came, None where it is new."""
        return self._snapshot.recall(connection, data)

    def repeat(self, connection: Connection, previous: Previous, target: bytes) -> bool:
        """Pass on in the fast lane what differs from *previous* in its *target* at most, if it fits there."""
        return self._snapshot.repeat(connection, previous, target)

    async def _handle(
        self, connection: Connection, message: RawRequestMessage, payload: StreamReader
    ) -> bool:
        return await self._snapshot.handle(connection, message, payload)

    def _refuse(self, error: GatewayError, peer: str) -> bytes:
        return self._snapshot.refuse(error, peer)
