"""TLS on the public port (RFC 8446, RFC 9325)."""

import ssl
from typing import NoReturn

# Of TLS 1.2 what TLS 1.3 would do: forward secrecy and authenticated encryption (RFC 9325 4.2).
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(cert: str, key: str) -> ssl.SSLContext:
    """Return a context for the chain in the PEM file *cert* and its *key*.

    Raises OSError, of which ssl.SSLError is one, or ValueError where they cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(cert, key, password=_nobody_types)
    return context


def _nobody_types() -> NoReturn:
    raise ValueError("the key is encrypted, and nobody is there to type its password")
