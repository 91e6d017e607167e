from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.settings.addresses import (
    Cidr,
    HostPattern,
    IssuerUrl,
    Listen,
    PublicUrl,
    UpstreamUrl,
    _host_pattern,
    _issuer_url,
    is_loopback,
    listen_address,
    url,
    within,
)
from gateway.settings.refusal import Refused


def takes(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example",
        "https://a.example:8443",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:80801"[:-1],
    ],
)
def test_a_public_url_is_an_origin(text: str) -> None:
    assert takes(PublicUrl, text)


@pytest.mark.parametrize(
    "text",
    ["http://a.example", "https://a.example/", "https://a.example/x", "https://a.example?x", "https://a.example#x",
     "https://u@a.example", "https://u:p@a.example", "https://A.example", "HTTPS://a.example",
     "https://a.example:443",
     "http://localhost:80", "https://a.example.", "https://", "https://:8080", "a.example", "ftp://a.example",
     "",     "https://a.example:0", "https://a.example:99999", "https://a b", "https://a\\@b", "https://bücher.example",
     "https://[::0001]", "https://010.0.0.1", "https://127.1", "https://0x7f.1", "https://a..b", "https://*.a.example"],
)  # fmt: skip
def test_C04_anything_but_a_canonical_origin_is_no_public_url(text: str) -> None:
    assert not takes(PublicUrl, text)


def test_an_issuer_keeps_its_path_and_final_slash() -> None:
    text = "https://login.example.com/realms/a/"
    assert TypeAdapter(IssuerUrl).validate_python(text) == text
    assert takes(IssuerUrl, "http://localhost:9400")


@pytest.mark.parametrize(
    "text", ["http://login.example.com", "https://a.example?x=1", "https://a.example#x", "x"]
)
def test_C04_an_issuer_is_https_without_query_or_fragment(text: str) -> None:
    assert not takes(IssuerUrl, text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [("http://10.0.0.5:3000", "http://10.0.0.5:3000"), ("https://app.internal/", "https://app.internal")],
)
def test_an_upstream_is_an_origin(text: str, origin: str) -> None:
    assert TypeAdapter(UpstreamUrl).validate_python(text) == origin


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("unix:/run/app.sock", True),
        ("unix:app.sock", False),
        ("unix://run/app.sock", False),
        ("unix:/", True),
        ("unix:/a b", False),
        ("unix:/" + "a" * 107, False),
    ],
)
def test_a_member_may_be_a_unix_socket(text: str, sound: bool) -> None:
    assert takes(UpstreamUrl, text) is sound


@pytest.mark.parametrize("text", ["http://a/x", "http://a?x", "http://u:p@a", "ws://a", "a:3000"])
def test_an_upstream_with_anything_more_is_refused(text: str) -> None:
    assert not takes(UpstreamUrl, text)


def test_a_refused_url_never_repeats_its_password() -> None:
    with pytest.raises(Refused) as caught:
        url("https://user:canary@a.example")
    assert "canary" not in f"{caught.value}{caught.value.suggestion}"


@pytest.mark.parametrize(
    ("text", "ok"),
    [("wiki.example.com", True), ("*.example.com", True), ("localhost", True), ("10.0.0.1", True),
     ("[::1]", True), ("*.com", False), ("*", False), ("a.*.com", False), ("*a.example.com", False),
     ("Wiki.example.com", False),
     ("wiki.example.com.", False), ("wiki.example.com:80", False), ("wiki/x", False),
     ("", False), ("-a.example", False),
     ("*.10.0.0.1", False), ("xn--bcher-kva.example", True), ("bücher.example", False),
     ("a_b.example", True)],
)  # fmt: skip
def test_a_host_is_canonical_and_a_wildcard_stands_in_front(text: str, ok: bool) -> None:
    assert takes(HostPattern, text) is ok


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "0.0.0.0:0", "[::]:443", "localhost:65535"])
def test_a_socket_is_host_and_port(text: str) -> None:
    assert takes(Listen, text)


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "*:8080", "127.0.0.1", "::1:80", "a:65536", "unix:/run/x", "a:x"]
)
def test_anything_else_is_no_socket(text: str) -> None:
    assert not takes(Listen, text)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("127.0.0.1:80", "localhost:80", True), ("0.0.0.0:80", "127.0.0.1:80", True),
     ("0.0.0.0:80", "10.0.0.1:80", False),
     ("127.0.0.1:80", "127.0.0.1:81", False), ("127.0.0.1:0", "127.0.0.1:0", False),
     ("10.0.0.1:80", "10.0.0.1:80", True)],
)  # fmt: skip
def test_two_names_of_one_socket_are_told(one: str, other: str, same: bool) -> None:
    assert listen_address(one).overlaps(listen_address(other)) is same


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("10.0.0.0/8", True),
        ("::1/128", True),
        ("10.0.0.1", True),
        ("10.0.0.1/8", False),
        ("x", False),
        (5, False),
    ],
)
def test_a_network_has_no_host_bits(text: object, ok: bool) -> None:
    assert takes(Cidr, text) is ok


def test_a_network_is_handed_on_as_one() -> None:
    assert TypeAdapter(Cidr).validate_python("10.0.0.0/8") == ip_network("10.0.0.0/8")


def test_loopback_is_what_never_leaves_this_machine() -> None:
    assert all(map(is_loopback, ["localhost", "a.localhost", "127.8.8.8", "::1"]))
    assert not any(map(is_loopback, ["localhost.example.com", "10.0.0.1", "notlocalhost"]))


def test_a_host_is_within_a_domain_by_whole_labels() -> None:
    assert within("a.example.com", "example.com")
    assert within("example.com", "example.com")
    assert not within("badexample.com", "example.com")


@given(
    text=st.text(max_size=40) | st.text("htps:/[]@.#?a0:1", max_size=30).map(lambda rest: f"https://{rest}")
)
def test_any_text_is_taken_apart_into_its_own_canonical_origin_or_refused(text: str) -> None:
    try:
        found = url(text)
    except Refused:
        return
    again = url(found.origin)
    assert (again.scheme, again.host, again.port, again.rest) == (found.scheme, found.host, found.port, "")
    assert again.origin == found.origin


def test_an_issuer_is_not_where_its_discovery_document_lies() -> None:
    with pytest.raises(Refused) as caught:
        _issuer_url("https://a.example/realms/x/.well-known/openid-configuration")
    assert caught.value.suggestion == 'write "https://a.example/realms/x"'


@pytest.mark.parametrize(
    ("written", "suggestion"), [("*", "leave it out"), ("https://a.example", "wiki"), ("a.example/x", "wiki")]
)
def test_a_host_that_is_none_is_told_what_to_write(written: str, suggestion: str) -> None:
    with pytest.raises(Refused) as caught:
        _host_pattern(written)
    assert suggestion in caught.value.suggestion
