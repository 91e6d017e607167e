"""The request that a proxy in front asks about, read from that proxy's fields or refused.

    nginx     X-Original-URL, or X-Original-URI beside X-Forwarded-Host; X-Original-Method
    Traefik   X-Forwarded-Uri, -Method, -Proto, -Host
    Caddy     the same
    Envoy     the method is the request's own, its target follows ours

The law: believed from `trusted_proxies` alone; what is said twice is said alike, or refused; what is
not said is not guessed. What comes of it is received once more, by the code that receives every request.
"""

import re
from collections.abc import Iterable

from gateway.errors import ProxyUntrusted, RequestRejected
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import RawRequest, Receiver
from gateway.model.inbound import Inbound, RawHeaders
from gateway.model.original import Original

_URL = b"x-original-url"
_URI = b"x-original-uri"
_METHOD = b"x-original-method"
_FORWARDED_URI = b"x-forwarded-uri"
_FORWARDED_METHOD = b"x-forwarded-method"
_PROTO = b"x-forwarded-proto"
_HOST = b"x-forwarded-host"

_BY_STATUS = (_URL, _URI, _METHOD)
# They are about the asking request, or said in full by what is made of them.
_NOT_ITS_OWN = frozenset(
    (*_BY_STATUS, _FORWARDED_URI, _FORWARDED_METHOD, b"content-length", b"transfer-encoding", b"expect")
)
_ABSOLUTE = re.compile(rb"(https?)://([^/?#]+)(/.*)", re.DOTALL | re.IGNORECASE)


class Originals:
    """Reads them for one configuration. *base* is the path at which proxies ask."""

    def __init__(self, receiver: Receiver, *, proxies: TrustedProxies, base: str) -> None:
        self._receiver = receiver
        self._proxies = proxies
        self._base = base.encode("ascii")

    def is_asked(self, asking: Inbound) -> bool:
        """Say whether *asking* is about another request."""
        path = asking.target.partition(b"?")[0]
        return path == self._base or path.startswith(self._base + b"/")

    def read(self, asking: Inbound) -> Original:
        """Return the request that *asking* is about.

        Raises ProxyUntrusted, RequestRejected and its kinds.
        """
        if not self._proxies.include(asking.peer):
            raise ProxyUntrusted("the peer is not in trusted_proxies")
        below = asking.target.removeprefix(self._base)
        if not below.startswith(b"/"):
            return self._made(asking, below=None)
        return self._made(asking, below=below)

    def _made(self, asking: Inbound, *, below: bytes | None) -> Original:
        url = _absolute(_one(asking, _URL))
        scheme, authority, path = url or (None, None, None)
        target = _agreed("target", (below, _one(asking, _FORWARDED_URI), _one(asking, _URI), path))
        own = None if below is None else asking.method.encode("ascii")
        method = _agreed("method", (own, _one(asking, _FORWARDED_METHOD), _one(asking, _METHOD)))
        raw = RawRequest(
            method=method.decode("latin-1"),
            target=target.decode("utf-8", "surrogateescape"),
            version=asking.version,
            headers=_fields(asking, {_PROTO: scheme, _HOST: authority}),
            peer=asking.peer,
        )
        inbound = self._receiver.receive(raw, asking.request_id)
        # Caddy's question keeps the query of the request; another would look as if it restricted something.
        if asking.query not in (None, inbound.query):
            raise RequestRejected("a question with a query of its own, which would change nothing")
        if not inbound.forwarded_for:
            raise RequestRejected("no X-Forwarded-For says who the caller is")
        return Original(inbound=inbound, by_status=any(asking.values(name) for name in _BY_STATUS))


def _one(asking: Inbound, name: bytes) -> bytes | None:
    given = asking.values(name)
    if len(given) > 1:
        raise RequestRejected(f"{name.decode()} given twice")
    return given[0] if given else None


def _agreed(what: str, said: Iterable[bytes | None]) -> bytes:
    """Return what is *said*, in however many places. Raises RequestRejected unless all say one thing."""
    given = {each for each in said if each is not None}
    if not given:
        raise RequestRejected(f"no field says the original {what}")
    if len(given) > 1:
        raise RequestRejected(f"two fields say different things of the original {what}")
    return given.pop()


def _absolute(url: bytes | None) -> tuple[bytes, bytes, bytes] | None:
    if url is None:
        return None
    found = _ABSOLUTE.fullmatch(url)
    if found is None:
        raise RequestRejected("x-original-url is no absolute URL")
    return found[1].lower(), found[2].lower(), found[3]


def _fields(asking: Inbound, said: dict[bytes, bytes | None]) -> RawHeaders:
    """Return the fields of the request itself; what its URL *said* must be what the proxy forwarded."""
    added: list[tuple[bytes, bytes]] = []
    for name, value in said.items():
        forwarded = _one(asking, name)
        if value is None:
            continue
        if forwarded is None:
            added.append((name, value))
        elif forwarded.lower() != value:
            raise RequestRejected(f"x-original-url and {name.decode()} say different things")
    kept = (field for field in asking.headers if field[0].lower() not in _NOT_ITS_OWN)
    return (*kept, *added)
