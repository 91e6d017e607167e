"""The PROXY protocol: what is a header to the letter, where it ends, and whom it names."""

import asyncio
import re
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.front.proxy_header import LONGEST, LONGEST_LINE, measured, source, take_header

SIGNATURE = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
REQUEST = b"GET / HTTP/1.1\r\n\r\n"
# The longest lines that the specification names.
LONGEST_TCP4 = b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"
_WIDEST = b":".join([b"ffff"] * 8)
LONGEST_TCP6 = b"PROXY TCP6 %b %b 65535 65535\r\n" % (_WIDEST, _WIDEST)
LONGEST_UNKNOWN = b"PROXY UNKNOWN %b %b 65535 65535\r\n" % (_WIDEST, _WIDEST)


def binary(command: int, family: int, addresses: bytes = b"", extensions: bytes = b"") -> bytes:
    rest = addresses + extensions
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


def inet(client: str, *, family: int = 0x11, extensions: bytes = b"") -> bytes:
    there = "192.0.2.1" if family < 0x20 else "2001:db8::1"
    packed = ip_address(client).packed + ip_address(there).packed + struct.pack("!HH", 40000, 443)
    return binary(0x21, family, packed, extensions)


def told(header: bytes) -> str | None:
    """What a *header* says that a request follows."""
    assert measured(header + REQUEST) == len(header)
    return source(header)


def refused(data: bytes) -> bool:
    try:
        end = measured(data)
        assert end is not None
        source(data[:end])
    except RequestRejected:
        return True
    return False


