"""The public port: it outlives configurations, and gives each request to the one in force."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable

from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from gateway.errors import GatewayError, RequestRejected
from gateway.front import client_cert
from gateway.front.connection import Connection, Previous
from gateway.front.crowd import Counts, Crowd
from gateway.front.limits import Limits
from gateway.front.server import Server
from gateway.front.snapshot import Snapshot
from gateway.front.threshold import Log, Threshold
from gateway.model.inbound import UNIX_PEER


class Listener:
    """Serves one public address until it is drained.

    With *proxy_protocol*, trusted proxies begin each connection with a PROXY header.
    """

    def __init__(
        self, snapshot: Snapshot, *, limits: Limits, counts: Counts, log: Log, proxy_protocol: bool = False
    ) -> None:
        self._snapshot = snapshot
        self._limits = limits
        self._counts = counts
        self._log = log
        self._proxy_protocol = proxy_protocol
        self._crowd = Crowd(
            most=limits.connections,
            most_of_one=limits.connections_per_peer,
            exempt=self._speaks_for_many,
            counts=counts,
        )
        self._server: Server | None = None
        self._threshold: Threshold | None = None

    async def start(
        self,
        listening: Iterable[socket.socket],
        *,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Serve *listening*, bound sockets, by TLS alone where there is *tls*; they are closed by the drain.

        It gives the context in force: connections that stand keep what they began with.
        """
        self._server = server = Server(
            self._handle,
            limits=self._limits,
            refuse=self._refuse,
            crowd=self._crowd,
            lane=self,
            certificate=None if tls is None else self._certificate,
        )
        self._threshold = Threshold(
            server.receive,
            demands=self._demands_header,
            tls=tls,
            crowd=self._crowd,
            counts=self._counts,
            limits=self._limits,
            log=self._log,
        )
        self._threshold.open(listening)

    def serve(self, snapshot: Snapshot) -> None:
        """Serve every request by *snapshot* from the next one on; those that run keep theirs."""
        self._snapshot = snapshot

    async def drain(self, seconds: float, *, patience: float = 0.0) -> None:
        """Stop accepting, let running requests finish for at most *seconds*, then close.

        Clients that have a connection, or are on their way in, may ask once more within *patience*.
        """
        if self._threshold is not None:
            await self._threshold.close(seconds, patience=patience)
        if self._server is not None:
            await self._server.drain(seconds, patience=patience)

    def _speaks_for_many(self, peer: str) -> bool:
        return peer == UNIX_PEER or self._snapshot.reception.trusts(peer)

    def _demands_header(self, peer: str) -> bool:
        return self._proxy_protocol and self._snapshot.reception.trusts(peer)

    def _certificate(self, connection: Connection, transport: asyncio.Transport) -> bytes | None:
        try:
            return client_cert.told(transport.get_extra_info("ssl_object"))
        except RequestRejected as error:
            self._counts.connection_refused("handshake")
            facts = {"peer": connection.peer, "detail": str(error)}
            self._log.event("warning", "client_certificate.refused", facts)
            return None

    # What connections ask.

    def take(self, connection: Connection, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Pass *message* on in the fast lane, if it fits there."""
        return self._snapshot.take(connection, message, payload)

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
