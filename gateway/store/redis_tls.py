"""Redis through TLS: whose certificates are believed, which one we show, and whether that holds.

Laws: a server is believed for a certificate that is vouched for and names it, of TLS 1.2 or newer; a
certificate that does not hold is told at the start, in a sentence, since no waiting mends it.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

from redis.asyncio import SSLConnection

from gateway.errors import StoreUntrusted

PATIENCE = 1.0  # seconds for a handshake at the start
SILENCE = 0.1  # seconds within which a server says that it does not believe us


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisTls:
    """Files in PEM: who may vouch for servers (None: whom the system trusts), our certificate and its key.

    `digest` is that of what they hold: with other contents it is another one.
    """

    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    digest: str = ""

    def context(self) -> ssl.SSLContext:
        """Return what connections are made by. Raises StoreUntrusted where the files are unfit."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.client_cert is not None:
                context.load_cert_chain(self.client_cert, self.client_key, password=_nobody_types)
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise StoreUntrusted(f"the files of redis.tls cannot be used: {_reason(error)}") from None
        return context


class TlsConnection(SSLConnection):
    """A connection by a prepared context: files are read once, not at each connection."""

    def __init__(self, *, tls: ssl.SSLContext, **settings: Any) -> None:
        super().__init__(**settings)
        self.ssl_context.context = tls


async def prove(host: str, port: int, tls: ssl.SSLContext) -> None:
    """Raise StoreUntrusted where the server at *host* shows a certificate that does not hold, or wants ours.

    One that is away, or silent, is no matter of trust.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
            try:
                # Whom it does not trust, it tells after the handshake (TLS 1.3), and others nothing.
                async with asyncio.timeout(SILENCE):
                    await reader.read(1)
            finally:
                writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        raise StoreUntrusted(
            f"the redis at {host}:{port} shows a certificate that does not hold: {error.verify_message}"
        ) from None
    except ssl.SSLError as error:
        raise StoreUntrusted(f"the redis at {host}:{port} and we agree on no TLS: {_reason(error)}") from None
    except (OSError, TimeoutError):
        return


def _reason(error: Exception) -> str:
    """Return what OpenSSL calls it, or the system: a path may be in the text, a key never."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or type(error).__name__).replace("_", " ").lower()
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__


def _nobody_types() -> str:
    raise ValueError("an encrypted private key")
