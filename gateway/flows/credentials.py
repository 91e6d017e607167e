"""What a client shows in `Authorization`, where a route takes bearers (RFC 6750 2.1)."""

import re
from hashlib import sha256

from gateway.errors import BearerMalformed, BearerRefused
from gateway.model.inbound import Inbound

_AUTHORIZATION = b"authorization"
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 2.1


def presented(inbound: Inbound) -> str | None:
    """Return the token of a request, None where it has no `Authorization` at all.

    Raises BearerMalformed for what is there twice or is no token, BearerRefused for another scheme.
    """
    values = inbound.values(_AUTHORIZATION)
    if not values:
        return None
    if len(values) > 1:
        raise BearerMalformed("twice", "more than one Authorization")
    scheme, _, rest = values[0].partition(b" ")
    if scheme.lower() != b"bearer":
        raise BearerRefused("scheme", "Authorization is of another scheme than Bearer")
    token = rest.strip(b" ")
    if not token:
        raise BearerMalformed("empty", "Authorization without a token")
    if not _TOKEN.fullmatch(token):
        raise BearerRefused("malformed", "what follows Bearer is no token")
    return token.decode("ascii")


def fingerprint(token: str) -> bytes:
    """Return by what a token is known again, which is of no use to whoever reads memory."""
    return sha256(token.encode()).digest()
