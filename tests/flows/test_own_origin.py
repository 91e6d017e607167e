"""Whose page a request comes from, by what browsers say of themselves."""

import pytest

from gateway.flows.own_origin import acts_from_here, is_same_origin
from gateway.model.inbound import Inbound

OURS = (b"Origin", b"https://gw.example.com")
THEIRS = (b"Origin", b"https://evil.example")


def sent(*headers: tuple[bytes, bytes], method: str = "POST") -> Inbound:
    return Inbound(
        method=method,
        target=b"/",
        path="/",
        query=None,
        host="gw.example.com",
        scheme="https",
        headers=headers,
        peer="192.0.2.1",
        client_ip="192.0.2.1",
        request_id="r",
    )


def site(*words: bytes) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((b"Sec-Fetch-Site", word) for word in words)


@pytest.mark.parametrize(
    "headers", [(), site(b"same-origin"), site(b"none"), (OURS,), (*site(b"none"), THEIRS)]
)
def test_S24_our_own_pages_people_and_programs_act_from_here(
    headers: tuple[tuple[bytes, bytes], ...],
) -> None:
    assert acts_from_here(sent(*headers))


@pytest.mark.parametrize(
    "headers",
    [
        site(b"cross-site"),
        site(b"same-site"),
        site(b"Same-Origin"),
        site(b""),
        site(b"same-origin", b"same-origin"),
        (*site(b"cross-site"), OURS),
        (THEIRS,),
        (OURS, THEIRS),
        ((b"Origin", b"null"),),
        ((b"Origin", b"http://gw.example.com"),),
        ((b"Origin", b"https://gw.example.com:8443"),),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"])
def test_S24_another_site_does_not(headers: tuple[tuple[bytes, bytes], ...], method: str) -> None:
    assert not acts_from_here(sent(*headers, method=method))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_S24_whoever_only_asks_may_come_from_anywhere(method: str) -> None:
    assert acts_from_here(sent(*site(b"cross-site"), THEIRS, method=method))


def test_U15_an_origin_is_told_without_regard_to_its_case() -> None:
    assert is_same_origin(sent((b"Origin", b"HTTPS://GW.example.com"), method="GET"))
    assert is_same_origin(sent(method="GET"))
    assert not is_same_origin(sent(OURS, OURS, method="GET"))
