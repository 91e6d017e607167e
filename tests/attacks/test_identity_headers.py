"""Clients that forge, fold, double or strip identity headers (group I), and what the upstream then reads."""

from urllib.parse import unquote

import pytest

from gateway.errors import IdentityUnrepresentable, LoopDetected
from gateway.model.inbound import RawHeaders
from gateway.model.session import Session
from gateway.upstream.answer_head import AnswerHeads
from gateway.upstream.outbound import Outbound
from gateway.upstream.reserved import Reserved
from tests.fakes.dressing import TOLD, dresser, inbound, pool_at, session, told_route, upstream_at, values
from tests.fakes.upstream import RecordingUpstream

ROUTE = told_route(identity=TOLD)


def dressed(*headers: tuple[bytes, bytes], told: Session | None = None) -> Outbound:
    return dresser(ROUTE).dress(inbound(*headers), ROUTE, told)


def as_cgi(outbound: Outbound) -> dict[str, list[str]]:
    """Read the head as CGI and WSGI servers do: names folded, values as Latin-1."""
    environ: dict[str, list[str]] = {}
    for line in outbound.head.split(b"\r\n")[1:-2]:
        name, _, value = line.decode("latin-1").partition(":")
        key = name.strip().upper().replace("-", "_").replace(".", "_")
        environ.setdefault(key, []).append(value.strip())
    return environ


FORGED: list[RawHeaders] = [
    ((b"X-User-Id", b"admin"),),
    ((b"x-user-id", b"admin"), (b"X-USER-ID", b"root")),
    ((b"X_User_Id", b"admin"),),
    ((b"X-User_Id", b"admin"),),
    ((b"x.user.id", b"admin"),),
    ((b"X_USER.ID", b"admin"), (b"Connection", b"x-user-id")),
]


@pytest.mark.parametrize("forged", FORGED)
def test_I01_I02_the_upstream_reads_exactly_one_id_and_it_is_ours(forged: RawHeaders) -> None:
    assert as_cgi(dressed(*forged, told=session()))["X_USER_ID"] == ["u-1"]


@pytest.mark.parametrize("forged", FORGED)
def test_I05_without_a_session_it_reads_none(forged: RawHeaders) -> None:
    assert not {name for name in as_cgi(dressed(*forged)) if name.startswith(("X_USER", "X_GATEWAY"))}


def test_I02_a_doubled_dash_is_another_name_in_cgi_too() -> None:
    environ = as_cgi(dressed((b"X--User-Id", b"admin"), told=session()))
    assert environ["X_USER_ID"] == ["u-1"]
    assert environ["X__USER_ID"] == ["admin"]


def test_I03_connection_names_cannot_strip_ours() -> None:
    outbound = dressed(
        (b"Connection", b"close, X-User-Id, X-Gateway-Assertion, X-Forwarded-For"), told=session()
    )
    environ = as_cgi(outbound)
    assert environ["X_USER_ID"] == ["u-1"]
    assert len(environ["X_GATEWAY_ASSERTION"]) == 1
    assert environ["X_FORWARDED_FOR"] == ["192.0.2.7"]
    assert "CONNECTION" not in environ


def test_I04_protected_names_in_connection_are_ignored() -> None:
    environ = as_cgi(
        dressed(
            (b"Connection", b"host, cookie, authorization, x-forwarded-for"),
            (b"Cookie", b"a=1"),
            (b"Authorization", b"Basic x"),
        )
    )
    assert environ["COOKIE"] == ["a=1"]
    assert environ["AUTHORIZATION"] == ["Basic x"]
    assert environ["HOST"] == ["127.0.0.1:9401"]


def test_I07_forwarding_headers_of_a_stranger_are_replaced() -> None:
    forged = [
        (name, b"6.6.6.6")
        for name in (
            b"X-Forwarded-For", b"X_Forwarded_For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"Forwarded",
            b"X-Original-Host", b"X-Real-IP", b"True-Client-IP", b"CF-Connecting-IP", b"Client-Cert",
        )
    ]  # fmt: skip
    assert b"6.6.6.6" not in dressed(*forged).head


def test_I08_rewrite_and_override_headers_are_removed() -> None:
    forged = [
        (name, b"/admin")
        for name in (
            b"X-Original-URL", b"X-Rewrite-URL", b"X-Original-Method", b"X-HTTP-Method-Override",
            b"X-Method-Override", b"X-HTTP-Method", b"_method",
        )
    ]  # fmt: skip
    assert b"/admin" not in dressed(*forged).head


@pytest.mark.parametrize("value", ["admin\ud800", "a\x00", "a\rb", "a\nX-User-Id: root", "a\x85", "a\x7f"])
def test_I10_what_no_header_can_carry_stops_the_request(value: str) -> None:
    for field in ("name", "email", "user_id"):
        with pytest.raises(IdentityUnrepresentable):
            dressed(told=session(**{field: value}))
    with pytest.raises(IdentityUnrepresentable):
        dressed(told=session(groups=("staff", value)))


@pytest.mark.parametrize("value", ["é", "%C3%A9", "a\u00a0b", "\u200badmin", "\u202enimda", " admin", "日本"])
def test_I10_I11_everything_else_arrives_unaltered(value: str) -> None:
    told = as_cgi(dressed(told=session(name=value)))["X_USER_NAME"]
    assert [unquote(header) for header in told] == [value]


def test_I12_list_values_keep_their_bounds() -> None:
    groups = ("a,admin", "a;b", *[f"group-{number:03}" for number in range(500)])
    header = values(dressed(told=session(groups=groups)), b"x-user-groups")[0].decode()
    assert tuple(unquote(item) for item in header.split(",")) == groups


def test_I12_64_kib_of_groups_are_refused_never_cut() -> None:
    with pytest.raises(IdentityUnrepresentable):
        dressed(told=session(groups=tuple(f"{number:060}" for number in range(1100))))


def test_I16_our_cookies_do_not_reach_the_upstream() -> None:
    ours = b"__Host-session=x; __Host-session.1=y; __Host-session-login-ab=z; __Host-session-csrf=c"
    assert values(dressed((b"Cookie", b"a=1; " + ours + b";  b=2")), b"cookie") == [b"a=1;  b=2"]
    assert values(dressed((b"Cookie", ours)), b"cookie") == []


def test_I20_a_request_that_came_back_is_a_loop() -> None:
    first = dressed(told=session())
    returned = tuple((b"Via", value) for value in values(first, b"via"))
    with pytest.raises(LoopDetected) as told:
        dressed(*returned)
    assert told.value.status == 508


async def test_F7_the_bytes_on_the_wire_are_the_bytes_that_were_dressed() -> None:
    async with RecordingUpstream() as up:
        outbound = dressed((b"X_User_Id", b"admin"), (b"X-Latin", b"caf\xe9"), told=session())
        pool = pool_at(upstream_at(up.port), AnswerHeads(Reserved((TOLD,)).answers))
        async with pool.send(outbound) as answer:
            assert answer.head.status == 200
        assert up.requests == [outbound.head]
        await pool.close()


@pytest.mark.parametrize("peer", ["192.0.2.7", "2001:db8::7"])
def test_I07_the_peer_is_named_as_it_is(peer: str) -> None:
    outbound = dresser(ROUTE).dress(inbound(peer=peer, forwarded_for=("203.0.113.1",)), ROUTE, None)
    assert values(outbound, b"x-forwarded-for") == [f"203.0.113.1, {peer}".encode()]
