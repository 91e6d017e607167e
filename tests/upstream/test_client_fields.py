"""What of a client's head goes on: no word of it for one hop, none that only a gateway says."""

import pytest

from gateway.errors import LoopDetected
from gateway.upstream.client_fields import AUTHORIZATION, ClientFields
from gateway.upstream.reserved import Reserved
from tests.fakes.dressing import COOKIES, TOLD, inbound

TOLD_OF = (
    b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: wiki.example.com\r\n"
    b"Via: 1.1 vestibule\r\nX-Request-Id: "
)


def fields() -> ClientFields:
    return ClientFields(Reserved((TOLD,)).requests, COOKIES)


def kept(*headers: tuple[bytes, bytes], but: frozenset[bytes] = frozenset(), **facts: object) -> list[bytes]:
    """Return the lines that go on, without those that tell where they came from."""
    lines = fields().lines(inbound(*headers, **facts), but=but)
    assert lines.endswith(TOLD_OF)
    return lines.removesuffix(TOLD_OF).split(b"\r\n")[:-1]


def said(name: bytes, *headers: tuple[bytes, bytes], **facts: object) -> bytes:
    """Return what the one line *name* says."""
    lines = fields().lines(inbound(*headers, **facts), but=frozenset()).split(b"\r\n")
    (line,) = (line for line in lines if line.startswith(name + b": "))
    return line.removeprefix(name + b": ")


def test_what_is_said_to_the_next_hop_goes_on_as_it_was_written() -> None:
    assert kept((b"aCCept", b"*/*"), (b"X-A", b"caf\xe9")) == [b"aCCept: */*", b"X-A: caf\xe9"]


def test_I04_protected_names_in_connection_are_ignored() -> None:
    assert kept(
        (b"Connection", b"cookie, authorization, content-type, x-hop"),
        (b"Cookie", b"a=1"),
        (b"Authorization", b"Basic x"),
        (b"Content-Type", b"text/plain"),
        (b"X-Hop", b"1"),
    ) == [b"Cookie: a=1", b"Authorization: Basic x", b"Content-Type: text/plain"]


def test_H23_upgrades_are_not_passed_on() -> None:
    assert not kept(
        (b"Connection", b"Upgrade, HTTP2-Settings"), (b"Upgrade", b"h2c"), (b"HTTP2-Settings", b"AAM")
    )


def test_H25_expect_is_never_forwarded() -> None:
    assert not kept((b"Expect", b"100-continue"), length=1)


def test_I16_an_emptied_cookie_line_goes_and_others_stay() -> None:
    lines = ((b"Cookie", b"__Host-session=x"), (b"cookie", b"b=2"), (b"Cookie", b"c=3; session.0=y"))
    assert kept(*lines) == [b"cookie: b=2", b"Cookie: c=3"]
    assert fields().cookies(inbound(*lines)) == b"b=2; c=3"


def test_I18_what_the_gateway_takes_over_is_left_out_by_any_spelling() -> None:
    told = ((b"X_Access.Token", b"1"), (b"AUTHORIZATION", b"Bearer x"), (b"Accept", b"*/*"))
    assert kept(*told, but=AUTHORIZATION) == [b"X_Access.Token: 1", b"Accept: */*"]
    assert kept(*told, but=frozenset({b"x-access-token"})) == [b"AUTHORIZATION: Bearer x", b"Accept: */*"]


def test_lines_are_laid_out_once_for_a_head_and_never_taken_for_those_without_a_field() -> None:
    ours, asked = fields(), inbound((b"Authorization", b"Basic x"))
    for but in (frozenset[bytes](), AUTHORIZATION, frozenset({b"accept"})):
        first = ours.lines(asked, but=but)
        assert (b"Basic" in first) is (but != AUTHORIZATION)
        assert (ours.lines(asked, but=but) is first) is (but in (frozenset(), AUTHORIZATION))


@pytest.mark.parametrize("via", [b"1.1 vestibule", b"1.0 a, 1.1 Vestibule (x)", b"HTTP/1.1 vestibule"])
def test_I20_our_own_via_is_a_loop(via: bytes) -> None:
    with pytest.raises(LoopDetected):
        kept((b"Via", via))


def test_the_via_of_others_is_continued() -> None:
    via = ((b"Via", b"1.0 fred"), (b"via", b"1.1 vestibules.example"))
    assert said(b"Via", *via) == b"1.0 fred, 1.1 vestibules.example, 1.1 vestibule"


def test_the_vetted_chain_is_continued_by_the_peer() -> None:
    forged, vetted = (b"X-Forwarded-For", b"6.6.6.6"), ("203.0.113.9", "2001:db8::1")
    assert said(b"X-Forwarded-For", forged, forwarded_for=vetted) == b"203.0.113.9, 2001:db8::1, 192.0.2.7"
    assert said(b"X-Forwarded-For", forged, peer="unix:") == b"unknown"  # RFC 7239 6.2
