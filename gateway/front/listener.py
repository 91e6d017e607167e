"""The public port: receive, serve, answer; one log line a request, whatever happens."""

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple, Protocol

from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from gateway.errors import GatewayError
from gateway.front.body import RequestBody
from gateway.front.connection import Connection
from gateway.front.date import HttpDate
from gateway.front.inbound import RawRequest
from gateway.front.limits import Limits
from gateway.front.reply import ClientReply, reason
from gateway.front.server import Server
from gateway.front.snapshot import Snapshot
from gateway.model.answer import Answer
from gateway.model.event import Audit, Clock
from gateway.model.inbound import Inbound
from gateway.pipeline import Passage

_BACKLOG = 1024
_KEPT_HEAD = 4 * 1024


class Ledger(Protocol):
    """Told of every request when it begins and when it is over."""

    def began(self, passage: Passage) -> None: ...
    def ended(self, passage: Passage, error: BaseException | None) -> None: ...


class _Exchange(NamedTuple):
    """One request under way: what is known of it, its body, and the way back."""

    passage: Passage
    body: RequestBody
    reply: ClientReply


class Listener:
    """Serves one public address until it is drained."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        ledger: Ledger,
        audit: Audit,
        limits: Limits,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._snapshot = snapshot
        self._ledger = ledger
        self._audit = audit
        self._limits = limits
        self._date = HttpDate(clock)
        self._monotonic = monotonic
        self._server: Server | None = None
        self._listening: asyncio.Server | None = None

    async def start(self, host: str, port: int, *, bound: socket.socket | None = None) -> None:
        """Listen on *host* and *port*, or on the socket that is *bound* already."""
        self._server = Server(self._handle, limits=self._limits, refuse=self._refuse)
        loop = asyncio.get_running_loop()
        if bound is not None:
            self._listening = await loop.create_server(self._server, sock=bound, backlog=_BACKLOG)
        else:
            self._listening = await loop.create_server(self._server, host, port, backlog=_BACKLOG)

    def serve(self, snapshot: Snapshot) -> None:
        """Serve every request by *snapshot* from the next one on; those that run keep theirs."""
        self._snapshot = snapshot

    async def drain(self, seconds: float) -> None:
        """Stop accepting, let running requests finish for at most *seconds*, then close."""
        if self._listening is None or self._server is None:
            return
        self._listening.close()
        await self._server.drain(seconds)

    async def _handle(
        self, connection: Connection, message: RawRequestMessage, payload: StreamReader
    ) -> bool:
        """Answer one request; say whether another may follow on its connection."""
        snapshot = self._snapshot
        with snapshot.running:
            return await self._answer(snapshot, connection, message, payload)

    async def _answer(
        self, snapshot: Snapshot, connection: Connection, message: RawRequestMessage, payload: StreamReader
    ) -> bool:
        passage = self._new_passage(snapshot, connection.peer)
        body = RequestBody(payload, limits=self._limits)
        reply = self._reply(snapshot, connection, message, body)
        error: BaseException | None = None
        self._ledger.began(passage)
        try:
            error = await _serve(snapshot, connection, message, _Exchange(passage, body, reply))
        except Exception as caught:
            # The client is gone, or there is no answer that could be trusted.
            error = caught
            connection.cut()
        except BaseException as caught:
            error = caught
            raise
        finally:
            self._ledger.ended(passage, error)
        if reply.keep_alive and not connection.draining:
            return True
        await connection.end(linger=body.unread)
        return False

    def _refuse(self, error: GatewayError, peer: str) -> bytes:
        """Return the bytes that answer a head which never became a request, and log it."""
        snapshot = self._snapshot
        passage = self._new_passage(snapshot, peer)
        passage.status, passage.code = error.status, error.code
        self._ledger.began(passage)
        answer = snapshot.pages.answer(error, inbound=None, request_id=passage.request_id)
        self._ledger.ended(passage, error)
        return whole(answer, passage.request_id, self._date())

    def _new_passage(self, snapshot: Snapshot, peer: str) -> Passage:
        return Passage(request_id=snapshot.receiver.next_id(), peer=peer, started=self._monotonic())

    def _reply(
        self, snapshot: Snapshot, connection: Connection, message: RawRequestMessage, body: RequestBody
    ) -> ClientReply:
        return ClientReply(
            connection,
            rest=body,
            limits=self._limits,
            owns_cookie=snapshot.owns_cookie,
            audit=self._audit,
            date=self._date,
            keep_alive=_can_carry_another(message) and not connection.draining,
            method=message.method,
            version=message.version,
        )


async def _serve(
    snapshot: Snapshot, connection: Connection, message: RawRequestMessage, exchange: _Exchange
) -> GatewayError | None:
    try:
        inbound = exchange.passage.inbound = _receive(snapshot, connection, message, exchange.passage)
        # A large head is not worth keeping while its connection idles.
        connection.previous = (snapshot, inbound) if inbound.notes.size <= _KEPT_HEAD else None
        await _attempt(snapshot, inbound, exchange)
    except GatewayError as error:
        await _apologise(snapshot, error, exchange)
        return error
    except ConnectionError:
        raise
    except Exception as fault:
        # What nobody foresaw is a refusal, never a pass; the cause goes to the log by type.
        unforeseen = GatewayError(type(fault).__name__)
        unforeseen.__cause__ = fault
        await _apologise(snapshot, unforeseen, exchange)
        return unforeseen
    if exchange.body.unread:
        exchange.reply.keep_alive = False
    return None


def _receive(
    snapshot: Snapshot, connection: Connection, message: RawRequestMessage, passage: Passage
) -> Inbound:
    raw = RawRequest(
        method=message.method,
        target=message.path,
        version=message.version,
        headers=message.raw_headers,
        peer=passage.peer,
    )
    # What another configuration read from the same bytes may mean something else by this one.
    reader, previous = connection.previous or (None, None)
    known = previous if reader is snapshot else None
    return snapshot.receiver.receive(raw, passage.request_id, previous=known)


async def _attempt(snapshot: Snapshot, inbound: Inbound, exchange: _Exchange) -> None:
    passage, body, reply = exchange
    if inbound.expects_continue:
        body.ask_with(reply.proceed)
    if snapshot.endpoints.covers(inbound.path):
        passage.ours = True
        await reply.send(await snapshot.endpoints.handle(inbound, body.read, passage), passage)
        return
    await snapshot.pipeline.proxy(passage, body, reply)


async def _apologise(snapshot: Snapshot, error: GatewayError, exchange: _Exchange) -> None:
    """Turn *error* into the one answer, unless one has begun, which then was cut."""
    passage, _, reply = exchange
    passage.code = error.code
    if reply.begun or passage.inbound is None:
        reply.keep_alive = False
    if reply.begun:
        return
    answer = snapshot.pages.answer(error, inbound=passage.inbound, request_id=passage.request_id)
    await reply.send(answer, passage)


def _can_carry_another(message: RawRequestMessage) -> bool:
    """Say whether the connection may carry a request after this one.

    Not after a refused upgrade: no byte may be read as if the protocol had changed. Not after a
    chunked body: the parser gives the last of its trailers to the next request, as a header, and
    the next request may be another person's where a proxy in front shares its connections.
    """
    return not (message.should_close or message.upgrade or message.chunked)


def whole(answer: Answer, request_id: str, date: bytes) -> bytes:
    """Return a closing answer as bytes, for where there is no request to answer."""
    fields = (
        *answer.headers,
        (b"Date", date),
        (b"X-Request-Id", request_id.encode()),
        (b"Content-Length", b"%d" % len(answer.body)),
        (b"Connection", b"close"),
    )
    lines = b"".join(b"%b: %b\r\n" % pair for pair in fields)
    return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (answer.status, reason(answer.status), lines, answer.body)
