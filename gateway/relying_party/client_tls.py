"""TLS towards one issuer: who is believed to be it, and the certificate that we show (RFC 8705)."""

import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """Paths of PEM files; empty where there is none. `contents` tells renewed files from former ones."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    contents: bytes = b""

    def context(self) -> ssl.SSLContext:
        """Return a client's context that verifies certificate and name, by TLS 1.2 at least.

        Raises OSError (ssl.SSLError is one) where a file does not hold what it should.
        """
        context = ssl.create_default_context(cafile=self.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None, password=_no_password)
        return context


def _no_password() -> bytes:
    """Refuse a key that needs one: asking at a terminal would hold the start up for ever."""
    raise ssl.SSLError("the key is encrypted")
