"""The certificate that a client showed in its handshake, as apps are told of it (RFC 9440).

The law: what is told was verified in the connection's own handshake, against the authorities of the
configuration, and is told of each of its requests. What a client says in such a header is never heard.
"""

import _ssl
import ssl
import sys
from base64 import b64encode

from gateway.errors import RequestRejected

MOST = 16 * 1024
"""Bytes that both lines may take: more no app reads."""


def told(tls: ssl.SSLObject) -> bytes:
    """Return the lines that tell of the client's certificate and of those that vouch for it.

    Empty where it showed none. Raises RequestRejected where they are too long.
    """
    own = tls.getpeercert(binary_form=True)
    if own is None:
        return b""
    lines = _lines(own, _verified(tls)[1:])
    if len(lines) > MOST:
        raise RequestRejected("the client's certificates are too long to be passed on")
    return lines


def _lines(own: bytes, chain: list[bytes]) -> bytes:
    """The order is that of TLS: each vouches for the one before it (RFC 9440 2.3)."""
    first = b"Client-Cert: %b\r\n" % _byte_sequence(own)
    if not chain:
        return first
    return first + b"Client-Cert-Chain: %b\r\n" % b", ".join(map(_byte_sequence, chain))


def _byte_sequence(der: bytes) -> bytes:
    """Return *der* as structured fields have it (RFC 8941 3.3.5)."""
    return b":%b:" % b64encode(der)


def _verified(tls: ssl.SSLObject) -> list[bytes]:
    """Return the chain that was verified, from the client's own certificate to the authority's."""
    if sys.version_info >= (3, 13):
        return tls.get_verified_chain()
    # Public from 3.13 on only, and the same before.
    return [each.public_bytes(_ssl.ENCODING_DER) for each in tls._sslobj.get_verified_chain()]  # type: ignore[attr-defined]
