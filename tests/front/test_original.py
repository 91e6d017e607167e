"""What a proxy in front says of the request that it asks about is read in one way, or not at all."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ProxyUntrusted, RequestRejected
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import RawRequest, Receiver
from gateway.front.limits import Limits
from gateway.front.original import Originals
from gateway.model.inbound import Inbound
from gateway.model.original import Original

BASE = "/.gateway/auth"
PEER = "10.0.0.1"
FROM = (b"X-Forwarded-For", b"198.51.100.7")
TRAEFIK = {
    b"X-Forwarded-Method": b"POST",
    b"X-Forwarded-Proto": b"https",
    b"X-Forwarded-Host": b"wiki.example.com",
    b"X-Forwarded-Uri": b"/page?x=1",
}
NGINX = {
    b"X-Original-Method": b"POST",
    b"X-Original-URI": b"/page?x=1",
    b"X-Forwarded-Proto": b"https",
    b"X-Forwarded-Host": b"wiki.example.com",
}
INGRESS = {b"X-Original-Method": b"POST", b"X-Original-URL": b"https://wiki.example.com/page?x=1"}
SHAPES = {"traefik": TRAEFIK, "nginx": NGINX, "ingress": INGRESS}

PROXIES = TrustedProxies([ip_network("10.0.0.0/8")])
RECEIVER = Receiver(
    scheme="https",
    serves=lambda host: host.endswith("example.com"),
    proxies=PROXIES,
    limits=Limits(),
    next_id=lambda: "req-1",
)
ORIGINALS = Originals(RECEIVER, proxies=PROXIES, base=BASE)


def asking(
    *fields: tuple[bytes, bytes], target: str = BASE, method: str = "GET", peer: str = PEER
) -> Inbound:
    headers = ((b"Host", b"gateway.example.com"), *fields)
    raw = RawRequest(method=method, target=target, version=(1, 1), headers=headers, peer=peer)
    return RECEIVER.receive(raw, "req-1")


def read(*fields: tuple[bytes, bytes], target: str = BASE, method: str = "GET", peer: str = PEER) -> Original:
    return ORIGINALS.read(asking(*fields, target=target, method=method, peer=peer))


@pytest.mark.parametrize("shape", SHAPES)
def test_each_proxy_is_understood(shape: str) -> None:
    original = read(*SHAPES[shape].items(), FROM, (b"Cookie", b"a=1"), (b"Sec-Fetch-Mode", b"navigate"))
    inbound = original.inbound
    assert (inbound.method, inbound.target, inbound.path) == ("POST", b"/page?x=1", "/page")
    assert (inbound.scheme, inbound.host, inbound.client_ip) == ("https", "wiki.example.com", "198.51.100.7")
    assert inbound.cookies == (b"a=1",)
    assert original.by_status is (shape != "traefik")


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_about_the_question_is_no_field_of_the_request(shape: str) -> None:
    own = ((b"Content-Length", b"0"), (b"Accept", b"text/html"))
    inbound = read(*SHAPES[shape].items(), FROM, *own).inbound
    told = {name.lower() for name, _ in inbound.headers}
    assert b"accept" in told
    assert not told & {b"content-length", *(name.lower() for name in SHAPES[shape] if b"riginal" in name)}
    assert not told & {b"x-forwarded-uri", b"x-forwarded-method"}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("target", ["/", "/page?x=1", "/a%20b", "/.gateway/auth/"])
def test_envoy_asks_with_the_method_and_the_target_itself(method: str, target: str) -> None:
    host = (b"X-Forwarded-Host", b"wiki.example.com")
    original = read(host, FROM, (b"Content-Length", b"0"), target=BASE + target, method=method)
    assert (original.inbound.method, original.inbound.target) == (method, target.encode())
    assert not original.by_status


def test_B059_I07_a_peer_that_is_not_trusted_is_refused_whatever_it_says() -> None:
    for shape in SHAPES.values():
        with pytest.raises(ProxyUntrusted):
            read(*shape.items(), FROM, peer="192.0.2.1")
    with pytest.raises(ProxyUntrusted):
        read(target=f"{BASE}/page", peer="192.0.2.1")


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_said_twice_is_refused(shape: str) -> None:
    for name, value in SHAPES[shape].items():
        with pytest.raises(RequestRejected):
            read(*SHAPES[shape].items(), FROM, (name.lower(), value))


@pytest.mark.parametrize(
    "field",
    [
        (b"X-Original-URI", b"/other"),
        (b"X-Original-URI", b""),
        (b"X-Original-URL", b"https://wiki.example.com/other"),
        (b"X-Original-URL", b"https://evil.example.com/page?x=1"),
        (b"X-Original-URL", b"http://wiki.example.com/page?x=1"),
        (b"X-Original-Method", b"GET"),
        (b"X-Original-Method", b"post"),
    ],
)
def test_what_contradicts_is_refused_and_what_agrees_is_not(field: tuple[bytes, bytes]) -> None:
    with pytest.raises(RequestRejected):
        read(*TRAEFIK.items(), FROM, field)
    same = (*NGINX.items(), (b"X-Original-URL", b"https://wiki.example.com/page?x=1"))
    assert read(*TRAEFIK.items(), FROM, *same[:2], same[-1]).inbound.target == b"/page?x=1"


@pytest.mark.parametrize("left_out", [b"X-Forwarded-Method", b"X-Forwarded-Uri"])
def test_what_is_not_said_is_not_guessed(left_out: bytes) -> None:
    with pytest.raises(RequestRejected, match="no field says"):
        read(*((name, value) for name, value in TRAEFIK.items() if name != left_out), FROM)


def test_a_caller_whose_address_is_not_told_is_not_taken_for_the_proxy() -> None:
    with pytest.raises(RequestRejected, match="X-Forwarded-For"):
        read(*TRAEFIK.items())
    assert read(*TRAEFIK.items(), (b"X-Forwarded-For", b"198.51.100.7, 10.0.0.9")).inbound.client_ip == (
        "198.51.100.7"
    )


def test_a_query_of_the_question_itself_is_refused_since_it_would_restrict_nothing() -> None:
    with pytest.raises(RequestRejected, match="query"):
        read(*TRAEFIK.items(), FROM, target=f"{BASE}?allowed_groups=admin")
    assert read(*TRAEFIK.items(), FROM, target=f"{BASE}?x=1").inbound.query == b"x=1"


@pytest.mark.parametrize(
    "target",
    [
        "/../admin", "/%2e%2e/admin", "/a/./b", "/a\\b", "/a%5cb", "/%00", "/%", "/a#b", "a", "", "//host/x#",
        "https://wiki.example.com/page", "/a b", "*",
    ],
)  # fmt: skip
def test_P01_B058_a_target_that_two_parsers_could_read_differently_is_refused(target: str) -> None:
    for fields in (
        {**TRAEFIK, b"X-Forwarded-Uri": target.encode()},
        {**NGINX, b"X-Original-URI": target.encode()},
        {**INGRESS, b"X-Original-URL": b"https://wiki.example.com" + target.encode()},
    ):
        with pytest.raises(RequestRejected):
            read(*fields.items(), FROM)


@pytest.mark.parametrize("host", [b"evil.test", b"user@wiki.example.com", b"", b"a b", b"wiki.example.com:0"])
def test_a_host_that_is_not_ours_is_refused(host: bytes) -> None:
    with pytest.raises(RequestRejected):
        read(*{**INGRESS, b"X-Original-URL": b"https://" + host + b"/page"}.items(), FROM)
    with pytest.raises(RequestRejected):
        read(*{**TRAEFIK, b"X-Forwarded-Host": host}.items(), FROM)


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"get", b"", b"GET, POST", b"G\xc3\x89T"])
def test_a_method_that_is_none_is_refused(method: bytes) -> None:
    with pytest.raises(RequestRejected):
        read(*{**TRAEFIK, b"X-Forwarded-Method": method}.items(), FROM)


def test_spellings_are_left_to_the_route_as_for_a_request_of_our_own() -> None:
    original = read(*{**TRAEFIK, b"X-Forwarded-Uri": b"/a%2Fb//c;d"}.items(), FROM)
    assert original.inbound.spellings == {"%2f", "//", ";"}


@given(st.binary(max_size=40), st.sampled_from([b"X-Forwarded-Uri", b"X-Original-URI", b"X-Original-URL"]))
def test_any_bytes_are_that_very_target_or_refused(said: bytes, name: bytes) -> None:
    fields = {**TRAEFIK, name: said} if name == b"X-Forwarded-Uri" else {
        b"X-Original-Method": b"GET", b"X-Forwarded-Host": b"wiki.example.com", name: said
    }  # fmt: skip
    try:
        original = read(*fields.items(), FROM)
    except RequestRejected:
        return
    assert said.endswith(original.inbound.target)
    assert original.inbound.target.startswith(b"/")


def test_only_its_own_path_is_a_question() -> None:
    for target, asked in [
        (BASE, True),
        (f"{BASE}?x", True),
        (f"{BASE}/", True),
        (f"{BASE}/x", True),
        (f"{BASE}x", False),
        ("/.gateway/AUTH", False),
        ("/.gateway/%61uth", False),
        ("/", False),
    ]:
        assert ORIGINALS.is_asked(asking(target=target)) is asked
