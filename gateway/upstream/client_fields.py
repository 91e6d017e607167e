"""What of the client's head goes on to an upstream, and where the gateway says that it came from.

Hop-by-hop fields go first, then reserved names by fold, then forwarding fields, then our cookies are cut
(rule G2). All of it follows from the client's fields, its address and its certificate alone, so that it is
noted with them.
"""

from dataclasses import dataclass

from gateway.errors import LoopDetected
from gateway.model.cookies import CookieNames
from gateway.model.inbound import UNIX_PEER, Inbound, RawHeaders
from gateway.upstream.cookies import CookieKnife
from gateway.upstream.reserved import PROTECTED, Fate, Fates, fold, listed

PSEUDONYM = "vestibule"
AUTHORIZATION = frozenset((b"authorization",))

_KEEP = Fate.KEEP
_DROP = Fate.DROP
_COLON = b": "
_CRLF = b"\r\n"
_NOTHING_LISTED = frozenset((b"close", b"keep-alive"))
_NAMELESS = frozenset(("", UNIX_PEER))


@dataclass(slots=True)
class _Client:
    """What of the client's head takes more than to be kept or dropped."""

    kept: list[bytes]
    connection: list[bytes]
    via: list[bytes]


class ClientFields:
    """Lays out what the client sent for the next hop."""

    def __init__(self, fates: Fates, cookies: CookieNames) -> None:
        self._fates = fates
        self._knife = CookieKnife(cookies)

    def lines(self, inbound: Inbound, *, but: frozenset[bytes]) -> bytes:
        """Return what goes on of the client's fields *but* those folds, and where it all came from, up to the
        request's id. Raises LoopDetected."""
        notes = inbound.notes
        if not but:
            if notes.outbound_lines is None:
                notes.outbound_lines = self._laid_out(inbound, inbound.headers)
            return notes.outbound_lines
        if but != AUTHORIZATION:
            return self._without(but, inbound)
        if notes.unauthorized_lines is None:
            notes.unauthorized_lines = self._without(but, inbound)
        return notes.unauthorized_lines

    def cookies(self, inbound: Inbound) -> bytes:
        """Return the client's cookies less ours, as one line."""
        return b"; ".join(rest for line in inbound.cookies if (rest := self._knife.cut(line)))

    def _without(self, folds: frozenset[bytes], inbound: Inbound) -> bytes:
        return self._laid_out(
            inbound, tuple(field for field in inbound.headers if fold(field[0]) not in folds)
        )

    def _laid_out(self, inbound: Inbound, headers: RawHeaders) -> bytes:
        client = self._filtered(inbound, headers)
        peer = "unknown" if inbound.peer in _NAMELESS else inbound.peer  # RFC 7239 6.2
        chain = ", ".join((*inbound.forwarded_for, peer))
        via = _passed(client.via) if client.via else ""
        forwarding = (
            f"X-Forwarded-For: {chain}\r\nX-Forwarded-Proto: {inbound.scheme}\r\n"
            f"X-Forwarded-Host: {inbound.host}\r\nVia: {via}1.1 {PSEUDONYM}\r\nX-Request-Id: "
        )
        return b"".join((*client.kept, inbound.client_cert, forwarding.encode("latin-1")))

    def _filtered(self, inbound: Inbound, headers: RawHeaders) -> _Client:
        client = self._sorted(inbound, headers)
        if not client.connection:
            return client
        named = listed(client.connection) - PROTECTED
        if named <= _NOTHING_LISTED:
            return client
        return self._sorted(inbound, tuple(field for field in headers if field[0].lower() not in named))

    def _sorted(self, inbound: Inbound, headers: RawHeaders) -> _Client:
        client = _Client([], [], [])
        kept = client.kept
        fates = self._fates
        for name, value in headers:
            fate = fates[name]
            if fate is _KEEP:
                kept += (name, _COLON, value, _CRLF)
            elif fate is not _DROP:
                self._set_apart(fate, name, value, inbound, client)
        return client

    def _set_apart(self, fate: Fate, name: bytes, value: bytes, inbound: Inbound, client: _Client) -> None:
        if fate is Fate.COOKIE:
            if rest := self._knife.cut(value):
                client.kept += (name, _COLON, rest, _CRLF)
        elif fate is Fate.CONNECTION:
            client.connection.append(value)
        elif fate is Fate.VIA:
            client.via.append(value)
        elif inbound.traceparent is not None:  # W3C Trace Context 3.3: one without the other means nothing
            client.kept += (name, _COLON, value, _CRLF)


def _passed(via: list[bytes]) -> str:
    """Return the client's `Via` lines as one, to be continued (RFC 9110 7.6.3).

    Raises LoopDetected where the request went through a gateway of this name already.
    """
    chain = b", ".join(via).decode("latin-1")
    for hop in chain.split(","):
        words = hop.split()
        if len(words) > 1 and words[1].lower() == PSEUDONYM:
            raise LoopDetected("the request passed this gateway before")
    return f"{chain}, " if chain else ""
