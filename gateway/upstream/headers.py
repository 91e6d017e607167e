"""The exact bytes of the head that an upstream sees.

The order is law (rule G2): what the client sent is cut down first (`client_fields.py`); only then the
gateway's own lines are added, identity last but for the framing. So nothing that a client sends, and
nothing it names in `Connection`, can remove, replace or double a line of ours. Where requests are signed,
the signature comes after all that it covers.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from gateway.model.cookies import CookieNames
from gateway.model.grant import Token
from gateway.model.inbound import Inbound, RawHeaders
from gateway.model.route import Forwarding, IdentityHeaders, Route
from gateway.model.session import Session
from gateway.model.upstream import Balance
from gateway.upstream.assertion import Assertions, Held
from gateway.upstream.client_fields import AUTHORIZATION, ClientFields
from gateway.upstream.identity import IdentityLines
from gateway.upstream.outbound import Mould, Outbound
from gateway.upstream.reserved import Reserved, fold
from gateway.upstream.signature import (
    NOTHING,
    Covered,
    RequestSigner,
    Signatures,
    authority,
    covered,
)
from gateway.upstream.target import strip_prefix

_NOTHING: frozenset[bytes] = frozenset()
_COLON = b": "
_CRLF = b"\r\n"
_UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
_BY_AFFINITY = frozenset((Balance.HASH_USER, Balance.HASH_IP))
_RENDERED_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """What a route's requests have in common, prepared once."""

    route: Route
    opening: bytes
    lines: IdentityLines
    assertion: bytes
    audience: str
    signer: RequestSigner | None
    authority: bytes
    balance: Balance
    forwarded: bytes | None
    taken: frozenset[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rendered:
    """What a route's upstream is told of one session, without the assertion."""

    session: Session
    lines: bytes
    covered: Covered


_Told = tuple[bytes, Covered, Held | None]
"""The lines that tell of a session, how a signature covers them, and what is asserted in them."""

_UNTOLD: _Told = (b"", NOTHING, None)


class Dresser:
    """Turns a request, a route and perhaps a session into the head that the upstream gets."""

    def __init__(
        self,
        *,
        reserved: Reserved,
        cookies: CookieNames,
        assertions: Assertions,
        signatures: Signatures,
        new_trace: Callable[[], str],
    ) -> None:
        self._names = reserved.names
        self._client = ClientFields(reserved.requests, cookies)
        self._assertions = assertions
        self._signatures = signatures
        self._new_trace = new_trace
        self._legs: dict[int, _Leg] = {}
        self._lines: dict[IdentityHeaders, IdentityLines] = {}
        self._rendered: dict[tuple[str, int], _Rendered] = {}

    def dress(
        self, inbound: Inbound, route: Route, session: Session | None, token: Token | None = None
    ) -> Outbound:
        """Return the request that *route*'s upstream gets, telling it of *session* and of no one else.

        *token* goes along where the route forwards one; what the client sent in its place never does.
        Raises IdentityUnrepresentable, LoopDetected, and RequestRejected where the prefix to strip
        does not end at a raw segment.
        """
        leg = self._legs.get(id(route)) or self._prepare(route)
        upgrade = inbound.websocket and route.websocket
        target = strip_prefix(inbound.target, route.path) if route.strip_prefix else inbound.target
        told, what, _ = _UNTOLD if session is None else self._identity(leg, session, leg.audience)
        signer = leg.signer
        if signer is not None:
            told += signer.lines(
                method=inbound.method.encode("ascii"),
                authority=_authority(leg, inbound),
                target=target,
                told=what,
            )
        head = b"".join(
            (
                self._opening(leg, inbound, target),
                self._request_ids(inbound.request_id, inbound.traceparent),
                told,
                b"" if token is None or leg.forwarded is None else _forwarded(leg.forwarded, token),
                _UPGRADE if upgrade else _framing(inbound),
            )
        )
        return Outbound(
            method=inbound.method,
            head=head,
            length=inbound.length,
            chunked=inbound.chunked,
            upgrade=upgrade,
            affinity=_affinity(leg.balance, inbound, session) if leg.balance in _BY_AFFINITY else "",
            anew=None if signer is None else partial(self.dress, inbound, route, session, token),
        )

    def mould(self, inbound: Inbound, route: Route, session: Session | None) -> Mould | None:
        """Return what `dress` gives to each request like this one, None where no two are alike.

        That is where they come in chunks, are signed, or carry a token. Raises as `dress` does.
        """
        leg = self._legs.get(id(route)) or self._prepare(route)
        if inbound.chunked or inbound.websocket or leg.signer is not None or leg.forwarded is not None:
            return None
        target = strip_prefix(inbound.target, route.path) if route.strip_prefix else inbound.target
        told, _, asserted = _UNTOLD if session is None else self._identity(leg, session, leg.audience)
        return Mould(
            method=inbound.method,
            before=self._opening(leg, inbound, target),
            after=told + _framing(inbound),
            asserted=asserted,
            traceparent=inbound.traceparent,
            length=inbound.length,
            affinity=_affinity(leg.balance, inbound, session) if leg.balance in _BY_AFFINITY else "",
        )

    def cast(self, mould: Mould, request_id: str) -> Outbound | None:
        """Return one more request of *mould*; None where what it asserts has to be signed anew."""
        if mould.asserted is not None and not self._assertions.lasts(mould.asserted):
            return None
        head = mould.before + self._request_ids(request_id, mould.traceparent) + mould.after
        return Outbound(method=mould.method, head=head, length=mould.length, affinity=mould.affinity)

    def tell(
        self, inbound: Inbound, route: Route, session: Session | None, token: Token | None = None
    ) -> RawHeaders:
        """Return as fields the lines about the caller that `dress` would send, and the `Cookie` less ours.

        For a proxy that sends the request itself: every other name of ours comes with an empty value, so
        that the proxy overwrites what a client sent in it. No signature: that is of a request as it is
        sent, and by whom. Raises IdentityUnrepresentable.
        """
        leg = self._legs.get(id(route)) or self._prepare(route)
        audience = leg.audience or f"{inbound.scheme}://{inbound.host}"
        lines = b"" if session is None else self._identity(leg, session, audience)[0]
        if token is not None and leg.forwarded is not None:
            lines += _forwarded(leg.forwarded, token)
        told = tuple(_split(line) for line in lines.split(_CRLF)[:-1])
        said = {fold(name) for name, _ in told}
        ours = dict.fromkeys((*self._names, *leg.taken))
        cookies = self._client.cookies(inbound)
        return (*told, *((name, b"") for name in ours if fold(name) not in said), (b"Cookie", cookies))

    def _prepare(self, route: Route) -> _Leg:
        # Keyed by the object, which the leg keeps alive: a route hashes slowly, field by field.
        upstream = route.upstream
        header = route.identity.assertion
        leg = _Leg(
            route=route,
            opening=b""
            if upstream is None or upstream.preserve_host
            else f" HTTP/1.1\r\nHost: {upstream.authority}\r\n".encode("ascii"),
            lines=self._lines.setdefault(route.identity, IdentityLines(route.identity)),
            assertion=b"" if header is None else f"{header}: ".encode("ascii"),
            audience=route.audience or (upstream.audience if upstream else ""),
            signer=self._signatures.signer(route),
            authority=b""
            if upstream is None or upstream.preserve_host
            else authority(upstream.authority, tls=upstream.tls),
            balance=Balance.LEAST_REQUESTS if upstream is None else upstream.balance,
            forwarded=_opening(route.forwarding),
            taken=_taken(route),
        )
        self._legs[id(route)] = leg
        return leg

    def _opening(self, leg: _Leg, inbound: Inbound, target: bytes) -> bytes:
        """Return the head up to the ids of the request."""
        lines = self._client.lines(inbound, but=leg.taken)
        host = leg.opening or b" HTTP/1.1\r\nHost: " + inbound.host.encode("ascii") + _CRLF
        return b"".join((inbound.method.encode("ascii"), b" ", target, host, lines))

    def _request_ids(self, request_id: str, traceparent: str | None) -> bytes:
        return f"{request_id}\r\ntraceparent: {traceparent or self._new_trace()}\r\n".encode("ascii")

    def _identity(self, leg: _Leg, session: Session, audience: str) -> _Told:
        rendered = self._told(leg, session)
        if not leg.assertion:
            return rendered.lines, rendered.covered, None
        held = self._assertions.about(session, audience)
        line = leg.assertion + held.assertion + _CRLF
        if leg.signer is None:
            return rendered.lines + line, NOTHING, held
        also, first = covered(line), rendered.covered
        what = Covered(base=first.base + also.base, names=first.names + also.names)
        return rendered.lines + line, what, held

    def _told(self, leg: _Leg, session: Session) -> _Rendered:
        place = (session.token_id, id(leg.lines))
        held = self._rendered.get(place)
        if held is not None and (held.session is session or held.session == session):
            return held
        lines = leg.lines.render(session)
        what = NOTHING if leg.route.identity.signature is None else covered(lines)
        return self._hold(place, _Rendered(session=session, lines=lines, covered=what))

    def _hold(self, place: tuple[str, int], rendered: _Rendered) -> _Rendered:
        self._rendered.pop(place, None)
        if len(self._rendered) >= _RENDERED_KEPT:
            del self._rendered[next(iter(self._rendered))]
        self._rendered[place] = rendered
        return rendered


def _authority(leg: _Leg, inbound: Inbound) -> bytes:
    upstream = leg.route.upstream
    return leg.authority or authority(inbound.host, tls=upstream is not None and upstream.tls)


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(_COLON)
    return name, value


def _affinity(balance: Balance, inbound: Inbound, session: Session | None) -> str:
    """Return the user by whom a member is chosen, or where nobody is known or asked for, the address."""
    if balance is Balance.HASH_USER and session is not None:
        return session.identity.user_id
    return inbound.client_ip


def _taken(route: Route) -> frozenset[bytes]:
    """Return the folds of the headers in which *route* leaves nothing of the client's.

    They are where the issuer's token goes, and `Authorization` where the gateway reads tokens itself.
    """
    read = AUTHORIZATION if route.bearer is not None and not route.bearer.forward else _NOTHING
    if route.forwarding is None:
        return read
    return read | {fold(route.forwarding.header.encode("ascii"))}


def _opening(forwarding: Forwarding | None) -> bytes | None:
    """Return the line of a forwarded token up to the token itself."""
    if forwarding is None:
        return None
    scheme = "" if forwarding.scheme is None else f"{forwarding.scheme} "
    return f"{forwarding.header}: {scheme}".encode("ascii")


def _forwarded(opening: bytes, token: Token) -> bytes:
    return opening + token.value.encode("ascii") + _CRLF


def _framing(inbound: Inbound) -> bytes:
    if inbound.chunked:
        return b"Transfer-Encoding: chunked\r\n\r\n"
    if inbound.length is not None:
        return b"Content-Length: %d\r\n\r\n" % inbound.length
    return _CRLF


def reserved_by(routes: Iterable[Route]) -> Reserved:
    """Return what the headers of all *routes* about the caller reserve on each of them."""
    told = list(routes)
    tokens = {route.forwarding.header for route in told if route.forwarding is not None}
    return Reserved({id(route.identity): route.identity for route in told}.values(), tokens=tokens)
