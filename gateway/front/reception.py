"""What comes in becomes a passage: understood in full, or known again by its bytes.

What is known is known to one configuration: another may read the same bytes otherwise.
"""

from collections.abc import Callable

from aiohttp.http import RawRequestMessage
from msgspec.structs import replace

from gateway.errors import RequestRejected
from gateway.front.connection import Connection, Previous
from gateway.front.inbound import RawRequest, Receiver, seen_by_a_person
from gateway.front.known_heads import KnownHeads
from gateway.model.inbound import Inbound
from gateway.passage import Passage
from gateway.pipeline import Course

_KEPT_HEAD = 4 * 1024


class Reception:
    """Receives the requests of every connection by one configuration."""

    def __init__(self, receiver: Receiver, *, monotonic: Callable[[], float]) -> None:
        self._receiver = receiver
        self._monotonic = monotonic
        self._known = KnownHeads()

    def begun(self, peer: str) -> Passage:
        """Return the passage of a request of *peer*'s that is not understood yet."""
        return Passage(request_id=self._receiver.next_id(), peer=peer, started=self._monotonic())

    def receive(self, connection: Connection, message: RawRequestMessage, passage: Passage) -> Inbound:
        """Return *message* as *passage* has it from now on, and note what the next one may be known by.

        Raises RequestRejected.
        """
        raw = RawRequest(
            method=message.method,
            target=message.path,
            version=message.version,
            headers=message.raw_headers,
            peer=passage.peer,
            client_cert=connection.client_cert,
        )
        previous = connection.previous
        if previous is not None and previous.reader is not self:
            previous = None
        known = None if previous is None else previous.inbound
        try:
            inbound = self._receiver.receive(raw, passage.request_id, previous=known)
        except RequestRejected:
            passage.person = seen_by_a_person(raw.headers)
            raise
        if previous is None or previous.message is not message:  # else read a second time
            noted = connection.previous = self._noted(connection, message, inbound)
            if noted is not None and previous is not None:
                noted.course = previous.course
        passage.inbound = inbound
        return inbound

    def _noted(self, connection: Connection, message: RawRequestMessage, inbound: Inbound) -> Previous | None:
        """Return what the next request on the connection may be known by.

        A large head is not worth keeping while its connection idles.
        """
        piece = connection.piece_of(message)
        if inbound.notes.size > _KEPT_HEAD:
            return None
        opening = b"GET %b" % inbound.target
        plain = can_carry_another(message) and not inbound.has_body
        rest = piece[len(opening) :] if plain and piece.startswith(opening + b" HTTP/1.1\r\n") else b""
        previous = Previous(reader=self, message=message, inbound=inbound, rest=rest)
        if not connection.client_cert:
            self._known.note(previous)
        return previous

    def recall(self, connection: Connection, data: bytes) -> Previous | None:
        """Return what *data* repeats but for its target, wherever that came, None where it is new."""
        if connection.client_cert:
            return None  # with a certificate the same bytes mean another client
        return self._known.recall(data, peer=connection.peer)

    def opened(self, connection: Connection, message: RawRequestMessage) -> Passage:
        """Return the passage of a request that is understood; raises RequestRejected."""
        passage = self.begun(connection.peer)
        self.receive(connection, message, passage)
        return passage

    def reopened(self, previous: Previous, target: bytes) -> Passage:
        """Return the passage of *previous* with another *target*; raises RequestRejected."""
        passage = self.begun(previous.inbound.peer)
        passage.inbound = self._receiver.again(previous.inbound, target, passage.request_id)
        return passage

    def resumed(self, course: Course) -> Passage:
        """Return the passage of one more request on *course*."""
        inbound = course.inbound
        return Passage(
            request_id=self._receiver.next_id(), peer=inbound.peer, started=self._monotonic(), inbound=inbound
        )

    def identified(self, passage: Passage) -> None:
        """Give what was received the id of its passage: on a course it still has another's."""
        inbound = passage.inbound
        if inbound is not None and inbound.request_id != passage.request_id:
            passage.inbound = replace(inbound, request_id=passage.request_id)

    def trusts(self, peer: str) -> bool:
        """Say whether *peer* is a proxy whose word is taken: it speaks for many."""
        return self._receiver.trusts(peer)


def can_carry_another(message: RawRequestMessage) -> bool:
    """Say whether the connection may carry a request after this one.

    Not after a refused upgrade: no byte may be read as if the protocol had changed. Not after a
    chunked body: the parser gives the last of its trailers to the next request, as a header, and
    the next request may be another person's where a proxy in front shares its connections.
    """
    return not (message.should_close or message.upgrade or message.chunked)
