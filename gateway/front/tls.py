"""TLS on the public port (RFC 8446, RFC 9325)."""

import ssl
from typing import NoReturn

# Of TLS 1.2 what TLS 1.3 would do: forward secrecy and authenticated encryption (RFC 9325 4.2).
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def server_context(cert: str, key: str, *, client_ca: str | None = None) -> ssl.SSLContext:
    """Return a context for the chain in the PEM file *cert* and its *key*.

    With *client_ca*, clients may show a certificate that an authority in that PEM file vouches for; one that
    none does ends the handshake, and so does TLS 1.2. Raises OSError, of which ssl.SSLError is one, or
    ValueError where a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(cert, key, password=_nobody_types)
    if client_ca is not None:
        _ask_for_certificates(context, client_ca)
    return context


def _ask_for_certificates(context: ssl.SSLContext, client_ca: str) -> None:
    """Verify anew in each handshake: a session that goes on would bring a certificate without its chain.

    Without tickets TLS 1.3 has no such sessions; those of TLS 1.2 cannot be forbidden here, and are not
    needed: it would send certificates in the clear.
    """
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0


def _nobody_types() -> NoReturn:
    raise ValueError("the key is encrypted, and nobody is there to type its password")
