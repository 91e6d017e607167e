"""Answers as bytes: ours whole, an upstream's as it comes, both past aiohttp's own writer.

The upstream's header bytes pass untouched and in order; nothing is added but our cookies, what the
route's limit leaves to the caller, the request id and what framing needs.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil
from typing import Protocol

from gateway.errors import UpstreamBroken
from gateway.flows.live import Stay
from gateway.front.ends import Near
from gateway.front.limits import Limits
from gateway.front.upgrade import Ended, Upgrade, stay_of
from gateway.model.answer import Answer
from gateway.model.event import AuditEvent
from gateway.model.inbound import Inbound, RawHeaders
from gateway.model.route import Rate
from gateway.passage import Passage
from gateway.routing.rate import Verdict
from gateway.upstream.answer import AnswerReader
from gateway.upstream.answer_head import AnswerHead
from gateway.upstream.exchange import UpstreamAnswer

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_NO_BODY = (204, 304)
_SWITCHING = 101
# A shared cache must never keep an answer that carries a session cookie (RFC 9111 7.3, RFC 9213).
_CACHE_FIELDS = frozenset({b"cache-control", b"expires", b"pragma", b"surrogate-control"})
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_UPGRADED = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """The client's connection, as far as an answer needs it."""

    def write(self, data: bytes) -> None: ...
    @property
    def congested(self) -> bool: ...
    async def drained(self) -> None: ...
    @property
    def backlog(self) -> int: ...
    def cut(self) -> None: ...
    def leave_http(self) -> bytes: ...
    def give_way(self, near: Near) -> None: ...


class Watch(Protocol):
    """Watches over what lasts."""

    def lasting(self, stay: Stay) -> AbstractContextManager[None]: ...
    def enter(self, stay: Stay) -> None: ...
    def leave(self, stay: Stay) -> None: ...


