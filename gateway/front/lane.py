"""The fast lane: a request that needs no waiting is passed on inside its connection's own callback.

No task, no future, no context: the decision is a handful of plain calls, the head goes to an idle
upstream connection at once, and an answer that comes whole is written back as it comes. A request that
repeats one goes the way that one took, where its caller is still the same. Whatever does not fit (a body
that is still coming, a cold session, our own pages, no idle connection, a refusal) is left untouched to
the ordinary lane; whatever turns out not to fit (a long answer, a failure) is handed over to it. Both
lanes use the same validation, the same decision, the same dress, the same wire and the same reply.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from gateway.errors import UpstreamBroken
from gateway.front.body import RequestBody
from gateway.front.connection import Connection, Previous
from gateway.front.limits import Limits
from gateway.front.reception import Reception
from gateway.front.reply import ClientReply, as_it_came
from gateway.model.inbound import Inbound
from gateway.passage import Passage
from gateway.pipeline import Pipeline, UpstreamPool
from gateway.upstream.answer import AnswerReader
from gateway.upstream.exchange import UpstreamAnswer, may_repeat
from gateway.upstream.outbound import Outbound
from gateway.upstream.wire import Connection as UpstreamConnection

_REPEATABLE = frozenset({"GET", "HEAD"})
_HTTP_1_1 = (1, 1)
Work = Callable[[ClientReply], Awaitable[None]]
Leaving = tuple[Passage, Outbound, UpstreamPool]
"""What may leave at once: whose, what, and where to."""


class OrdinaryLane(Protocol):
    """What both lanes do alike, and where a request goes on that the fast lane cannot finish."""

    def ours(self, inbound: Inbound) -> bool: ...
    def reply(self, connection: Connection, message: RawRequestMessage, body: RequestBody) -> ClientReply: ...
    def began(self, passage: Passage) -> None: ...
    def ended(self, passage: Passage, error: BaseException | None) -> None: ...
    async def conclude(
        self, connection: Connection, passage: Passage, body: RequestBody, reply: ClientReply, work: Work
    ) -> bool: ...


class Lane:
    """Takes the requests that fit."""

    def __init__(
        self,
        ordinary: OrdinaryLane,
        *,
        reception: Reception,
        pipeline: Pipeline,
        limits: Limits,
        monotonic: Callable[[], float],
    ) -> None:
        self.ordinary = ordinary
        self.reception = reception
        self.pipeline = pipeline
        self.limits = limits
        self.monotonic = monotonic

    def take(self, connection: Connection, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Pass *message* on, all of whose *payload* is here, and return True, or return False with nothing
        done that anybody sees."""
        if message.should_close or message.upgrade or connection.draining or connection.congested:
            return False
        try:
            leaving = self._opened(connection, message)
        except Exception:  # what nobody foresaw too: nothing is sent, and this is a callback of the loop's
            return False  # the ordinary lane comes to the same, answers it and tells the log
        return leaving is not None and self._pass_on(connection, message, leaving, payload)

    def repeat(self, connection: Connection, previous: Previous, target: bytes) -> bool:
        """Pass *previous* on again with another *target*, as `take` does."""
        if connection.draining or connection.congested:
            return False
        try:
            leaving = self._reopened(previous, target)
        except Exception:
            return False
        return leaving is not None and self._pass_on(connection, previous.message, leaving)

    def _opened(self, connection: Connection, message: RawRequestMessage) -> Leaving | None:
        passage = self.reception.opened(connection, message)
        previous, inbound = connection.previous, passage.inbound
        course = None if previous is None else previous.course
        if course is not None and inbound is not None and course.covers(inbound):
            outbound = self.pipeline.again(course, passage)
            if outbound is not None:
                return passage, outbound, course.pool
        return self._decided(previous, passage)

    def _reopened(self, previous: Previous, target: bytes) -> Leaving | None:
        course = previous.course
        if course is not None and course.inbound.target == target:
            passage = self.reception.resumed(course)
            outbound = self.pipeline.again(course, passage)
            if outbound is not None:
                return passage, outbound, course.pool
        return self._decided(previous, self.reception.reopened(previous, target))

    def _decided(self, previous: Previous | None, passage: Passage) -> Leaving | None:
        """Decide, and let those that repeat this request go the same way."""
        inbound = passage.inbound
        if inbound is None or inbound.expects_continue or self.ordinary.ours(inbound):
            return None
        leaving = self.pipeline.at_once(passage, inbound)
        if leaving is None:
            return None
        if previous is not None:
            previous.course = self.pipeline.course(passage)
        return (passage, *leaving)

    def _pass_on(
        self,
        connection: Connection,
        message: RawRequestMessage,
        leaving: Leaving,
        payload: StreamReader = EMPTY_PAYLOAD,
    ) -> bool:
        passage, outbound, pool = leaving
        length = outbound.length or 0
        if payload.total_bytes != length:
            return False  # what is missing would be taken from the next request, maybe another person's
        upstream = pool.idle(outbound)
        if upstream is None:
            return False
        self.ordinary.began(passage)
        body = payload.read_nowait() if length else b""
        Passing(self, connection, message, passage, outbound=outbound, body=body, upstream=upstream)
        return True


