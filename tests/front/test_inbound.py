"""A raw request becomes an inbound, or the error that names its fault."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.errors import (
    CodingUnsupported,
    ExpectationRefused,
    GatewayError,
    HeadTooLarge,
    MethodRefused,
    Misdirected,
    RequestRejected,
    TargetTooLong,
    VersionUnsupported,
)
from gateway.front.forwarded import TrustedProxies
from gateway.front.inbound import RawRequest, Receiver
from gateway.front.limits import Limits
from gateway.model.inbound import Inbound

HOST = (b"Host", b"app.example.com")
LIMITS = Limits()


def receiver() -> Receiver:
    return Receiver(
        scheme="https",
        serves=lambda host: host == "app.example.com",
        proxies=TrustedProxies([ip_network("10.0.0.0/8")]),
        limits=LIMITS,
        next_id=lambda: "r1",
    )


def raw(*headers: tuple[bytes, bytes], **changes: object) -> RawRequest:
    plain = RawRequest(
        method="GET", target="/", version=(1, 1), headers=(HOST, *headers), peer="198.51.100.1"
    )
    return replace(plain, **changes)


def receive(request: RawRequest) -> Inbound:
    return receiver().receive(request, "r1")


def test_a_plain_request_is_understood() -> None:
    inbound = receive(raw((b"X-A", b"1"), target="/a%20b?q=1"))
    assert (inbound.path, inbound.query, inbound.target) == ("/a b", b"q=1", b"/a%20b?q=1")
    assert (inbound.host, inbound.scheme, inbound.client_ip) == ("app.example.com", "https", "198.51.100.1")
    assert inbound.headers == (HOST, (b"X-A", b"1"))
    assert not inbound.has_body


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (raw((b"Content-Length", b"1"), (b"Transfer-Encoding", b"chunked")), RequestRejected),
        (raw((b"Transfer-Encoding", b"gzip, chunked")), CodingUnsupported),
        (raw((b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")), CodingUnsupported),
        (raw((b"Transfer-Encoding", b"chunked"), version=(1, 0)), RequestRejected),
        (raw((b"Content-Length", b"010")), RequestRejected),
        (raw((b"Content-Length", b"1"), (b"Content-Length", b"1")), RequestRejected),
        (raw((b"Content-Length", b"+1")), RequestRejected),
        (raw((b"Content-Length", b"9" * 19)), RequestRejected),
        (raw(version=(2, 0)), VersionUnsupported),
        (raw(version=(0, 9)), VersionUnsupported),
        (raw(method="TRACE"), MethodRefused),
        (raw(method="CONNECT"), MethodRefused),
        (raw(method="get"), RequestRejected),
        (raw(method=""), RequestRejected),
        (raw(HOST), RequestRejected),
        (raw(headers=()), RequestRejected),
        (raw(headers=((b"Host", b"other.example.com"),)), Misdirected),
        (raw((b"Expect", b"200-ok")), ExpectationRefused),
        (raw((b"Connection", b"close, Content-Length")), RequestRejected),
        (raw(target="http://app.example.com/"), RequestRejected),
        (raw(target="/" + "a" * LIMITS.request_line), TargetTooLong),
        (raw(*[(b"X", b"y")] * LIMITS.fields), HeadTooLarge),
        (raw(*[(b"X", b"y" * 9000)] * 4), HeadTooLarge),
    ],
)
def test_each_fault_has_its_error(request_: RawRequest, error: type[GatewayError]) -> None:
    with pytest.raises(error) as caught:
        receive(request_)
    assert type(caught.value) is error


def test_the_bounds_are_met_exactly() -> None:
    longest = "/" + "a" * (LIMITS.request_line - 12 - len("GET") - 1)
    assert receive(raw(target=longest)).path == longest
    with pytest.raises(TargetTooLong):
        receive(raw(target=longest + "a"))
    receive(raw(*[(b"X", b"y")] * (LIMITS.fields - 1)))


@pytest.mark.parametrize(
    ("headers", "method", "navigation"),
    [
        (((b"Sec-Fetch-Mode", b"navigate"),), "GET", True),
        (((b"Sec-Fetch-Mode", b"navigate"),), "HEAD", True),
        (((b"Sec-Fetch-Mode", b"navigate"),), "POST", False),
        (((b"Sec-Fetch-Mode", b"cors"), (b"Accept", b"text/html")), "GET", False),
        (((b"Accept", b"text/html,*/*"),), "GET", True),
        (((b"Accept", b"*/*"),), "GET", False),
        ((), "GET", False),
    ],
)
def test_a_navigation_is_told_by_fetch_metadata_or_accept(
    headers: tuple[tuple[bytes, bytes], ...], method: str, navigation: bool
) -> None:
    assert receive(raw(*headers, method=method)).navigation is navigation


def test_forwarding_fields_count_from_trusted_peers_only() -> None:
    fields = ((b"X-Forwarded-For", b"203.0.113.9"), (b"X-Forwarded-Proto", b"http"))
    assert receive(raw(*fields)).client_ip == "198.51.100.1"
    assert receive(raw(*fields)).scheme == "https"
    trusted = receive(raw(*fields, peer="10.0.0.1"))
    assert (trusted.client_ip, trusted.scheme) == ("203.0.113.9", "http")


def test_a_forwarded_host_must_be_ours_too() -> None:
    with pytest.raises(Misdirected):
        receive(raw((b"X-Forwarded-Host", b"evil.example"), peer="10.0.0.1"))


def test_expect_is_noted_for_http_1_1_only() -> None:
    expecting = (b"Expect", b"100-Continue")
    assert receive(raw(expecting)).expects_continue
    assert not receive(raw(expecting, version=(1, 0))).expects_continue


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Expect", b"Accept"]
            ),
            st.binary(max_size=20),
        ),
        max_size=5,
    ),
    st.text(max_size=30),
    st.text(max_size=8),
)
def test_any_head_is_understood_or_refused(
    headers: list[tuple[bytes, bytes]], target: str, method: str
) -> None:
    try:
        inbound = receive(raw(*headers, target=target, method=method))
    except GatewayError:
        return
    assert inbound.host == "app.example.com"
    assert not (inbound.chunked and inbound.length is not None)


FIELDS = st.lists(
    st.sampled_from(
        [
            (b"Accept", b"text/html"),
            (b"Sec-Fetch-Mode", b"navigate"),
            (b"Content-Length", b"5"),
            (b"Expect", b"100-continue"),
            (b"X-Forwarded-For", b"203.0.113.9"),
            (b"Cookie", b"a=b"),
        ]
    ),
    max_size=4,
)
TARGETS = st.sampled_from(["/", "/a", "/a/../b", "/a;b", "//c", "/d?e", "/%2e", "/x" * 5000, "nonsense"])


@given(
    st.tuples(FIELDS, TARGETS, st.sampled_from(["GET", "HEAD", "POST"])),
    st.tuples(FIELDS, TARGETS, st.sampled_from(["GET", "HEAD", "POST"])),
)
def test_a_request_means_the_same_whatever_came_before_it(
    first: tuple[list[tuple[bytes, bytes]], str, str], second: tuple[list[tuple[bytes, bytes]], str, str]
) -> None:
    def read(given: tuple[list[tuple[bytes, bytes]], str, str], previous: Inbound | None) -> Inbound | str:
        headers, target, method = given
        try:
            request = raw(*headers, target=target, method=method, peer="10.0.0.1")
            return receiver().receive(request, "r2", previous=previous)
        except GatewayError as error:
            return type(error).__name__

    before = read(first, None)
    afresh, after = read(second, None), read(second, before if isinstance(before, Inbound) else None)
    if isinstance(afresh, str) or isinstance(after, str):
        assert afresh == after
        return
    assert replace(afresh, notes=after.notes) == after
    assert after.notes.size == afresh.notes.size


def test_what_was_worked_out_from_the_same_fields_is_handed_on() -> None:
    first = receive(raw((b"X-A", b"1"), target="/a"))
    again = receiver().receive(raw((b"X-A", b"1"), target="/b"), "r2", previous=first)
    other = receiver().receive(raw((b"X-A", b"2"), target="/b"), "r3", previous=first)
    assert again.notes is first.notes
    assert (again.path, again.request_id) == ("/b", "r2")
    assert other.notes is not first.notes


ASKS = ((b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"WebSocket"))


@pytest.mark.parametrize(
    ("request_", "asks"),
    [
        (raw(*ASKS), True),
        (raw(*ASKS, (b"Content-Length", b"0")), True),
        (raw(*ASKS, (b"Content-Length", b"1")), False),
        (raw(*ASKS, (b"Transfer-Encoding", b"chunked")), False),
        (raw(*ASKS, method="POST"), False),
        (raw(*ASKS, version=(1, 0)), False),
        (raw(*ASKS, (b"Upgrade", b"h2c")), False),
        (raw(ASKS[0], (b"Upgrade", b"websocket, h2c")), False),
        (raw(ASKS[1]), False),
        (raw(ASKS[1], (b"Connection", b"close")), False),
        (raw(ASKS[0]), False),
    ],
)
def test_H23_one_whole_handshake_asks_for_a_websocket(request_: RawRequest, *, asks: bool) -> None:
    assert receive(request_).websocket is asks
