"""A certificate for the public port, exchanged at will, and clients that speak TLS to it."""

import asyncio
import ssl
from pathlib import Path

import trustme

HOST = "app.example.com"


class Certificates:
    """An authority, and what it issued last, as `tls.pem` and `tls.key` in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.cert, self.key = folder / "tls.pem", folder / "tls.key"
        self.renew()

    @property
    def toml(self) -> str:
        return f'tls = {{ cert = "{self.cert}", key = "{self.key}" }}'

    def renew(self, name: str = HOST) -> None:
        """Put another certificate and key into the place of the present ones."""
        issued = self.authority.issue_cert(name)
        self.cert.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        self.key.write_bytes(issued.private_key_pem.bytes())
        self.key.chmod(0o600)

    def context(self) -> ssl.SSLContext:
        """Return a client's context that believes this authority alone."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


async def exchange(port: int, request: bytes, context: ssl.SSLContext, *, host: str = HOST) -> bytes:
    """Send *request* over a TLS connection of its own; return the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()


async def serial(port: int, context: ssl.SSLContext) -> str:
    """Return the serial number of the certificate that is presented on *port*."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST)
    presented = writer.get_extra_info("peercert")
    writer.close()
    return str(presented["serialNumber"])
