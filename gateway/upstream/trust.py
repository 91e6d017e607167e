"""TLS towards an upstream: who is believed to be it, and as whom we come."""

import ssl

from gateway.model.upstream import Trust


def context_for(trust: Trust) -> ssl.SSLContext:
    """Return a client's context that verifies certificate and name, by TLS 1.2 at least.

    Without `trust.ca` the system's authorities count. Raises OSError (ssl.SSLError is one) where a file
    cannot be read or does not hold what it should.
    """
    context = ssl.create_default_context(cafile=trust.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if trust.client_cert:
        context.load_cert_chain(trust.client_cert, trust.client_key or None, password=_no_password)
    return context


def _no_password() -> bytes:
    """Refuse a key that needs one: asking at a terminal would hold the start up for ever."""
    raise ssl.SSLError("the key is encrypted")
