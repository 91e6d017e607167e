"""An answer reads the same however its bytes are split, and is refused where it is not plain."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import UpstreamBroken
from gateway.model.inbound import RawHeaders
from gateway.upstream.answer import FIELDS_LIMIT, HEAD_LIMIT, AnswerReader
from gateway.upstream.answer_head import AnswerHead, AnswerHeads
from gateway.upstream.reserved import Reserved
from tests.fakes.dressing import TOLD
from tests.fakes.upstream import CUTS, FAULTS, ok

FATES = Reserved((TOLD,)).answers
NO_HEAD = AnswerHead(status=0, reason=b"", headers=(), length=None, lasting=False)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Read:
    """What came of an answer."""

    status: int
    reason: bytes
    headers: RawHeaders
    length: int | None
    body: bytes
    complete: bool
    reusable: bool


def read(*pieces: bytes, method: str = "GET", eof: bool = False, heads: AnswerHeads | None = None) -> Read:
    """Feed *pieces*; bytes after completion go where the connection would put them: nowhere."""
    reader = AnswerReader(method, heads or AnswerHeads(FATES))
    body = b""
    late = False
    for piece in pieces:
        if reader.complete:
            late = True
            break
        reader.feed(piece)
        body += reader.take()
    if eof:
        reader.eof()
    head = reader.head if reader.head_done else NO_HEAD
    return Read(
        status=head.status,
        reason=head.reason,
        headers=head.headers,
        length=head.length,
        body=body,
        complete=reader.complete,
        reusable=reader.reusable and reader.complete and not late,
    )


def pieces_of(raw: bytes, cuts: list[int]) -> list[bytes]:
    marks = sorted({0, len(raw), *[cut % (len(raw) + 1) for cut in cuts]})
    return [raw[start:end] for start, end in pairwise(marks)]


GOOD = {
    "length": (ok(b"hello", b"X-A: 1", b"x-B:caf\xe9"), "GET"),
    "empty": (ok(b""), "GET"),
    "chunked": (CHUNKED + b"5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", "GET"),
    "trailers": (CHUNKED + b"1\r\nx\r\n0\r\nX-User-Id: a\r\nSet-Cookie: b=c\r\n\r\n", "GET"),
    "head": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"),
    "head of chunks": (CHUNKED, "HEAD"),
    "no content": (b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", "GET"),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n", "GET"),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: a\r\n\r\n" + ok(b"hello"), "GET"),
}


@given(st.sampled_from(sorted(GOOD)), st.lists(st.integers(0, 400), max_size=12))
@example("chunked", list(range(400)))
@example("interim", list(range(400)))
def test_an_answer_reads_the_same_however_it_is_split(name: str, cuts: list[int]) -> None:
    raw, method = GOOD[name]
    whole = read(raw, method=method)
    assert whole.complete
    assert whole.reusable
    assert read(*pieces_of(raw, cuts), method=method) == whole


@given(
    st.sampled_from(sorted(GOOD)),
    st.binary(min_size=1, max_size=30)
    | st.sampled_from(
        (b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", ok(b"evil"), b"X\r\n\r\n")
    ),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_H40_a_byte_after_the_message_is_noticed_however_it_comes(
    name: str, surplus: bytes, cuts: list[int]
) -> None:
    raw, method = GOOD[name]
    clean = read(raw, method=method)
    spoiled = read(*pieces_of(raw + surplus, cuts), method=method)
    assert not spoiled.reusable
    assert (spoiled.body, spoiled.status, spoiled.headers) == (clean.body, clean.status, clean.headers)


# What is whole, and only has something wrong after or beside it.
SPOILED = {
    "extra bytes", "extra crlf", "two answers", "two chunked answers", "body on HEAD", "body on 204",
    "body on 304", "trailers",
}  # fmt: skip
BROKEN = sorted(set(FAULTS) - SPOILED)


@pytest.mark.parametrize("name", BROKEN)
def test_H38_H39_what_can_be_read_in_two_ways_is_refused(name: str) -> None:
    with pytest.raises(UpstreamBroken):
        read(FAULTS[name])


@given(
    st.sampled_from([name for name in BROKEN if len(FAULTS[name]) < 300]),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_H38_H39_it_is_refused_however_it_is_split(name: str, cuts: list[int]) -> None:
    with pytest.raises(UpstreamBroken):
        read(*pieces_of(FAULTS[name], cuts))


@pytest.mark.parametrize("name", sorted(CUTS))
def test_H42_an_end_before_the_end_is_refused(name: str) -> None:
    pieces = [CUTS[name]] if CUTS[name] else []
    with pytest.raises(UpstreamBroken):
        read(*pieces, eof=True)


def test_without_length_the_end_of_the_stream_ends_the_answer() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo", eof=True)
    assert answer.body == b"hello"
    assert answer.complete
    assert not answer.reusable
    assert answer.length is None


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_the_one_error(raw: bytes) -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\n", CHUNKED):
        if not start + raw:
            continue
        with suppress(UpstreamBroken):
            read(start + raw)


def test_F13_header_bytes_stay_raw_and_in_order() -> None:
    answer = read(
        b"HTTP/1.1 299 caf\xe9 \t!\r\nx-B: 2\r\nX-a:caf\xe9\r\nx-b:  1\r\nContent-Length: 0\r\n\r\n"
    )
    assert answer.reason == b"caf\xe9 \t!"
    assert answer.headers == ((b"x-B", b"2"), (b"X-a", b"caf\xe9"), (b"x-b", b"1"), (b"Content-Length", b"0"))


def test_U20_hop_by_hop_and_listed_fields_are_not_given_on() -> None:
    answer = read(
        b"HTTP/1.1 200 OK\r\nConnection: X-Hop, keep-alive, content-length\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
        b"Alt-Svc: h3\r\nX-User-Id: u\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    )
    assert answer.headers == ((b"Set-Cookie", b"a=b"), (b"Content-Length", b"0"))
    assert answer.reusable


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"]
)
def test_F2_close_and_http_1_0_are_never_reused(head: bytes) -> None:
    answer = read(head + b"Content-Length: 2\r\n\r\nhi")
    assert answer.body == b"hi"
    assert not answer.reusable


def test_a_204_has_no_length_and_may_not_hide_a_body() -> None:
    claimed = read(b"HTTP/1.1 204 X\r\nContent-Length: 5\r\nA: b\r\n\r\n")
    assert claimed.headers == ((b"A", b"b"),)
    assert claimed.length is None
    assert not claimed.reusable
    assert read(b"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n").reusable
    assert not read(b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n").reusable


def head_of(size: int) -> bytes:
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("size", [HEAD_LIMIT - 1, HEAD_LIMIT])
def test_G6_a_head_of_64_kib_is_read(size: int) -> None:
    assert read(*pieces_of(head_of(size), [1, 40_000])).complete


def test_G6_a_larger_head_is_refused_before_it_ends() -> None:
    raw = head_of(HEAD_LIMIT + 1)
    for pieces in ([raw], pieces_of(raw, list(range(0, len(raw), 100)))):
        with pytest.raises(UpstreamBroken):
            read(*pieces)


@pytest.mark.parametrize(
    ("count", "fits"), [(FIELDS_LIMIT - 1, True), (FIELDS_LIMIT, True), (FIELDS_LIMIT + 1, False)]
)
def test_G6_256_fields_are_read(count: int, fits: bool) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTrailer: x\r\n" + b"X: y\r\n" * (count - 2) + b"\r\n"
    if fits:
        assert read(raw).complete
        return
    with pytest.raises(UpstreamBroken):
        read(raw)


@pytest.mark.parametrize(("count", "fits"), [(15, True), (16, True), (17, False)])
def test_H41_16_interim_answers_are_passed_over(count: int, fits: bool) -> None:
    raw = b"HTTP/1.1 102 Processing\r\n\r\n" * count + ok(b"hello")
    if fits:
        assert read(raw).body == b"hello"
        return
    with pytest.raises(UpstreamBroken):
        read(raw)


@pytest.mark.parametrize("trailer", [b"Content-Length: 9", b"Transfer-Encoding: x", b"a\x01: b", b"X: \x01"])
def test_H20_a_bad_trailer_is_dropped_with_the_connection(trailer: bytes) -> None:
    answer = read(CHUNKED + b"1\r\nx\r\n0\r\n" + trailer + b"\r\n\r\n")
    assert (answer.body, answer.complete) == (b"x", True)
    assert answer.headers == ()


@pytest.mark.parametrize(("count", "fits"), [(FIELDS_LIMIT, True), (FIELDS_LIMIT + 1, False)])
def test_H20_256_trailers_are_dropped_and_more_refused(count: int, fits: bool) -> None:
    raw = CHUNKED + b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * count + b"\r\n"
    if fits:
        assert read(raw).reusable
        return
    with pytest.raises(UpstreamBroken):
        read(raw)


@pytest.mark.parametrize("endless", [b"X: " + b"a" * 70_000, b"5;" + b"a" * 70_000])
def test_H20_endless_trailers_and_extensions_are_refused(endless: bytes) -> None:
    start = CHUNKED + (b"0\r\n" if endless[:1] == b"X" else b"")
    with pytest.raises(UpstreamBroken):
        read(start, *[endless[at : at + 1000] for at in range(0, len(endless), 1000)])


def test_what_is_taken_is_no_longer_weighed() -> None:
    reader = AnswerReader("GET", AnswerHeads(FATES))
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    reader.feed(b"def")
    assert reader.buffered > 6
    assert reader.take() == b"abcdef"
    assert reader.buffered == 0
    assert reader.take() == b""


SWITCHED = b"HTTP/1.1 101 X\r\nupgrade: WebSocket\r\nConnection: upgrade, x-hop\r\nX-Hop: 1\r\nX: 1\r\n\r\n"


@given(st.lists(st.integers(0, len(SWITCHED) + 5)))
def test_U19_a_switch_that_was_asked_for_is_read_however_it_is_split(cuts: list[int]) -> None:
    reader = AnswerReader("GET", AnswerHeads(FATES), upgrade=True)
    raw = b"HTTP/1.1 103 Early Hints\r\n\r\n" + SWITCHED + b"HTTP/"
    bounds = [0, *sorted(cuts), len(raw)]
    for begin, end in pairwise(bounds):
        reader.feed(raw[begin:end])
    assert (reader.head.status, reader.upgraded, reader.head_done, reader.reusable) == (
        101,
        True,
        True,
        False,
    )
    assert reader.head.headers == ((b"X", b"1"),)
    assert (reader.take(), reader.complete) == (b"HTTP/", False)
    reader.eof()
    assert reader.complete


def test_U19_without_a_wish_a_switch_is_refused() -> None:
    with pytest.raises(UpstreamBroken):
        AnswerReader("GET", AnswerHeads(FATES)).feed(SWITCHED)
