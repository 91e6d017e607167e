"""The Host field has one canonical spelling, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestRejected
from gateway.front.host import canonical_host


@pytest.mark.parametrize(
    ("raw", "scheme", "host"),
    [
        (b"Wiki.Example.COM", "https", "wiki.example.com"),
        (b"wiki.example.com.", "https", "wiki.example.com"),
        (b"wiki.example.com:443", "https", "wiki.example.com"),
        (b"wiki.example.com.:443", "https", "wiki.example.com"),
        (b"wiki.example.com:80", "https", "wiki.example.com:80"),
        (b"localhost:8080", "http", "localhost:8080"),
        (b"127.0.0.1:80", "http", "127.0.0.1"),
        (b"[::1]:8080", "http", "[::1]:8080"),
        (b"[0:0::1]", "http", "[::1]"),
    ],
)
def test_a_host_is_written_in_one_way(raw: bytes, scheme: str, host: str) -> None:
    assert canonical_host(raw, scheme) == host


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"a@evil",
        b"a/b",
        b"a b",
        b"a\x00",
        b"a:",
        b"a:0",
        b"a:080",
        b"a:65536",
        b"a:8x",
        b"a:1:2",
        b"a..b",
        b".a",
        b"a..",
        b"a" * 300,
        b"a" * 64 + b".b",
        b"caf\xc3\xa9",
        b"[::1",
        b"[::1]x",
        b"[fe80::1%25eth0]",
        b"[x]",
        b"a,b",
        b"a#b",
        b"a?b",
    ],
)
def test_a_malformed_host_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestRejected):
        canonical_host(raw, "http")


@given(st.binary(max_size=40), st.sampled_from(["http", "https"]))
def test_a_canonical_host_is_its_own_canonical_form(raw: bytes, scheme: str) -> None:
    try:
        host = canonical_host(raw, scheme)
    except RequestRejected:
        return
    assert canonical_host(host.encode("ascii"), scheme) == host
    assert host == host.lower()
