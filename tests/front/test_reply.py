"""Answers as bytes: the upstream's fields untouched, the framing true, never a second answer."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import UpstreamBroken
from gateway.flows.live import Stay
from gateway.front.limits import Limits
from gateway.front.reply import ClientReply, Manner
from gateway.front.tunnel import Near
from gateway.model.answer import Answer
from gateway.model.cookies import CookieNames
from gateway.model.event import AuditEvent
from gateway.passage import Passage
from gateway.upstream.answer import AnswerReader
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.exchange import UpstreamAnswer
from gateway.upstream.reserved import Reserved
from tests.fakes.dressing import inbound
from tests.fakes.routes import route
from tests.fakes.sessions import Node

NAMES = CookieNames(base="session", secure=True)


@dataclass
class Client:
    """What reached the client; congested while `slow`, then it reads `pace` bytes a wait."""

    written: bytes = b""
    was_cut: bool = False
    slow: bool = False
    backlog: int = 0
    pace: int = 0
    unread: bool = False

    def write(self, data: bytes) -> None:
        self.written += data

    @property
    def congested(self) -> bool:
        return self.slow

    async def drained(self) -> None:
        self.backlog -= self.pace
        self.slow = self.backlog > 0
        await asyncio.sleep(0.05 if self.slow else 0)

    def cut(self) -> None:
        self.was_cut = True

    def leave_http(self) -> bytes:
        raise AssertionError("nobody asked for that")

    def give_way(self, near: Near) -> None:
        raise AssertionError("nobody asked for that")


class Watch:
    """Remembers what was watched over, and has ended it where `closing` says so."""

    def __init__(self, *, closing: bool = False) -> None:
        self.closing = closing
        self.stays: list[Stay] = []

    @contextmanager
    def lasting(self, stay: Stay) -> Iterator[None]:
        self.enter(stay)
        yield

    def enter(self, stay: Stay) -> None:
        self.stays.append(stay)
        if self.closing:
            stay.end("revoked")

    def leave(self, stay: Stay) -> None: ...


@dataclass
class FromUpstream:
    """The connection under an answer: `rest` comes piece by piece, then `failure` if there is one."""

    reader: AnswerReader
    rest: list[bytes] = field(default_factory=list)
    failure: Exception | None = None
    broken: Exception | None = None

    def drained(self, reader: AnswerReader) -> None: ...

    async def more(self) -> None:
        if self.rest:
            self.reader.feed(self.rest.pop(0))
        else:
            self.failure = self.broken


def answer(head: bytes, *rest: bytes, method: str = "GET", broken: Exception | None = None) -> UpstreamAnswer:
    reader = AnswerReader(method, AnswerHeads(Reserved(()).answers))
    reader.feed(head)
    connection = FromUpstream(reader, list(rest), broken=broken)
    return UpstreamAnswer(connection, reader)  # type: ignore[arg-type]


def passage(*leave: bytes) -> Passage:
    return Passage(request_id="r-1", peer="192.0.2.1", started=0.0, leave=leave)


def reply(
    client: Client,
    *,
    method: str = "GET",
    version: tuple[int, int] = (1, 1),
    audited: list[AuditEvent] | None = None,
    write_idle: float = 60.0,
    live: Watch | None = None,
) -> ClientReply:
    return ClientReply(
        client,
        Manner(
            live=live or Watch(),
            limits=Limits(write_idle=write_idle),
            owns_cookie=NAMES.owns,
            audit=(audited if audited is not None else []).append,
            date=lambda: b"today",
            upgraded=lambda _: None,
            ended=lambda _, error: None,
        ),
        rest=client,
        keep_alive=True,
        method=method,
        version=version,
    )


OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = OK + b"Content-Length: 5\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("pieces", [(LENGTH + b"hello",), (LENGTH, b"he", b"llo"), (LENGTH + b"he", b"llo")])
async def test_a_body_of_known_length_is_passed_on(pieces: tuple[bytes, ...]) -> None:
    client, on = Client(), passage()
    await reply(client).relay(answer(*pieces), on)
    assert client.written == OK + b"Content-Length: 5\r\nX-Request-Id: r-1\r\n\r\nhello"
    assert (on.status, on.sent) == (200, 5)


@pytest.mark.parametrize(
    "pieces",
    [
        (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",),
        (CHUNKED, b"5\r\nhello\r\n", b"0\r\n\r\n"),
        (CHUNKED + b"0\r\n\r\n",),
    ],
)
async def test_a_body_of_unknown_length_is_chunked_and_ends_once(pieces: tuple[bytes, ...]) -> None:
    client = Client()
    await reply(client).relay(answer(*pieces), passage())
    head, _, body = client.written.partition(b"\r\n\r\n")
    assert head == OK + b"X-Request-Id: r-1\r\nTransfer-Encoding: chunked"
    assert body in (b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n")
    assert len(body) == (15 if any(b"hello" in piece for piece in pieces) else 5)


async def test_http_1_0_is_told_the_end_by_the_close() -> None:
    client = Client()
    to = reply(client, version=(1, 0))
    await to.relay(answer(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"), passage())
    assert client.written.endswith(b"Connection: close\r\n\r\nhello")
    assert not to.keep_alive


@given(st.binary(min_size=1, max_size=200), st.integers(1, 20))
def test_any_chunked_body_arrives_as_it_was(body: bytes, size: int) -> None:
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    sent = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    client = Client()
    asyncio.run(reply(client).relay(answer(CHUNKED, *sent, b"0\r\n\r\n"), passage()))
    rest, got = client.written.partition(b"\r\n\r\n")[2], b""
    while rest:
        length, _, rest = rest.partition(b"\r\n")
        got += rest[: int(length, 16)]
        rest = rest[int(length, 16) + 2 :]
    assert got == body


async def test_a_body_that_breaks_cuts_the_client_off() -> None:
    client = Client()
    to = reply(client)
    with pytest.raises(UpstreamBroken):
        await to.relay(answer(CHUNKED, b"5\r\nhello\r\n", broken=UpstreamBroken("cut")), passage())
    assert client.was_cut
    assert not to.keep_alive
    assert not client.written.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(("method", "status"), [("HEAD", b"200"), ("GET", b"304"), ("GET", b"204")])
async def test_some_answers_have_no_body(method: str, status: bytes) -> None:
    client = Client()
    to = reply(client, method=method)
    await to.relay(answer(b"HTTP/1.1 " + status + b" X\r\nETag: a\r\n\r\n", method=method), passage())
    assert client.written == b"HTTP/1.1 " + status + b" X\r\nETag: a\r\nX-Request-Id: r-1\r\n\r\n"
    assert to.keep_alive


async def test_F13_field_bytes_pass_untouched_and_in_order() -> None:
    fields = b"X-B: caf\xe9\r\nx-a:   1\r\nX-B: 2\r\n"
    client = Client()
    await reply(client).relay(answer(OK + fields + b"Content-Length: 0\r\n\r\n"), passage())
    assert b"X-B: caf\xe9\r\nx-a: 1\r\nX-B: 2\r\n" in client.written


async def test_an_answer_that_leaves_a_cookie_is_kept_by_nobody() -> None:
    cached = b"Cache-Control: public, max-age=60\r\nExpires: x\r\nCDN-Cache-Control: max-age=60\r\n"
    client = Client()
    await reply(client).relay(answer(OK + cached + b"Content-Length: 0\r\n\r\n"), passage(b"session=new"))
    assert b"Set-Cookie: session=new\r\n" in client.written
    assert client.written.count(b"Cache-Control: ") == 1
    assert b"Cache-Control: private, no-store\r\n" in client.written
    assert b"Expires" not in client.written


async def test_I17_the_upstreams_cookies_of_our_name_are_dropped_and_told() -> None:
    audited: list[AuditEvent] = []
    lines = b"Set-Cookie: __Host-session=x\r\nSet-Cookie: theirs=1\r\nSet-Cookie: =__Host-session=x\r\n"
    client = Client()
    to = reply(client, audited=audited)
    await to.relay(answer(OK + lines + b"Content-Length: 0\r\n\r\n"), passage(b"__Host-session=ours"))
    assert [line for line in client.written.split(b"\r\n") if line.startswith(b"Set-Cookie")] == [
        b"Set-Cookie: theirs=1",
        b"Set-Cookie: __Host-session=ours",
    ]
    assert [event.name for event in audited] == ["upstream.cookie_refused"] * 2


@pytest.mark.parametrize(("status", "closes"), [(b"200 OK", False), (b"413 X", True), (b"302 X", True)])
async def test_a_refusal_before_the_body_was_read_closes(status: bytes, closes: bool) -> None:
    client = Client(unread=True)
    to = reply(client)
    await to.relay(answer(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"), passage())
    assert (b"Connection: close" in client.written) is closes
    assert to.keep_alive is not closes


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_answer_of_our_own_is_whole(method: str) -> None:
    client, on = Client(), passage(b"session=x")
    own = Answer(status=404, headers=((b"Content-Type", b"text/plain"),), body=b"none")
    await reply(client, method=method).send(own, on)
    head, _, body = client.written.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 404 Not Found",
        b"Content-Type: text/plain",
        b"Set-Cookie: session=x",
        b"X-Request-Id: r-1",
        b"Date: today",
        b"Content-Length: 4",
    ]
    assert body == (b"" if method == "HEAD" else b"none")
    assert (on.status, on.sent) == (404, len(body))


@pytest.mark.parametrize(("asks", "unread"), [(True, False), (False, True)])
async def test_an_answer_of_our_own_can_be_the_last(asks: bool, unread: bool) -> None:
    client = Client(unread=unread)
    await reply(client).send(Answer(status=200, close=asks), passage())
    assert b"Connection: close\r\n" in client.written


async def test_a_client_that_stops_reading_is_cut() -> None:
    client = Client(slow=True, backlog=100, pace=0)
    with pytest.raises(ConnectionAbortedError):
        await reply(client, write_idle=0.01).send(Answer(status=200), passage())
    assert client.was_cut


async def test_a_client_that_reads_slowly_is_waited_for() -> None:
    client = Client(slow=True, backlog=100, pace=30)
    await reply(client, write_idle=0.01).send(Answer(status=200), passage())
    assert not client.was_cut


def test_continue_is_said_in_so_many_bytes() -> None:
    client = Client()
    reply(client).proceed()
    assert client.written == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_B056_what_is_not_whole_yet_is_watched_over_and_cut_when_told() -> None:
    node = Node()
    for closing in (False, True):
        client, watch = Client(), Watch(closing=closing)
        on = passage()
        on.session, on.route, on.inbound = node.sign_in(), route("/live"), inbound()
        await reply(client, live=watch).relay(answer(CHUNKED, b"5\r\nhello\r\n", b"0\r\n\r\n"), on)
        [stay] = watch.stays
        assert (stay.session, stay.route, stay.method) == (on.session, on.route, "GET")
        assert (client.was_cut, on.reason) == (closing, "revoked" if closing else "")


async def test_an_answer_that_is_whole_or_told_of_nobody_costs_no_watching() -> None:
    watch, on = Watch(), passage()
    on.session, on.route, on.inbound = Node().sign_in(), route("/live"), inbound()
    await reply(Client(), live=watch).relay(answer(LENGTH + b"hello"), on)
    await reply(Client(), live=watch).relay(answer(LENGTH, b"hello"), passage())
    assert watch.stays == []
