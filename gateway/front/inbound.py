"""The first thing that touches a request: raw request line and fields become an `Inbound`, or not.

The C parser has split the head; this room decides what of it may be believed. Framing, Host and
target are checked here once and nobody later reads the raw form again (RFC 9112 2 to 6).
"""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from gateway.errors import (
    CodingUnsupported,
    ExpectationRefused,
    HeadTooLarge,
    MethodRefused,
    Misdirected,
    RequestRejected,
    TargetTooLong,
    VersionUnsupported,
)
from gateway.front.forwarded import TrustedProxies
from gateway.front.host import canonical_host
from gateway.front.limits import Limits
from gateway.front.target import read_target
from gateway.model.inbound import Inbound, Notes, RawHeaders
from gateway.observe.trace import parse
from gateway.upstream.reserved import listed

_METHOD = bytes(range(ord("A"), ord("Z") + 1)) + b"-_"
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_NOTED = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"expect",
        b"accept",
        b"sec-fetch-mode",
        b"traceparent",
        b"upgrade",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
    }
)
_LONGEST_METHOD = 32


class RawRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the parser split: nothing in it has been checked for meaning."""

    method: str
    target: str
    version: tuple[int, int]
    headers: RawHeaders
    peer: str
    client_cert: bytes = b""


class Receiver:
    """Turns raw requests into inbounds for one `public_url`.

    `serves` says whether a canonical host is ours; `next_id` gives request ids.
    """

    def __init__(
        self,
        *,
        scheme: str,
        serves: Callable[[str], bool],
        proxies: TrustedProxies,
        limits: Limits,
        next_id: Callable[[], str],
    ) -> None:
        self._scheme = scheme
        self._serves = serves
        self._proxies = proxies
        self._limits = limits
        self.next_id = next_id

    def receive(self, raw: RawRequest, request_id: str, *, previous: Inbound | None = None) -> Inbound:
        """Return the canonical request, or raise the RequestRejected that names its fault.

        Where *previous*, an earlier request on the same connection, had the same method and fields,
        what followed from them is taken over: equal bytes from one peer mean the same.
        """
        target = _encoded(raw.target)
        if previous is not None and _repeats(raw, previous):
            return self.again(previous, target, request_id)
        size = self._measure(raw, target)
        _check_method_and_version(raw)
        noted = _note(raw.headers)
        length, chunked = _framing(noted, raw.version)
        _check_connection(noted.get(b"connection", ()))
        spelled = read_target(target)
        trusted = self._proxies.include(raw.peer)
        origin = self._proxies.origin(raw.peer, noted) if trusted else None
        scheme = (origin and origin.scheme) or self._scheme
        return Inbound(
            method=raw.method,
            target=target,
            path=spelled.path,
            query=spelled.query,
            host=self._host(noted, origin.host if origin else None, scheme, raw.version),
            scheme=scheme,
            headers=raw.headers,
            peer=raw.peer,
            client_ip=origin.client_ip if origin else raw.peer,
            request_id=request_id,
            version=raw.version,
            length=length,
            chunked=chunked,
            expects_continue=_expectation(noted.get(b"expect", ()), raw.version),
            navigation=_is_navigation(raw.method, noted),
            wants_html=_wants_html(noted),
            spellings=spelled.spellings,
            forwarded_for=origin.chain if origin else (),
            traceparent=_traceparent(noted.get(b"traceparent", ())),
            websocket=b"upgrade" in noted and _is_websocket(raw, noted, has_body=chunked or bool(length)),
            client_cert=raw.client_cert,
            notes=Notes(size=size),
        )

    def trusts(self, peer: str) -> bool:
        """Say whether *peer* is a trusted proxy."""
        return self._proxies.include(peer)

    def again(self, previous: Inbound, target: bytes, request_id: str) -> Inbound:
        """Return *previous* with another *target*, or raise the RequestRejected that names its fault."""
        if target == previous.target:
            return replace(previous, request_id=request_id)
        line = self._measured_line(previous.method, target)
        if line + previous.notes.size > self._limits.head:
            raise HeadTooLarge("whole head")
        spelled = read_target(target)
        return replace(
            previous,
            target=target,
            path=spelled.path,
            query=spelled.query,
            spellings=spelled.spellings,
            request_id=request_id,
        )

    def _measured_line(self, method: str, target: bytes) -> int:
        # "METHOD SP target SP HTTP/1.1 CRLF"
        line = len(method) + len(target) + 12
        if line > self._limits.request_line:
            raise TargetTooLong("request line")
        return line

    def _measure(self, raw: RawRequest, target: bytes) -> int:
        """Return the size of the fields, with ": " and CRLF for each."""
        line = self._measured_line(raw.method, target)
        if len(raw.headers) > self._limits.fields:
            raise HeadTooLarge("too many fields")
        fields = sum([len(name) + len(value) + 4 for name, value in raw.headers])
        if line + fields > self._limits.head:
            raise HeadTooLarge("whole head")
        # The parser bounds each field too, but counts the name of some of them only.
        longest = self._limits.field
        if fields > longest and any(len(name) + len(value) > longest for name, value in raw.headers):
            raise HeadTooLarge("field")
        return fields

    def _host(
        self,
        noted: dict[bytes, list[bytes]],
        forwarded: bytes | None,
        scheme: str,
        version: tuple[int, int],
    ) -> str:
        given = noted.get(b"host", [])
        if len(given) != 1:
            raise RequestRejected("exactly one Host is needed")
        host = canonical_host(given[0], scheme)
        if forwarded is not None:
            host = canonical_host(forwarded, scheme)
        if not self._serves(host):
            raise Misdirected(host)
        return host


def _repeats(raw: RawRequest, previous: Inbound) -> bool:
    return (
        raw.headers == previous.headers
        and raw.method == previous.method
        and raw.version == previous.version
        and raw.peer == previous.peer
    )


def _encoded(target: str) -> bytes:
    try:
        return target.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise RequestRejected("target is not bytes") from None


def _check_method_and_version(raw: RawRequest) -> None:
    if raw.version not in ((1, 0), (1, 1)):
        raise VersionUnsupported("only HTTP/1.0 and HTTP/1.1")
    method = raw.method.encode("ascii", "replace")
    if not method or len(method) > _LONGEST_METHOD or method.translate(None, _METHOD):
        raise RequestRejected("malformed method")
    if method in (b"TRACE", b"TRACK", b"CONNECT"):
        raise MethodRefused(raw.method)


def _note(headers: RawHeaders) -> dict[bytes, list[bytes]]:
    noted: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered in _NOTED:
            noted.setdefault(lowered, []).append(value)
    return noted


def _framing(noted: dict[bytes, list[bytes]], version: tuple[int, int]) -> tuple[int | None, bool]:
    """Return the declared length and whether the body is chunked (RFC 9112 6)."""
    codings = noted.get(b"transfer-encoding")
    lengths = noted.get(b"content-length")
    if codings is not None:
        if lengths is not None or version == (1, 0):
            raise RequestRejected("framing given in two ways")
        if len(codings) != 1 or codings[0].lower() != b"chunked":
            raise CodingUnsupported("a transfer coding other than chunked")
        return None, True
    if lengths is None:
        return None, False
    return _length(lengths), False


def _length(values: list[bytes]) -> int:
    value = values[0]
    if len(values) > 1 or not value.isdigit() or len(value) > 18:
        raise RequestRejected("malformed Content-Length")
    if value != b"0" and value.startswith(b"0"):
        raise RequestRejected("Content-Length with a leading zero")
    return int(value)


def _check_connection(lines: list[bytes] | tuple[bytes, ...]) -> None:
    for line in lines:
        for option in line.lower().split(b","):
            if option.strip(b" \t") in _FRAMING:
                raise RequestRejected("Connection names a framing field")


def _expectation(values: list[bytes] | tuple[bytes, ...], version: tuple[int, int]) -> bool:
    if not values:
        return False
    if len(values) > 1 or values[0].lower() != b"100-continue":
        raise ExpectationRefused("an expectation other than 100-continue")
    return version == (1, 1)


def _wants_html(noted: dict[bytes, list[bytes]]) -> bool:
    return any(b"text/html" in value for value in noted.get(b"accept", ()))


def seen_by_a_person(headers: RawHeaders) -> bool:
    """Say whether a person sees the answer to a request of which nothing else could be understood."""
    noted = _note(headers)
    return _wants_html(noted) or noted.get(b"sec-fetch-mode") == [b"navigate"]


def _is_navigation(method: str, noted: dict[bytes, list[bytes]]) -> bool:
    if method not in ("GET", "HEAD"):
        return False
    modes = noted.get(b"sec-fetch-mode")
    if modes is not None:
        return modes == [b"navigate"]
    return _wants_html(noted)


def _is_websocket(raw: RawRequest, noted: dict[bytes, list[bytes]], *, has_body: bool) -> bool:
    """Say whether one protocol is asked for, and it is this one (RFC 6455 4.1, RFC 9110 7.8)."""
    asked = [value.lower() for value in noted[b"upgrade"]] == [b"websocket"]
    named = b"upgrade" in listed(noted.get(b"connection", ()))
    return asked and named and raw.method == "GET" and raw.version == (1, 1) and not has_body


def _traceparent(values: list[bytes] | tuple[bytes, ...]) -> str | None:
    """Return the caller's trace where it is one (W3C Trace Context 3.2), else None."""
    if len(values) != 1:
        return None
    header = values[0].decode("latin-1")
    return header if parse(header) else None
