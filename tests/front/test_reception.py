"""What comes in is understood once, and known again only where the same bytes mean the same."""

from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.errors import RequestRejected
from gateway.front.connection import Previous
from gateway.front.forwarded import TrustedProxies
from gateway.front.reception import Reception, can_carry_another
from gateway.passage import Passage
from tests.fakes.dressing import inbound
from tests.fakes.forward_auth import receiver

PEER = "192.0.2.7"
HEAD = b"GET /a HTTP/1.1\r\nHost: wiki.example.com\r\n\r\n"


@dataclass
class Client:
    """A connection, as far as what it sends is understood by it."""

    piece: bytes = HEAD
    peer: str = PEER
    client_cert: bytes = b""
    previous: Previous | None = None

    def piece_of(self, _message: object) -> bytes:
        return self.piece


def message(
    *fields: tuple[bytes, bytes], method: str = "GET", target: str = "/a", **facts: Any
) -> RawRequestMessage:
    usual = {"should_close": False, "compression": None, "upgrade": False, "chunked": False, **facts}
    raw = ((b"Host", b"wiki.example.com"), *fields)
    return RawRequestMessage(
        method, target, HttpVersion11, CIMultiDictProxy(CIMultiDict()), raw, url=URL(), **usual
    )


def reception() -> Reception:
    return Reception(receiver(TrustedProxies(())), monotonic=lambda: 5.0)


def received(ours: Reception, client: Client, what: RawRequestMessage) -> Passage:
    return ours.opened(client, what)  # type: ignore[arg-type]


def recalled(ours: Reception, data: bytes, **facts: Any) -> Previous | None:
    return ours.recall(Client(**facts), data)  # type: ignore[arg-type]


def test_a_passage_begins_with_who_asks_and_when() -> None:
    begun = reception().begun(PEER)
    assert (begun.peer, begun.started, begun.inbound) == (PEER, 5.0, None)


def test_what_repeats_a_head_but_for_its_target_is_known_again_on_any_connection_of_the_same_peer() -> None:
    ours, client = reception(), Client()
    passage = received(ours, client, message())
    assert passage.inbound is not None
    assert passage.inbound.target == b"/a"
    known = recalled(ours, HEAD.replace(b"/a", b"/b?c"))
    assert known is not None
    assert known is client.previous
    assert ours.reopened(known, b"/b?c").inbound.path == "/b"  # type: ignore[union-attr]
    assert recalled(ours, HEAD, peer="192.0.2.8") is None
    assert recalled(ours, HEAD.replace(b"wiki", b"news")) is None
    assert recalled(reception(), HEAD) is None


def test_a_target_is_judged_whatever_is_known_of_the_rest() -> None:
    ours, client = reception(), Client()
    received(ours, client, message())
    assert client.previous is not None
    with pytest.raises(RequestRejected):
        ours.reopened(client.previous, b"/a HTTP/1.1\r\nHost: wiki.example.com\r\n\r\nGET /b")


@pytest.mark.parametrize(
    ("what", "client"),
    [
        (message(method="POST"), Client(piece=HEAD.replace(b"GET", b"POST"))),
        (message((b"Content-Length", b"2")), Client()),
        (message(should_close=True), Client()),
        (message(), Client(piece=b"")),
        (message(), Client(piece=HEAD.replace(b"1.1", b"1.0"))),
        (message(), Client(client_cert=b"Client-Cert: :AA==:\r\n")),
        (message((b"X", b"x" * 4096)), Client()),
    ],
    ids=["another method", "a body", "the last", "in pieces", "an older version", "a certificate", "large"],
)
def test_other_heads_are_never_known_by_their_bytes(what: RawRequestMessage, client: Client) -> None:
    ours = reception()
    assert received(ours, client, what).inbound is not None
    assert recalled(ours, client.piece or HEAD) is None


def test_with_a_certificate_the_same_bytes_mean_another_client() -> None:
    ours = reception()
    received(ours, Client(), message())
    assert recalled(ours, HEAD) is not None
    assert recalled(ours, HEAD, client_cert=b"Client-Cert: :AA==:\r\n") is None


def test_what_another_configuration_understood_is_read_anew() -> None:
    client = Client()
    received(reception(), client, message())
    before = client.previous
    received(reception(), client, message())
    assert before is not None
    assert client.previous is not None
    assert client.previous.inbound.notes is not before.inbound.notes


def test_a_request_of_a_course_is_identified_as_itself() -> None:
    ours = reception()
    passage = Passage(request_id="r-2", peer=PEER, started=0.0, inbound=inbound(request_id="r-1"))
    ours.identified(passage)
    assert passage.inbound is not None
    assert passage.inbound.request_id == "r-2"


def test_a_person_who_is_refused_at_the_door_is_remembered_as_one() -> None:
    ours = reception()
    passage = ours.begun(PEER)
    page = message((b"Sec-Fetch-Mode", b"navigate"), (b"Accept", b"text/html"), target="/%00")
    with pytest.raises(RequestRejected):
        ours.receive(Client(), page, passage)  # type: ignore[arg-type]
    assert passage.person


@pytest.mark.parametrize("last", ["should_close", "upgrade", "chunked"])
def test_nothing_follows_what_ends_or_changes_a_connection(last: str) -> None:
    assert can_carry_another(message())
    ending: dict[str, Any] = {last: True}
    assert not can_carry_another(message(**ending))
