"""What proxies in front of us may say of the caller, believed from `trusted_proxies` alone.

Read right to left: the rightmost address that is not itself a trusted proxy is the client
(RFC 7239 5.2 and its elder, X-Forwarded-For). Fields from anybody else decide nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from gateway.errors import RequestRejected
from gateway.model.inbound import UNIX_PEER

Network = IPv4Network | IPv6Network
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The caller as vetted: address, the chain in front of `peer`, and what the browser typed."""

    client_ip: str
    chain: tuple[str, ...] = ()
    scheme: str | None = None
    host: bytes | None = None


class TrustedProxies:
    """The peers whose forwarding fields are believed: in some network, or `UNIX_PEER` where it is named."""

    def __init__(self, named: Sequence[Network | str]) -> None:
        self._networks = tuple(each for each in named if not isinstance(each, str))
        self._unix = UNIX_PEER in named
        self._known: dict[str, bool] = {}

    def include(self, peer: str) -> bool:
        """Say whether *peer* is a trusted proxy."""
        if not self._networks and not self._unix:
            return False
        known = self._known.get(peer)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[peer] = self._looked_up(peer)
        return known

    def _looked_up(self, peer: str) -> bool:
        if peer == UNIX_PEER:
            return self._unix
        address = parsed_address(peer)
        return address is not None and any(address in network for network in self._networks)

    def origin(self, peer: str, fields: dict[bytes, list[bytes]]) -> Origin:
        """Return who called through the trusted *peer*, given the lower-cased forwarding *fields*.

        Raises RequestRejected where a trusted proxy sends what cannot be read in one way.
        """
        said = _x_forwarded(fields) or _forwarded(fields.get(b"forwarded", []))
        client, kept = peer, said.chain
        chain = said.chain
        for index in range(len(chain) - 1, -1, -1):
            client, kept = chain[index], chain[index:]
            if not self.include(chain[index]):
                break
        return Origin(
            client_ip=client,
            chain=tuple(kept),
            scheme=said.scheme,
            host=said.host,
        )


def parsed_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that *text* spells, an IPv4-mapped one as IPv4, or None."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class _Said(NamedTuple):
    chain: list[str]
    scheme: str | None
    host: bytes | None


def _x_forwarded(fields: dict[bytes, list[bytes]]) -> _Said | None:
    names = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")
    if not any(name in fields for name in names):
        return None
    addresses, protos, hosts = (fields.get(name, []) for name in names)
    items = b",".join(addresses).split(b",") if addresses else []
    return _Said([_address(item) for item in items], _scheme(_single(protos)), _single(hosts))


def _forwarded(lines: Sequence[bytes]) -> _Said:
    """Read `Forwarded` (RFC 7239 4); proto and host count where the last proxy says them."""
    chain: list[str] = []
    scheme, host = None, None
    for element in b",".join(lines).split(b",") if lines else []:
        said = _pairs(element)
        if b"for" in said:
            chain.append(_address(said[b"for"]))
        scheme, host = _scheme(said.get(b"proto")), said.get(b"host")
    return _Said(chain, scheme, host)


def _pairs(element: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for pair in element.split(b";"):
        name, mark, value = pair.strip(b" \t").partition(b"=")
        if not mark or name.lower() in found:
            raise RequestRejected("malformed Forwarded")
        found[name.lower()] = value[1:-1] if value[:1] == b'"' == value[-1:] else value
    return found


def _address(item: bytes) -> str:
    text = item.strip(b" \t").decode("latin-1")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = parsed_address(text)
    if address is None:
        raise RequestRejected("a forwarding field holds something else than addresses")
    return str(address)


def _single(lines: Sequence[bytes]) -> bytes | None:
    if not lines:
        return None
    if len(lines) > 1 or b"," in lines[0]:
        raise RequestRejected("forwarding field given twice")
    return lines[0]


def _scheme(value: bytes | None) -> str | None:
    if value is None:
        return None
    scheme = value.lower().decode("latin-1")
    if scheme not in ("http", "https"):
        raise RequestRejected("the forwarded scheme is neither http nor https")
    return scheme
