"""A head that comes again means what it meant before, and what nobody should remember is not."""

from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import UpstreamBroken
from gateway.upstream.answer import AnswerReader
from gateway.upstream.answer_head import AnswerHead, AnswerHeads
from gateway.upstream.reserved import Reserved
from tests.fakes.upstream import FAULTS

FATES = Reserved(()).answers
FIELDS = (
    b"Content-Length: 0",
    b"Content-Length: 5",
    b"Connection: close",
    b"Connection: X-A",
    b"Transfer-Encoding: chunked",
    b"Set-Cookie: a=b",
    b"X-A: 1",
    b"X-Gateway-Assertion: forged",
)
STATUSES = (b"100 Continue", b"200 OK", b"204 No Content", b"304 Not Modified", b"500 Oh")
BODIES = (b"", b"hello", b"hello, and more", b"5\r\nhello\r\n0\r\n\r\n")
HEADS = st.builds(
    lambda version, status, fields: (
        b"HTTP/%b %b\r\n%b\r\n" % (version, status, b"".join(b"%b\r\n" % f for f in fields))
    ),
    st.sampled_from((b"1.1", b"1.0")),
    st.sampled_from(STATUSES),
    st.lists(st.sampled_from(FIELDS), max_size=3),
)


def told(raw: bytes, method: str, heads: AnswerHeads) -> object:
    reader = AnswerReader(method, heads)
    try:
        reader.feed(raw)
    except UpstreamBroken as error:
        return str(error)
    head = reader.head if reader.head_done else None
    facts = head and (head.status, head.reason, head.headers, head.length, head.lasting)
    return facts, reader.complete, reader.reusable, reader.take()


@given(HEADS, st.sampled_from(BODIES), st.sampled_from(("GET", "HEAD")), st.sampled_from(("GET", "HEAD")))
def test_a_head_that_comes_again_is_read_as_at_first(head: bytes, body: bytes, once: str, then: str) -> None:
    heads = AnswerHeads(FATES)
    told(head + body, once, heads)
    assert told(head + body, then, heads) == told(head + body, then, AnswerHeads(FATES))


@given(st.one_of([st.sampled_from(sorted(FAULTS.values())), st.binary(max_size=60)]))
@example(b"\r\n\r\n")
def test_what_is_refused_is_refused_again(raw: bytes) -> None:
    heads = AnswerHeads(FATES)
    told(raw, "GET", heads)
    assert told(raw, "GET", heads) == told(raw, "GET", AnswerHeads(FATES))


def test_a_head_is_parsed_once() -> None:
    heads = AnswerHeads(FATES)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    first, again = AnswerReader("GET", heads), AnswerReader("GET", heads)
    first.feed(raw + b"hi")
    again.feed(raw + b"ho")
    assert again.head is first.head
    assert (first.take(), again.take()) == (b"hi", b"ho")


def test_a_head_that_sets_cookies_is_not_remembered() -> None:
    heads = AnswerHeads(FATES)
    raw = b"HTTP/1.1 200 OK\r\nset-COOKIE: a=b\r\nContent-Length: 0\r\n\r\n"
    AnswerReader("GET", heads).feed(raw)
    assert heads.recall(raw) is None


def test_what_is_remembered_is_bounded() -> None:
    heads = AnswerHeads(FATES)
    head = AnswerHead(status=200, reason=b"OK", headers=(), length=0, lasting=True)
    heads.remember(b"x" * 1025, head)
    assert heads.recall(b"x" * 1025) is None
    for number in range(3000):
        heads.remember(b"%d" % number, head)
    assert sum(heads.recall(b"%d" % number) is not None for number in range(3000)) <= 1024


def test_an_interim_head_is_not_taken_for_the_answer() -> None:
    heads = AnswerHeads(FATES)
    with suppress(UpstreamBroken):
        AnswerReader("GET", heads).feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert heads.recall(b"HTTP/1.1 100 Continue\r\n\r\n") is None