class Passing:
    """One request under way in the fast lane."""

    __slots__ = (
        "_connection",
        "_lane",
        "_message",
        "_passage",
        "_reader",
        "_repeatable",
        "_upstream",
    )

    def __init__(
        self,
        lane: Lane,
        connection: Connection,
        message: RawRequestMessage,
        passage: Passage,
        *,
        outbound: Outbound,
        body: bytes,
        upstream: UpstreamConnection,
    ) -> None:
        self._lane = lane
        self._connection = connection
        self._message = message
        self._passage = passage
        self._upstream = upstream
        connection.passing = self
        self._reader: AnswerReader = upstream.begin(
            outbound.method, outbound.head + body, body_follows=False, told=self._moved
        )
        self._repeatable = not body and outbound.method in _REPEATABLE

    def abandon(self) -> None:
        """The client is gone: nobody waits for the answer."""
        self._upstream.told = None
        self._upstream.abandon(self._reader)
        self._lane.ordinary.ended(self._passage, ConnectionResetError("client is gone"))

    def _moved(self) -> None:
        """The answer is here, or has begun, or will not come."""
        self._passage.upstream_seconds = self._lane.monotonic() - self._passage.started
        if self._reader.complete:
            self._answer()
        elif self._reader.head_done:
            self._hand_over(self._stream)
        else:
            again = self._repeatable and may_repeat(self._upstream, self._reader)
            self._hand_over(self._again if again else self._fail)

    def _answer(self) -> None:
        connection = self._connection
        try:
            reply = None if self._relayed_as_it_came() else self._relayed()
        except Exception as fault:  # never into the upstream's callback
            connection.passing = None
            self._lane.ordinary.ended(self._passage, fault)
            connection.cut()
            return
        if connection.congested:
            self._hand_over(_taken, reply)
            return
        self._lane.ordinary.ended(self._passage, None)
        connection.passed(keep_alive=reply is None or reply.keep_alive)

    def _relayed_as_it_came(self) -> bool:
        """Write the answer where only the request's id is added to it, and say whether that was so."""
        connection = self._connection
        if connection.draining or self._message.version != _HTTP_1_1:
            return False  # the client is to be told what becomes of the connection
        answer = as_it_came(self._reader, self._passage)
        if answer is None:
            return False
        connection.write(answer)
        return True

    def _relayed(self) -> ClientReply:
        reply = self._lane.ordinary.reply(self._connection, self._message, self._body())
        reply.relay_whole(UpstreamAnswer(self._upstream, self._reader), self._passage)
        return reply

    def _body(self) -> RequestBody:
        return RequestBody(EMPTY_PAYLOAD, limits=self._lane.limits)

    def _hand_over(self, work: Work, begun: ClientReply | None = None) -> None:
        """Let the ordinary lane go on with *work*, by the reply that has *begun* or by a new one."""
        ordinary, connection, body = self._lane.ordinary, self._connection, self._body()
        self._lane.reception.identified(self._passage)
        reply = begun or ordinary.reply(connection, self._message, body)
        connection.hand_over(lambda: ordinary.conclude(connection, self._passage, body, reply, work))

    async def _stream(self, reply: ClientReply) -> None:
        try:
            await reply.relay(UpstreamAnswer(self._upstream, self._reader), self._passage)
        finally:
            self._upstream.abandon(self._reader)

    async def _again(self, reply: ClientReply) -> None:
        await self._lane.pipeline.proxy(self._passage, self._body(), reply, again=True)

    async def _fail(self, _: ClientReply) -> None:
        raise self._upstream.failure or UpstreamBroken("no answer came")


async def _taken(reply: ClientReply) -> None:
    """Wait until the client has taken its answer, which is the only one."""
    reply.begun = True
    await reply.settle()
