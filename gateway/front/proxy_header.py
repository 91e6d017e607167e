"""What a proxy in front says of a connection before its first byte: the PROXY protocol, versions 1 and 2.

Laws: exactly the header is taken from the socket, never a byte after it, so that TLS or HTTP begins where it
ends; what is not a header to the letter ends the connection, since nobody knows what the rest would be; an
address that a header does not say is not made up.
"""

import asyncio
import re
import socket
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from gateway.errors import RequestRejected

LONGEST_LINE = 107
"""Bytes of a version 1 header with its CRLF."""

LONGEST = 4096
"""Bytes of a version 2 header: addresses take 52 of them, the rest is extensions, which nobody reads."""

_OPENING = b"PROXY "
_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = 16
_ADDRESS, _PORT = rb"([0-9A-Fa-f.:]{2,45})", rb"(0|[1-9][0-9]{0,4})"
_LINE = re.compile(rb" ".join((rb"PROXY TCP([46])", _ADDRESS, _ADDRESS, _PORT, _PORT)) + rb"\r\n")
_UNKNOWN_LINE = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED = 0x00
# Family and transport: the bytes that both addresses and ports take, and those of one address.
_SHAPES = {0x11: (12, 4), 0x12: (12, 4), 0x21: (36, 16), 0x22: (36, 16), 0x31: (216, 0), 0x32: (216, 0)}


def measured(data: bytes) -> int | None:
    """Return how long the header is that *data* begins with, None where more of it has to come.

    Raises RequestRejected as soon as *data* begins with none, or with one that is too long.
    """
    if data[:12] == _SIGNATURE[: len(data)]:
        return _measured_binary(data)
    if data[:6] != _OPENING[: len(data)]:
        raise RequestRejected("no PROXY header")
    end = data.find(b"\n", 0, LONGEST_LINE) + 1
    if not end and len(data) >= LONGEST_LINE:
        raise RequestRejected("a PROXY line without end")
    return end or None


def _measured_binary(data: bytes) -> int | None:
    if len(data) < _FIXED:
        return None
    whole = _FIXED + int.from_bytes(data[14:16], "big")
    if whole > LONGEST:
        raise RequestRejected("a PROXY header that is too long")
    return whole if len(data) >= whole else None


def source(header: bytes) -> str | None:
    """Return the address of the client that a whole *header* names, None where it names none.

    Raises RequestRejected for anything that the specification does not allow.
    """
    return _binary_source(header) if header.startswith(_SIGNATURE) else _line_source(header)


def _line_source(line: bytes) -> str | None:
    if _UNKNOWN_LINE.fullmatch(line):
        return None
    said = _LINE.fullmatch(line)
    if said is None or int(said[4]) > 65535 or int(said[5]) > 65535:
        raise RequestRejected("a malformed PROXY line")
    kind = IPv4Address if said[1] == b"4" else IPv6Address
    try:
        client, _ = (kind(said[place].decode("ascii")) for place in (2, 3))
    except AddressValueError:
        raise RequestRejected("a PROXY line with malformed addresses") from None
    return _spelled(client)


def _binary_source(header: bytes) -> str | None:
    command, family = header[12], header[13]
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise RequestRejected("a PROXY header of another version or with another command")
    if family == _UNSPECIFIED:
        return None
    if family not in _SHAPES:
        raise RequestRejected("a PROXY header with addresses of no known family")
    size, width = _SHAPES[family]
    if len(header) - _FIXED < size:
        raise RequestRejected("a PROXY header that is shorter than its addresses")
    if not width:
        return None
    client = header[_FIXED : _FIXED + width]
    return _spelled(IPv4Address(client) if width == 4 else IPv6Address(client))


def _spelled(address: IPv4Address | IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


async def take_header(sock: socket.socket) -> str | None:
    """Take the header that *sock*, which does not block, begins with; return what `source` does.

    Raises RequestRejected where there is none, or OSError.
    """
    header = b""
    while True:
        seen = await _peeked(sock)
        if not seen:
            raise RequestRejected("the connection ended before its PROXY header")
        end = measured(header + seen)
        header += sock.recv(len(seen) if end is None else end - len(header))
        if end is not None:
            return source(header)


async def _peeked(sock: socket.socket) -> bytes:
    while True:
        try:
            return sock.recv(LONGEST, socket.MSG_PEEK)
        except BlockingIOError:
            await _readable(sock)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
