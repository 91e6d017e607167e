"""One HTTP/1.1 answer read from bytes (RFC 9112), without I/O: what is not said plainly is refused.

llhttp reads head and chunks. Around it stand the guards that it lacks: where the head ends and how
large it is, the status range, the one coding, lengths without leading zeros, interim answers counted,
and every byte after the message noticed. A reader lives for one exchange, so no state of one answer
can reach the next.
"""

import re
from enum import Enum

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.errors import UpstreamBroken
from gateway.model.inbound import RawHeaders
from gateway.upstream.answer_head import AnswerHead, AnswerHeads
from gateway.upstream.reserved import Fate, listed

HEAD_LIMIT = 64 * 1024
FIELDS_LIMIT = 256
INTERIM_LIMIT = 16

_END_OF_HEAD = b"\r\n\r\n"
_KEEP = Fate.KEEP
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,18}")
_REASON = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
# What a chunk costs beside its bytes, so that a flood of tiny ones is felt too.
_CHUNK_COST = 64


class _Framing(Enum):
    HEAD = "head"
    LENGTH = "length"
    CHUNKED = "chunked"
    UNTIL_EOF = "until eof"
    NONE = "none"


_IN_HEAD = _Framing.HEAD
_BY_LENGTH = _Framing.LENGTH
_NO_BODY = (204, 304)
_NO_OPTIONS: frozenset[bytes] = frozenset()
# What an answer may list without losing it: the first two are no fields here, the last frames the body.
_NEVER_DROPPED = frozenset((b"close", b"keep-alive", b"content-length"))