class RequestRest(Protocol):
    """What is still to come of the request that is answered."""

    @property
    def unread(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What all answers of one configuration have in common.

    `live` watches over those that last, `owns_cookie` knows the names that no upstream may set, `audit`
    hears of one that tried, `date` is the `Date` of answers of our own. `upgraded` hears of a request whose
    connection leaves HTTP, and `ended` when that is over.
    """

    live: Watch
    limits: Limits
    owns_cookie: Callable[[bytes], bool]
    audit: Callable[[AuditEvent], None]
    date: Callable[[], bytes]
    upgraded: Callable[[Passage], None]
    ended: Ended


class ClientReply:
    """The one answer to one request.

    After `relay` has written a head there is never a second answer: a broken body ends in `cut`.
    `keep_alive` says whether the connection can carry another request; the head tells the client.
    `upgraded` says that the request is not over with its answer: `Manner.ended` hears when it is.
    """

    __slots__ = ("_head_only", "_manner", "_rest", "_version", "_wire", "begun", "keep_alive", "upgraded")

    def __init__(
        self,
        wire: Wire,
        manner: Manner,
        *,
        rest: RequestRest,
        keep_alive: bool,
        method: str,
        version: tuple[int, int],
    ) -> None:
        self._wire = wire
        self._manner = manner
        self._rest = rest
        self._head_only = method == "HEAD"
        self._version = version
        self.keep_alive = keep_alive
        self.begun = self.upgraded = False

    def proceed(self) -> None:
        """Tell a waiting client to send its body."""
        self._wire.write(_CONTINUE)

    async def send(self, answer: Answer, passage: Passage) -> None:
        """Write an answer of our own, with the cookies that the request's passage leaves."""
        if answer.close or self._rest.unread:
            self.keep_alive = False
        bodiless = answer.status in _NO_BODY
        length = b"" if bodiless else b"Content-Length: %d\r\n" % len(answer.body)
        fields = b"".join([_line(name, value) for name, value in answer.headers])
        opening = b"HTTP/1.1 %d %b\r\n%b" % (answer.status, reason(answer.status), fields)
        date = b"Date: %b\r\n" % self._manner.date()
        body = b"" if self._head_only else answer.body
        self._begin(answer.status, opening, passage, framing=date + length, body=body)
        passage.sent = len(body)
        await self.settle()

    async def relay(self, answer: UpstreamAnswer, passage: Passage) -> None:
        """Write the upstream's answer as it comes, with backpressure, for as long as its session holds.

        A body that breaks cuts the connection, so that the client sees it incomplete. Where the upstream
        left HTTP, so does the client, and both are left to each other.
        """
        if answer.upgraded:
            self._upgrade(answer, passage)
            return
        if self.relay_whole(answer, passage):
            await self.settle()
            return
        try:
            with self._watched(passage):
                chunked = self._chunked(answer.head)
                self._relay_head(answer.head, passage, framing=_CHUNKED if chunked else b"")
                await self._stream(answer, passage, chunked=chunked)
        except BaseException:
            self.keep_alive = False
            self._wire.cut()
            raise

    def _watched(self, passage: Passage) -> AbstractContextManager[None]:
        """Cut the answer off once its caller would no longer be let in."""

        def end(why: str) -> None:
            passage.reason = why
            self._wire.cut()

        stay = stay_of(passage, end)
        return nullcontext() if stay is None else self._manner.live.lasting(stay)

    def _upgrade(self, answer: UpstreamAnswer, passage: Passage) -> None:
        """Let client and upstream go on without us; raises what makes that impossible."""
        self.keep_alive = False
        early = self._wire.leave_http()
        manner = self._manner
        upgrade = Upgrade(passage, watch=manner.live, limits=manner.limits, ended=manner.ended)
        said = answer.leave_http(upgrade.tunnel.far)
        manner.upgraded(passage)
        self._relay_head(answer.head, passage, framing=_UPGRADED)
        self._wire.give_way(upgrade.tunnel.near)
        self.upgraded = True
        upgrade.begin(early, said)

    def relay_whole(self, answer: UpstreamAnswer, passage: Passage) -> bool:
        """Write an answer whose body is all here, in one write; say whether it is."""
        whole = answer.whole()
        if whole is None:
            return False
        passage.sent = len(whole)
        if self._chunked(answer.head):
            self._relay_head(answer.head, passage, framing=_CHUNKED, body=_in_one_chunk(whole))
        else:
            self._relay_head(answer.head, passage, body=whole)
        return True

    def _chunked(self, head: AnswerHead) -> bool:
        """Say whether the body goes out in chunks; where it ends with the connection, keep none alive."""
        if head.status >= 300 and self._rest.unread:
            # It has been answered without its body, which nobody reads any more (RFC 9112 9.3).
            self.keep_alive = False
        if head.length is not None or head.status in _NO_BODY or self._head_only:
            return False
        if self._version == (1, 1):
            return True
        self.keep_alive = False
        return False

    def _relay_head(
        self, head: AnswerHead, passage: Passage, *, framing: bytes = b"", body: bytes = b""
    ) -> None:
        opening = head.laid_out
        if opening is None or passage.leave:
            opening = self._laid_out(head, passage)
        self._begin(head.status, opening, passage, framing=framing, body=body)

    def _laid_out(self, head: AnswerHead, passage: Passage) -> bytes:
        """Return the status line and the fields that are passed on, and note them where they are the same
        for every request."""
        kept = self._relayed(head.headers, passage)
        opening = b"HTTP/1.1 %d %b\r\n%b" % (head.status, head.reason, b"".join(kept))
        if not passage.leave and len(kept) == len(head.headers):
            head.laid_out = opening
        return opening

    async def _stream(self, answer: UpstreamAnswer, passage: Passage, *, chunked: bool) -> None:
        async for chunk in answer.chunks():
            passage.sent += len(chunk)
            self._wire.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            if self._wire.congested:
                await self.settle()
            del chunk  # else it is kept until another has come, twice the memory
        if answer.head.length is not None and passage.sent > answer.head.length:
            raise UpstreamBroken("more bytes than announced")
        if chunked:
            self._wire.write(b"0\r\n\r\n")

    def _relayed(self, headers: RawHeaders, passage: Passage) -> list[bytes]:
        private = bool(passage.leave)
        lines = []
        for name, value in headers:
            lowered = name.lower()
            if lowered == b"set-cookie" and self._manner.owns_cookie(_cookie_name(value)):
                self._manner.audit(_tossed(passage))
                continue
            if lowered == b"x-request-id" or (private and _steers_caches(lowered)):
                continue
            lines.append(_line(name, value))
        if private:
            lines.append(b"Cache-Control: private, no-store\r\n")
        return lines

    def _begin(
        self, status: int, opening: bytes, passage: Passage, *, framing: bytes = b"", body: bytes = b""
    ) -> None:
        """Write a head and what is here of its body; *opening* ends with the fields that are not ours."""
        self.begun = True
        passage.status = status
        cookies = (
            b"".join([_line(b"Set-Cookie", cookie) for cookie in passage.leave]) if passage.leave else b""
        )
        if passage.quota is not None:
            cookies += _quota(*passage.quota)
        connection = b""
        if status != _SWITCHING and not self.keep_alive:
            connection = b"Connection: close\r\n"
        elif self._version == (1, 0):
            connection = b"Connection: keep-alive\r\n"
        self._wire.write(
            b"%b%bX-Request-Id: %b\r\n%b%b\r\n%b"
            % (opening, cookies, passage.request_id.encode(), framing, connection, body)
        )

    async def settle(self) -> None:
        """Return once the client has taken enough of what was written; cut it off where it does not."""
        while self._wire.congested:
            backlog = self._wire.backlog
            try:
                async with asyncio.timeout(self._manner.limits.write_idle):
                    await self._wire.drained()
            except TimeoutError:
                if self._wire.backlog < backlog:
                    continue  # slow, but reading
                self._wire.cut()
                raise ConnectionAbortedError("client stopped reading") from None


def as_it_came(answer: AnswerReader, passage: Passage) -> bytes | None:
    """Return what `ClientReply.relay` writes of a whole answer to which nothing is added but whose it is.

    That is so on a connection of HTTP/1.1 that lasts; None, and nothing taken, where there is more to say.
    """
    head = answer.head
    opening = head.laid_out
    if opening is None or head.length is None or passage.leave or passage.quota:
        return None
    body = answer.take()
    passage.status, passage.sent = head.status, len(body)
    return b"%bX-Request-Id: %b\r\n\r\n%b" % (opening, passage.request_id.encode(), body)


def reason(status: int) -> bytes:
    """Return the registered phrase of *status*, or none."""
    return _REASONS.get(status, b"")


def _quota(rate: Rate, verdict: Verdict) -> bytes:
    """Return what is left to the caller, whom this spares a refusal (draft-ietf-httpapi-ratelimit-headers).

    An app's own word stands beside it: both fields are lists.
    """
    return b'RateLimit-Policy: "route";q=%d;w=%d\r\nRateLimit: "route";r=%d;t=%d\r\n' % (
        rate.requests,
        ceil(rate.per),
        verdict.remaining,
        ceil(verdict.full_in),
    )


def _line(name: bytes, value: bytes) -> bytes:
    return b"%b: %b\r\n" % (name, value)


def _set_cookies(values: tuple[bytes, ...]) -> bytes:
    return b"".join([_line(b"Set-Cookie", value) for value in values])


def _in_one_chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"


def _cookie_name(set_cookie: bytes) -> bytes:
    """Return the name under which the cookie comes back.

    One without a name comes back as its value alone: `=session=x` as `session=x` (RFC 6265bis 5.5).
    """
    return set_cookie.partition(b";")[0].lstrip(b" \t=").partition(b"=")[0].strip()


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
