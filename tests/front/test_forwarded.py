"""Forwarding fields count where a trusted proxy says them, read from the right."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.front.forwarded import TrustedProxies, parsed_address

PROXIES = TrustedProxies([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [("10.1.2.3", True), ("192.0.2.1", False), ("fd00::1", True), ("::ffff:10.1.2.3", True), ("", False)],
)
def test_a_peer_is_trusted_by_its_address(peer: str, trusted: bool) -> None:
    assert PROXIES.include(peer) is trusted
    assert TrustedProxies([]).include(peer) is False


def test_of_the_peers_that_were_looked_up_so_many_are_remembered() -> None:
    proxies = TrustedProxies([ip_network("10.0.0.0/8")])
    assert all(proxies.include(f"10.1.{number >> 8}.{number & 255}") for number in range(5000))
    assert len(proxies._known) <= 4096


@pytest.mark.parametrize(
    ("line", "client", "chain"),
    [
        (b"198.51.100.7", "198.51.100.7", ("198.51.100.7",)),
        (b"1.1.1.1, 198.51.100.7", "198.51.100.7", ("198.51.100.7",)),
        (b"1.1.1.1, 198.51.100.7, 10.9.9.9", "198.51.100.7", ("198.51.100.7", "10.9.9.9")),
        (b"10.0.0.9", "10.0.0.9", ("10.0.0.9",)),
        (b"[2001:db8::1]:443", "2001:db8::1", ("2001:db8::1",)),
        (b"198.51.100.7:1234", "198.51.100.7", ("198.51.100.7",)),
    ],
)
def test_the_rightmost_untrusted_address_is_the_client(
    line: bytes, client: str, chain: tuple[str, ...]
) -> None:
    origin = PROXIES.origin("10.0.0.1", {b"x-forwarded-for": [line]})
    assert (origin.client_ip, origin.chain) == (client, chain)


def test_several_lines_are_one_list() -> None:
    fields = {b"x-forwarded-for": [b"1.1.1.1", b"198.51.100.7"]}
    assert PROXIES.origin("10.0.0.1", fields).client_ip == "198.51.100.7"


def test_without_fields_the_peer_is_the_client() -> None:
    origin = PROXIES.origin("10.0.0.1", {})
    assert (origin.client_ip, origin.chain, origin.scheme, origin.host) == ("10.0.0.1", (), None, None)


def test_scheme_and_host_are_taken_over() -> None:
    fields = {b"x-forwarded-proto": [b"HTTPS"], b"x-forwarded-host": [b"wiki.example.com"]}
    origin = PROXIES.origin("10.0.0.1", fields)
    assert (origin.scheme, origin.host) == ("https", b"wiki.example.com")


def test_the_standard_field_counts_where_the_older_ones_are_absent() -> None:
    line = b'for=1.1.1.1, for="[2001:db8::1]:80";proto=https;host="wiki.example.com"'
    origin = PROXIES.origin("10.0.0.1", {b"forwarded": [line]})
    assert (origin.client_ip, origin.scheme, origin.host) == ("2001:db8::1", "https", b"wiki.example.com")
    both = {b"forwarded": [b"for=6.6.6.6"], b"x-forwarded-for": [b"198.51.100.7"]}
    assert PROXIES.origin("10.0.0.1", both).client_ip == "198.51.100.7"


@pytest.mark.parametrize(
    "fields",
    [
        {b"x-forwarded-for": [b"unknown"]},
        {b"x-forwarded-for": [b"1.1.1.1,,2.2.2.2"]},
        {b"x-forwarded-proto": [b"ftp"]},
        {b"x-forwarded-proto": [b"http", b"https"]},
        {b"x-forwarded-host": [b"a,b"]},
        {b"forwarded": [b"for"]},
        {b"forwarded": [b"for=1.1.1.1;for=2.2.2.2"]},
        {b"forwarded": [b"for=_hidden"]},
    ],
)
def test_what_a_trusted_proxy_garbles_is_refused(fields: dict[bytes, list[bytes]]) -> None:
    with pytest.raises(RequestRejected):
        PROXIES.origin("10.0.0.1", fields)


@given(st.binary(max_size=60), st.sampled_from([b"x-forwarded-for", b"forwarded", b"x-forwarded-proto"]))
def test_any_bytes_give_an_address_or_a_refusal(value: bytes, name: bytes) -> None:
    try:
        origin = PROXIES.origin("10.0.0.1", {name: [value]})
    except RequestRejected:
        return
    assert parsed_address(origin.client_ip) is not None