class AnswerReader:
    """The final answer to one request, as far as its bytes have been fed.

    `head` is there once `head_done`; `chunks` is the body not yet taken, `buffered` what it weighs.
    `complete` says that the message ended, `reusable` that its connection may carry another.
    `upgraded` says that the answer to an *upgrade* was 101: what follows is then not ours to read.
    """

    head: AnswerHead
    begun = head_done = complete = upgraded = False
    reusable = True
    buffered = 0
    _parser: HttpResponseParser | None = None
    _framing = _Framing.HEAD
    _interim = 0
    _remaining = 0
    _chunked = _message_over = _in_trailers = False
    _overhead = 0
    _tail = b""

    def __init__(self, method: str, heads: AnswerHeads, *, upgrade: bool = False) -> None:
        self._method = method
        self._heads = heads
        self._upgrade = upgrade
        self.chunks: list[bytes] = []

    def _forget_head(self) -> None:
        self._reason = b""
        self._length: int | None = None
        self._kept: list[tuple[bytes, bytes]] = []
        self._others = 0
        self._coding: bytes | None = None
        self._connection: list[bytes] = []
        self._protocol = b""
        self._head_bytes = 0
        self._headers_over = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises UpstreamBroken where they can be read in two ways, or are too much."""
        if not self.begun:
            self.begun = True
            data = self._begin(data)
        while data and self._framing is _IN_HEAD:
            data = self._feed_head(data)
        if not data:
            return
        if self.complete:
            self.reusable = False
        elif self._framing is _BY_LENGTH:
            self._feed_length(data)
        elif self._framing is _Framing.CHUNKED:
            self._feed_chunked(data)
        else:
            self._append(data)

    def eof(self) -> None:
        """Take the end of the stream. Raises UpstreamBroken where the message was not over."""
        if self.complete:
            return
        if self._framing is not _Framing.UNTIL_EOF:
            raise UpstreamBroken("the answer ended before its end" if self.begun else "no answer came")
        self._end()

    def take(self) -> bytes:
        """Return all of the body that has come and was not taken; empty if there is none."""
        chunks = self.chunks
        if not chunks:
            return b""
        self.buffered = 0
        self.chunks = []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    # The head.

    def _begin(self, data: bytes) -> bytes:
        """Take over what a head that came before was judged to be; else make ready to parse it."""
        end = data.find(_END_OF_HEAD) + len(_END_OF_HEAD)
        known = None if self._upgrade else self._heads.recall(data[:end])
        if known is None:
            self._parser = HttpResponseParser(self)
            self._forget_head()
            return data
        self.head = known
        self.head_done = True
        self.reusable = known.lasting
        self._frame(known, chunked=False)
        rest = data[end:]
        if self._framing is _BY_LENGTH and self._remaining == len(rest):  # all of it, and nothing else
            self.chunks.append(rest)
            self.complete = True
            return b""
        return rest

    def _feed_head(self, data: bytes) -> bytes:
        """Read *data* as far as the head goes, and return the rest."""
        # llhttp also speaks RTSP and ICE, and skips empty lines before a status line.
        if not self._head_bytes and data[0] != 0x48:
            raise UpstreamBroken("the answer does not begin with a status line")
        tail = self._tail
        found = (tail + data).find(_END_OF_HEAD)
        end = len(data) if found < 0 else found + len(_END_OF_HEAD) - len(tail)
        part = data[:end]
        self._head_bytes += len(part)
        if self._head_bytes > HEAD_LIMIT:
            raise UpstreamBroken("the head of the answer is over 64 KiB")
        self._parse(part)
        if found < 0:
            self._tail = (tail + data)[-3:]
            return b""
        self._tail = b""
        self._settle(part)
        return data[end:]

    def _parse(self, part: bytes) -> None:
        parser = self._parser
        try:
            parser.feed_data(part)  # type: ignore[union-attr]
        except HttpParserUpgrade as error:
            if not self._upgrade:
                raise UpstreamBroken("an upgrade that nobody asked for") from error
        except HttpParserError as error:
            if not (self._message_over or self._in_trailers):
                raise UpstreamBroken(f"the answer is malformed: {error}") from error
            # All of the body has come. What follows is dropped anyway, and here the connection with it.
            self._message_over = True
            self.reusable = False

    # llhttp begins a second message in the same feed without asking: what it then tells is not ours.

    def on_status(self, reason: bytes) -> None:
        if not self.head_done:
            self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.head_done:
            self._weigh_trailer(len(name) + len(value))
            return
        fate = self._heads.fates[name]
        if fate is _KEEP:
            self._kept.append((name, value))
        else:
            self._set_apart(fate, name, value)

    def _weigh_trailer(self, size: int) -> None:
        if not self._message_over:
            self._others += 1
            self._head_bytes += size

    def _set_apart(self, fate: Fate, name: bytes, value: bytes) -> None:
        if fate is Fate.LENGTH:
            self._read_length(value.rstrip(b" \t"))
            self._kept.append((name, value))
            return
        self._others += 1
        if fate is Fate.CODING:
            self._coding = value if self._coding is None else self._coding + b"," + value
        elif fate is Fate.CONNECTION:
            self._connection.append(value)
        elif self._upgrade and name.lower() == b"upgrade":
            self._protocol += value.lower()

    def _read_length(self, value: bytes) -> None:
        # -1: llhttp goes on after its callbacks, so that the fault waits for the end of the head.
        plain = self._length is None and _LENGTH.fullmatch(value)
        self._length = int(value) if plain else -1

    def on_headers_complete(self) -> None:
        self._headers_over = True
        if self._message_over:
            self.reusable = False

    def _settle(self, part: bytes) -> None:
        """Judge a head that is whole with *part*, its last bytes."""
        parser = self._parser
        if parser is None or not self._headers_over:
            raise UpstreamBroken("the head of the answer does not end where it should")
        version = parser.get_http_version()
        status = parser.get_status_code()
        self._check_head(version, status)
        if status < 200 and not (status == 101 and self._upgrade):
            self._pass_over_interim(status)
            return
        options = listed(self._connection) if self._connection else _NO_OPTIONS
        if status < 200:
            self._switch(version, options)
            return
        if self._coding is not None:
            self._check_coding(self._coding, version)
        head = self._judged(version, status, options)
        self._accept(head)
        self._frame(head, chunked=self._coding is not None)
        if self._coding is None and not self._interim and self._head_bytes == len(part):
            self._heads.remember(part, head)

    def _judged(self, version: str, status: int, options: frozenset[bytes]) -> AnswerHead:
        kept = self._kept
        lasting = version == "1.1" and b"close" not in options
        length = self._length
        if status == 204:
            # RFC 9110 8.6: a 204 has no length; one that claims a body may send it.
            lasting = lasting and not length and self._coding is None
            length = None
            kept = [field for field in kept if self._heads.fates[field[0]] is _KEEP]
        headers = _without_listed(kept, options)
        return AnswerHead(status=status, reason=self._reason, headers=headers, length=length, lasting=lasting)

    def _accept(self, head: AnswerHead) -> None:
        self.head = head
        self.head_done = True
        self.reusable = head.lasting

    def _check_head(self, version: str, status: int) -> None:
        if version not in ("1.1", "1.0"):
            raise UpstreamBroken("the answer is of another version of HTTP")
        if not 100 <= status <= 599:
            raise UpstreamBroken("the status is out of range")
        if len(self._kept) + self._others > FIELDS_LIMIT:
            raise UpstreamBroken("the answer has more than 256 fields")
        if self._reason != b"OK" and not _REASON.fullmatch(self._reason):
            raise UpstreamBroken("the reason phrase holds a control character")
        if self._length == -1:
            raise UpstreamBroken("the Content-Length is not one plain number")

    def _pass_over_interim(self, status: int) -> None:
        if status == 101:
            raise UpstreamBroken("an upgrade that nobody asked for")
        self._interim += 1
        if self._interim > INTERIM_LIMIT:
            raise UpstreamBroken("more than 16 interim answers")
        self._forget_head()

    def _switch(self, version: str, options: frozenset[bytes]) -> None:
        """Take what follows as it comes, until the end of the stream (RFC 9110 15.2.2)."""
        if version != "1.1" or self._protocol != b"websocket" or b"upgrade" not in options:
            raise UpstreamBroken("an upgrade to something else than was asked for")
        if self._length is not None or self._coding is not None:
            raise UpstreamBroken("an upgrade with a body")
        headers = _without_listed(self._kept, options)
        self._accept(AnswerHead(status=101, reason=self._reason, headers=headers, length=None, lasting=False))
        self.upgraded = True
        self._framing = _Framing.UNTIL_EOF
        self._parser = None  # as at an end: no answer follows

    def _check_coding(self, coding: bytes, version: str) -> None:
        if coding.strip(b" \t").lower() != b"chunked" or version != "1.1":
            raise UpstreamBroken("the transfer coding is not chunked alone")
        if self._length is not None:
            raise UpstreamBroken("the answer has two framings")

    def _frame(self, head: AnswerHead, *, chunked: bool) -> None:
        """Choose how the body after *head* is framed (RFC 9112 6.3)."""
        if head.length == 0 or head.status in _NO_BODY or self._method == "HEAD":
            self._framing = _Framing.NONE
            self._end()
        elif chunked:
            self._framing = _Framing.CHUNKED
            self._chunked = True
            self._others = self._head_bytes = 0
        elif head.length is None:
            self._framing = _Framing.UNTIL_EOF
            self.reusable = False
        else:
            self._framing = _Framing.LENGTH
            self._remaining = head.length

    # The body.

    def _append(self, data: bytes) -> None:
        self.chunks.append(data)
        self.buffered += len(data) + _CHUNK_COST

    def _feed_length(self, data: bytes) -> None:
        surplus = len(data) - self._remaining
        if surplus > 0:
            self.reusable = False
            data = data[: self._remaining]
        self._remaining -= len(data)
        self._append(data)
        if not self._remaining:
            self._end()

    def _feed_chunked(self, data: bytes) -> None:
        before = self.buffered
        self._tail = (self._tail + data[-5:])[-5:]
        self._parse(data)
        # Sizes and extensions count against the head's limit between one byte of the body and the next.
        self._overhead = 0 if self.buffered > before else self._overhead + len(data)
        if max(self._overhead, self._head_bytes) > HEAD_LIMIT or self._others > FIELDS_LIMIT:
            raise UpstreamBroken("the framing of the body is over its limits")
        if self._message_over:
            # llhttp skips empty lines after a message; here they are bytes after it (rule F2).
            if self._tail[-4:] != _END_OF_HEAD or self._tail[0] in _END_OF_HEAD:
                self.reusable = False
            self._end()

    def on_chunk_header(self) -> None:
        self._in_trailers = True  # until a byte of the chunk comes: the last chunk has none

    def on_body(self, data: bytes) -> None:
        self._in_trailers = False
        if not self._message_over:
            self._append(data)

    def on_message_complete(self) -> None:
        self._message_over = self._chunked

    def _end(self) -> None:
        self.complete = True
        self._parser = None  # it holds this object's methods: without this, garbage in a circle


def _without_listed(fields: list[tuple[bytes, bytes]], options: frozenset[bytes]) -> RawHeaders:
    """Return *fields* without those that `Connection` lists (RFC 9110 7.6.1)."""
    gone = options - _NEVER_DROPPED
    if not gone:
        return tuple(fields)
    return tuple(field for field in fields if field[0].lower() not in gone)
