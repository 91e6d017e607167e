"""Whether another site may be behind a request that a browser sends with our cookie.

Law: only what a browser says of itself is looked at. No script can write these fields (Fetch, 4.6; Fetch
Metadata, 2), and what sends none of them is no browser, whose cookie nobody else can use.
"""

from gateway.model.inbound import Inbound

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FROM_HERE = ([b"same-origin"], [b"none"])


def acts_from_here(inbound: Inbound) -> bool:
    """Say whether a request that may change something was begun by a page of its own origin, or by a person.

    Of browsers too old for `Sec-Fetch-Site`, and over plain HTTP, `Origin` tells. A sibling domain is
    another site here: nobody vouches for what runs there.
    """
    if inbound.method in _SAFE:
        return True
    site = inbound.values(b"sec-fetch-site")
    return site in _FROM_HERE if site else is_same_origin(inbound)


def is_same_origin(inbound: Inbound) -> bool:
    """Say whether no other site's script may be behind a request of which browsers always tell `Origin`:
    one that is not safe, or a WebSocket, which the same-origin policy does not hold back (RFC 6455 10.2)."""
    origins = [origin.lower() for origin in inbound.values(b"origin")]
    return not origins or origins == [f"{inbound.scheme}://{inbound.host}".encode()]