@pytest.mark.parametrize(
    ("header", "client"),
    [
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n", "203.0.113.9"),
        (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0"),
        (b"PROXY TCP6 2001:DB8:0::9 2001:db8::1 40000 443\r\n", "2001:db8::9"),
        (b"PROXY TCP6 ::ffff:203.0.113.9 ::1 1 2\r\n", "203.0.113.9"),
        (LONGEST_TCP4, "255.255.255.255"),
        (LONGEST_TCP6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        (b"PROXY UNKNOWN\r\n", None),
        (LONGEST_UNKNOWN, None),
        (b"PROXY UNKNOWN anything at all\r\n", None),
        (inet("203.0.113.9"), "203.0.113.9"),
        (inet("203.0.113.9", family=0x12), "203.0.113.9"),
        (inet("2001:db8::9", family=0x21), "2001:db8::9"),
        (inet("::ffff:203.0.113.9", family=0x22), "203.0.113.9"),
        (inet("203.0.113.9", extensions=b"\x04\x00\x03abc\x03\x00\x04\0\0\0\0"), "203.0.113.9"),
        (inet("203.0.113.9", extensions=bytes(LONGEST - 28)), "203.0.113.9"),
        (binary(0x20, 0x00), None),
        (binary(0x20, 0x11, bytes(12)), None),
        (binary(0x20, 0xFF, b"whatever"), None),
        (binary(0x21, 0x00), None),
        (binary(0x21, 0x00, b"whatever"), None),
        (binary(0x21, 0x31, bytes(216)), None),
        (binary(0x21, 0x32, bytes(216)), None),
    ],
)
def test_what_the_specification_allows_is_read(header: bytes, client: str | None) -> None:
    assert told(header) == client


def test_the_longest_lines_are_as_long_as_the_specification_says() -> None:
    assert [len(each) for each in (LONGEST_TCP4, LONGEST_TCP6, LONGEST_UNKNOWN)] == [56, 104, LONGEST_LINE]


@pytest.mark.parametrize(
    "data",
    [
        REQUEST,
        b"\x16\x03\x01\x00\x05hello",
        b"proxy TCP4 203.0.113.9 192.0.2.1 40000 443\r\n",
        b" PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n",
        b"PROXY  TCP4 203.0.113.9 192.0.2.1 40000 443\r\n",
        b"PROXY TCP4  203.0.113.9 192.0.2.1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443 \r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 40000\r 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 40000\r\n",
        b"PROXY TCP4 203.0.113.09 192.0.2.1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.256 192.0.2.1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.9 nowhere 40000 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.256 40000 443\r\n",
        b"PROXY TCP4 2001:db8::9 2001:db8::1 40000 443\r\n",
        b"PROXY TCP6 203.0.113.9 192.0.2.1 40000 443\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::1 40000 443\r\n",
        b"PROXY TCP6 2001:::9 2001:db8::1 40000 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 65536 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 65536\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 040000 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 +4000 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 -1 443\r\n",
        b"PROXY TCP5 203.0.113.9 192.0.2.1 40000 443\r\n",
        b"PROXY UDP4 203.0.113.9 192.0.2.1 40000 443\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY\r\n",
        b"PROXY UNKNOWN" + b" " * (LONGEST_LINE - 14) + b"\r\n",
        b"PROXY TCP4 " + b"1" * LONGEST_LINE,
        SIGNATURE[:11] + b"\x0b" + bytes(20),
        binary(0x11, 0x11, bytes(12)),
        binary(0x01, 0x11, bytes(12)),
        binary(0x31, 0x11, bytes(12)),
        binary(0x22, 0x11, bytes(12)),
        binary(0x2F, 0x11, bytes(12)),
        binary(0x21, 0x10, bytes(12)),
        binary(0x21, 0x13, bytes(12)),
        binary(0x21, 0x01, bytes(12)),
        binary(0x21, 0x41, bytes(12)),
        binary(0x21, 0x11, bytes(11)),
        binary(0x21, 0x21, bytes(35)),
        binary(0x21, 0x31, bytes(215)),
        binary(0x21, 0x11),
        binary(0x21, 0x00, bytes(LONGEST - 15)),
        binary(0x20, 0x00, bytes(65535)),
    ],
)
def test_I21_anything_else_is_no_header(data: bytes) -> None:
    assert refused(data)


def test_I21_a_line_without_end_is_refused_as_soon_as_it_is_too_long() -> None:
    line = b"PROXY TCP4 " + b"1" * LONGEST_LINE
    assert measured(line[: LONGEST_LINE - 1]) is None
    with pytest.raises(RequestRejected):
        measured(line[:LONGEST_LINE])


def test_I21_a_length_beyond_the_bound_is_refused_before_it_comes() -> None:
    with pytest.raises(RequestRejected):
        measured(SIGNATURE + struct.pack("!BBH", 0x21, 0x11, LONGEST - 15))


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
ports = st.integers(0, 65535)


def line(client: IPv4Address | IPv6Address, port: int) -> bytes:
    there = "192.0.2.1" if client.version == 4 else "2001:db8::1"
    return f"PROXY TCP{client.version} {client} {there} {port} 443\r\n".encode()


headers = st.one_of(
    st.builds(line, addresses, ports),
    st.builds(
        lambda client, more: inet(str(client), family=0x11 if client.version == 4 else 0x21, extensions=more),
        addresses,
        st.binary(max_size=200),
    ),
    st.sampled_from((b"PROXY UNKNOWN\r\n", binary(0x20, 0x00), binary(0x21, 0x00))),
)


@given(addresses, ports)
def test_both_versions_name_the_same_client(client: IPv4Address | IPv6Address, port: int) -> None:
    mapped = client.ipv4_mapped if isinstance(client, IPv6Address) else None
    family = 0x11 if client.version == 4 else 0x21
    assert told(line(client, port)) == told(inet(str(client), family=family)) == str(mapped or client)


@given(headers, st.binary(max_size=40))
def test_where_a_header_ends_is_known_from_its_own_bytes_alone(header: bytes, after: bytes) -> None:
    assert measured(header + after) == len(header)
    assert all(measured(header[:size]) is None for size in range(len(header)))


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda rest: SIGNATURE + rest),
        st.binary(max_size=120).map(lambda rest: b"PROXY " + rest),
    )
)
def test_I21_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    try:
        end = measured(data)
    except RequestRejected:
        return
    if end is None:
        assert len(data) < LONGEST
        return
    assert 0 < end <= len(data)
    try:
        client = source(data[:end])
    except RequestRejected:
        return
    assert client is None or str(ip_address(client)) == client


@given(headers, st.data())
def test_I21_one_byte_changed_is_another_header_or_none(header: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, min(len(header), 15) - 1))
    changed = bytearray(header)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        end = measured(bytes(changed) + REQUEST * 10)
        client = source((bytes(changed) + REQUEST * 10)[:end])
    except RequestRejected:
        return
    assert client is None or re.fullmatch(r"[0-9a-f.:]+", client)


async def test_exactly_the_header_is_taken_in_whatever_pieces_it_comes() -> None:
    for header, client in (
        (LONGEST_TCP4, "255.255.255.255"),
        (inet("2001:db8::9", family=0x21), "2001:db8::9"),
    ):
        for size in (1, 5, 11, 16, len(header), len(header) + 3):
            ours, theirs = socket.socketpair()
            with ours, theirs:
                ours.setblocking(False)
                taking = asyncio.create_task(take_header(ours))
                whole = header + REQUEST
                for start in range(0, len(whole), size):
                    await asyncio.sleep(0)
                    theirs.send(whole[start : start + size])
                async with asyncio.timeout(10):
                    assert await taking == client
                assert ours.recv(1000) == REQUEST


@pytest.mark.parametrize("piece", [b"", b"PROXY TCP4", SIGNATURE])
async def test_I21_a_connection_that_ends_before_its_header_is_refused(piece: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        theirs.send(piece)
        theirs.close()
        with pytest.raises(RequestRejected):
            async with asyncio.timeout(10):
                await take_header(ours)
