"""One configuration at work: receive, serve, answer; one log line a request, whatever happens.

The law: a request is served to its end by the snapshot that it began with, in either lane, so that no
request ever sees the routes of one configuration and the keys of another.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader

from gateway.errors import GatewayError
from gateway.front.body import RequestBody
from gateway.front.connection import Connection, Previous
from gateway.front.date import HttpDate
from gateway.front.lane import Lane, Work
from gateway.front.limits import Limits
from gateway.front.reception import Reception, can_carry_another
from gateway.front.reply import ClientReply, Manner, Watch, reason
from gateway.model.answer import Answer
from gateway.model.event import Audit, Clock
from gateway.model.inbound import Inbound
from gateway.passage import Passage
from gateway.pipeline import Pipeline

_KEPT_HEAD = 4 * 1024


class Pages(Protocol):
    """Turns errors into answers; the only place where that happens."""

    def answer(
        self, error: GatewayError, *, inbound: Inbound | None, request_id: str, person: bool = False
    ) -> Answer: ...


class OwnEndpoints(Protocol):
    """Everything under our prefix; what begins with `opening` is under it in its one spelling."""

    opening: str

    def covers(self, path: str) -> bool: ...
    async def handle(
        self, inbound: Inbound, read_body: Callable[[int], Awaitable[bytes]], passage: Passage
    ) -> Answer: ...


class Ledger(Protocol):
    """Told of every request: when it begins, leaves HTTP, is over; and which one a task is serving."""

    def began(self) -> None: ...
    def concerns(self, passage: Passage) -> None: ...
    def upgraded(self, passage: Passage) -> None: ...
    def ended(self, passage: Passage, error: BaseException | None) -> None: ...


class Running:
    """Knows the requests that run. One that is told twice to have ended has ended once."""

    __slots__ = ("_over", "_passages")

    def __init__(self) -> None:
        self._passages: set[int] = set()
        self._over: asyncio.Future[None] | None = None

    def enter(self, passage: object) -> None:
        self._passages.add(id(passage))

    def leave(self, passage: object) -> None:
        self._passages.discard(id(passage))
        if not self._passages and self._over is not None:
            self._over.set_result(None)
            self._over = None

    async def over(self) -> None:
        """Return once none runs; for one waiter at a time."""
        while self._passages:
            self._over = asyncio.get_running_loop().create_future()
            try:
                await self._over
            finally:
                self._over = None


class Snapshot:
    """Serves requests by one configuration; `reception` understands them, `running` counts them."""

    def __init__(
        self,
        *,
        reception: Reception,
        pipeline: Pipeline,
        endpoints: OwnEndpoints,
        pages: Pages,
        ledger: Ledger,
        live: Watch,
        audit: Audit,
        owns_cookie: Callable[[bytes], bool],
        limits: Limits,
        clock: Clock,
        monotonic: Callable[[], float],
        fast_lane: bool = True,
    ) -> None:
        self.reception = reception
        self._pipeline = pipeline
        self._endpoints = endpoints
        self._pages = pages
        self._ledger = ledger
        self._limits = limits
        self._date = HttpDate(clock)
        self._manner = Manner(
            live=live,
            limits=limits,
            owns_cookie=owns_cookie,
            audit=audit,
            date=self._date,
            upgraded=ledger.upgraded,
            ended=self.ended,
        )
        self._lane = (
            Lane(self, reception=reception, pipeline=pipeline, limits=limits, monotonic=monotonic)
            if fast_lane
            else None
        )
        self.running = Running()

    def take(self, connection: Connection, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Pass *message* on at once and return True, or return False with nothing done."""
        if self._lane is None or message.path.startswith(self._endpoints.opening):
            return False  # a page of our own is not passed on: it need not be understood twice to see that
        return self._lane.take(connection, message, payload)

    def recall(self, connection: Connection, data: bytes) -> Previous | None:
        """Return what *data* repeats but for its target, wherever that came, None where it is new."""
        return None if self._lane is None else self.reception.recall(connection, data)

    def repeat(self, connection: Connection, previous: Previous, target: bytes) -> bool:
        """Pass on at once what differs from *previous* in its *target* at most, as `take` does.

        What another configuration read from the same bytes may mean something else by this one.
        """
        if self._lane is None or previous.reader is not self.reception:
            return False
        return self._lane.repeat(connection, previous, target)

    async def handle(self, connection: Connection, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Answer one request; say whether another may follow on its connection."""
        passage = self.reception.begun(connection.peer)
        body = RequestBody(payload, limits=self._limits, sender=connection)
        reply = self.reply(connection, message, body)
        self.began(passage)
        return await self.conclude(
            connection,
            passage,
            body,
            reply,
            lambda reply: self._attempt(connection, message, passage, body, reply),
        )

    async def conclude(
        self, connection: Connection, passage: Passage, body: RequestBody, reply: ClientReply, work: Work
    ) -> bool:
        """See a request that has begun through to its end by *work*; say whether another may follow."""
        self._ledger.concerns(passage)
        error: BaseException | None = None
        try:
            error = await self._worked(passage, body, reply, work)
        except Exception as caught:
            # The client is gone, or there is no answer that could be trusted.
            error = caught
            connection.cut()
        except BaseException as caught:
            error = caught
            raise
        finally:
            if not reply.upgraded:
                self.ended(passage, error)
        if reply.keep_alive and (not connection.draining or connection.awaits_one_more()):
            return True
        await connection.end(linger=body.unread)
        return False

    async def _worked(
        self, passage: Passage, body: RequestBody, reply: ClientReply, work: Work
    ) -> GatewayError | None:
        try:
            await work(reply)
        except GatewayError as error:
            await self._apologise(error, passage, reply)
            return _without_its_way(error)
        except ConnectionError:
            raise
        except Exception as fault:
            # What nobody foresaw is a refusal, never a pass; the cause goes to the log by type.
            unforeseen = GatewayError(type(fault).__name__)
            unforeseen.__cause__ = fault
            await self._apologise(unforeseen, passage, reply)
            return unforeseen
        if body.unread:
            reply.keep_alive = False
        return None

    async def _attempt(
        self,
        connection: Connection,
        message: RawRequestMessage,
        passage: Passage,
        body: RequestBody,
        reply: ClientReply,
    ) -> None:
        inbound = self.reception.receive(connection, message, passage)
        if inbound.expects_continue:
            body.ask_with(reply.proceed)
        if self._endpoints.covers(inbound.path):
            passage.ours = True
            await reply.send(await self._endpoints.handle(inbound, body.read, passage), passage)
            return
        await self._pipeline.proxy(passage, body, reply)

    def ours(self, inbound: Inbound) -> bool:
        """Say whether a page of our own is asked for."""
        return self._endpoints.covers(inbound.path)

    def began(self, passage: Passage) -> None:
        self.running.enter(passage)
        self._ledger.began()

    def ended(self, passage: Passage, error: BaseException | None) -> None:
        self.running.leave(passage)
        self._ledger.ended(passage, error)

    async def _apologise(self, error: GatewayError, passage: Passage, reply: ClientReply) -> None:
        """Turn *error* into the one answer, unless one has begun, which then was cut."""
        passage.code = error.code
        if reply.begun or passage.inbound is None:
            reply.keep_alive = False
        if reply.begun:
            return
        answer = self._pages.answer(
            error, inbound=passage.inbound, request_id=passage.request_id, person=passage.person
        )
        await reply.send(answer, passage)

    def refuse(self, error: GatewayError, peer: str) -> bytes:
        """Return the bytes that answer a head which never became a request, and log it."""
        passage = self.reception.begun(peer)
        passage.status, passage.code = error.status, error.code
        self.began(passage)
        answer = self._pages.answer(error, inbound=None, request_id=passage.request_id)
        self.ended(passage, error)
        return whole(answer, passage.request_id, self._date())

    def reply(self, connection: Connection, message: RawRequestMessage, body: RequestBody) -> ClientReply:
        return ClientReply(
            connection,
            self._manner,
            rest=body,
            keep_alive=can_carry_another(message) and not connection.draining,
            method=message.method,
            version=message.version,
        )


def _without_its_way(error: GatewayError) -> GatewayError:
    """Return *error* without the frames that it came through, of which nothing is told.

    One that names it would hold itself, and all that the request held, until the collector comes.
    """
    for each in (error, error.__cause__, error.__context__):
        if each is not None:
            each.__traceback__ = None
    return error


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
