"""Answers as bytes: ours whole, an upstream's as it comes, both past aiohttp's own writer.

The upstream's header bytes pass untouched and in order; nothing is added but our cookies, the
request id and what framing needs.
"""

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Protocol

from gateway.errors import UpstreamBroken
from gateway.front.limits import Limits
from gateway.model.answer import Answer
from gateway.model.event import AuditEvent
from gateway.model.inbound import Inbound, RawHeaders
from gateway.pipeline import Passage
from gateway.upstream.exchange import UpstreamAnswer

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_NO_BODY = (204, 304)
# A shared cache must never keep an answer that carries a session cookie (RFC 9111 7.3, RFC 9213).
_CACHE_FIELDS = frozenset({b"cache-control", b"expires", b"pragma", b"surrogate-control"})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """The client's connection, as far as an answer needs it."""

    def write(self, data: bytes) -> None: ...
    @property
    def congested(self) -> bool: ...
    async def drained(self) -> None: ...
    def cut(self) -> None: ...


class ClientReply:
    """The one answer to one request.

    After `relay` has written a head there is never a second answer: a broken body ends in `cut`.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        limits: Limits,
        owns_cookie: Callable[[bytes], bool],
        audit: Callable[[AuditEvent], None],
        keep_alive: bool,
        version: tuple[int, int],
    ) -> None:
        self._wire = wire
        self._limits = limits
        self._owns_cookie = owns_cookie
        self._audit = audit
        self._version = version
        self.keep_alive = keep_alive
        self.begun = False

    def proceed(self) -> None:
        """Tell a waiting client to send its body."""
        self._wire.write(_CONTINUE)

    async def send(self, answer: Answer, passage: Passage) -> None:
        """Write an answer of our own, with the cookies that the request's passage leaves."""
        if answer.close:
            self.keep_alive = False
        lines = [_line(name, value) for name, value in answer.headers]
        lines += [_line(b"Set-Cookie", cookie) for cookie in passage.leave]
        lines.append(_line(b"X-Request-Id", passage.request_id.encode()))
        if answer.status not in _NO_BODY:
            lines.append(_line(b"Content-Length", str(len(answer.body)).encode()))
        head_only = passage.inbound is not None and passage.inbound.method == "HEAD"
        body = b"" if head_only else answer.body
        self._begin(answer.status, _REASONS.get(answer.status, b""), lines, passage, body)
        passage.sent = len(body)
        await self._settle()

    async def relay(self, answer: UpstreamAnswer, passage: Passage) -> None:
        """Write the upstream's answer as it comes, with backpressure.

        A body that breaks cuts the connection, so that the client sees it incomplete.
        """
        inbound = passage.inbound
        bodiless = answer.status in _NO_BODY or (inbound is not None and inbound.method == "HEAD")
        chunked = not bodiless and answer.length is None and self._version == (1, 1)
        if not bodiless and answer.length is None and not chunked:
            self.keep_alive = False
        lines = self._relayed(answer.headers, passage)
        lines += [_line(b"Set-Cookie", cookie) for cookie in passage.leave]
        lines.append(_line(b"X-Request-Id", passage.request_id.encode()))
        if chunked:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        self._begin(answer.status, answer.reason, lines, passage)
        try:
            await self._stream(answer, passage, chunked=chunked)
        except BaseException:
            self.keep_alive = False
            self._wire.cut()
            raise

    async def _stream(self, answer: UpstreamAnswer, passage: Passage, *, chunked: bool) -> None:
        async for chunk in answer.chunks():
            passage.sent += len(chunk)
            self._wire.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            if self._wire.congested:
                await self._settle()
        if answer.length is not None and passage.sent > answer.length:
            raise UpstreamBroken("more bytes than announced")
        if chunked:
            self._wire.write(b"0\r\n\r\n")

    def _relayed(self, headers: RawHeaders, passage: Passage) -> list[bytes]:
        private = bool(passage.leave)
        lines = []
        for name, value in headers:
            lowered = name.lower()
            if lowered == b"set-cookie" and self._owns_cookie(_cookie_name(value)):
                self._audit(_tossed(passage))
                continue
            if lowered == b"x-request-id" or (private and _steers_caches(lowered)):
                continue
            lines.append(_line(name, value))
        if private:
            lines.append(b"Cache-Control: private, no-store\r\n")
        return lines

    def _begin(
        self,
        status: int,
        reason: bytes,
        lines: Iterable[bytes],
        passage: Passage,
        body: bytes = b"",
    ) -> None:
        self.begun = True
        passage.status = status
        connection = b""
        if not self.keep_alive:
            connection = b"Connection: close\r\n"
        elif self._version == (1, 0):
            connection = b"Connection: keep-alive\r\n"
        head = b"".join([b"HTTP/1.1 %d %b\r\n" % (status, reason), *lines, connection, b"\r\n", body])
        self._wire.write(head)

    async def _settle(self) -> None:
        if not self._wire.congested:
            return
        try:
            async with asyncio.timeout(self._limits.write_idle):
                await self._wire.drained()
        except TimeoutError:
            self._wire.cut()
            raise ConnectionAbortedError("client stopped reading") from None


def _line(name: bytes, value: bytes) -> bytes:
    return b"%b: %b\r\n" % (name, value)


def _cookie_name(set_cookie: bytes) -> bytes:
    return set_cookie.partition(b";")[0].partition(b"=")[0].strip()


def _steers_caches(name: bytes) -> bool:
    return name in _CACHE_FIELDS or name.endswith(b"cdn-cache-control")


def _tossed(passage: Passage) -> AuditEvent:
    inbound: Inbound | None = passage.inbound
    return AuditEvent(
        name="upstream.cookie_refused",
        outcome="refused",
        reason="upstream set a cookie of ours",
        route=passage.route.name if passage.route else "",
        client_ip=inbound.client_ip if inbound else passage.peer,
        request_id=passage.request_id,
    )
