"""The head that an upstream sees, byte for byte, and the order in which it is made."""

import base64
import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.errors import IdentityUnrepresentable
from gateway.model.grant import Token
from gateway.model.inbound import Inbound
from gateway.model.route import Forwarded, Forwarding, IdentityHeaders, Route
from gateway.model.session import Session
from gateway.model.upstream import Member, Upstream
from gateway.upstream.identity import IdentityLines
from tests.fakes.clock import FakeClock
from tests.fakes.dressing import (
    QUIET,
    TOLD,
    dresser,
    inbound,
    lines_of,
    session,
    told_route,
    values,
)

TRACE = b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"
ADDED = [
    b"X-Forwarded-For: 192.0.2.7",
    b"X-Forwarded-Proto: https",
    b"X-Forwarded-Host: wiki.example.com",
    b"Via: 1.1 vestibule",
    b"X-Request-Id: req-1",
    b"traceparent: " + TRACE,
]


def test_the_whole_head_byte_for_byte() -> None:
    request = inbound(
        (b"aCCept", b"*/*"), (b"Cookie", b"a=1; __Host-session=x"), (b"X-A", b"caf\xe9"), length=3
    )
    outbound = dresser().dress(request, told_route(), session())
    assert outbound.head == (
        b"GET /page?x=1 HTTP/1.1\r\nHost: 127.0.0.1:9401\r\naCCept: */*\r\nCookie: a=1\r\nX-A: caf\xe9\r\n"
        + b"\r\n".join(ADDED)
        + b"\r\nX-User-Id: u-1\r\nX-User-Email: ann@example.com\r\nX-User-Name: Ann\r\n"
        b"X-User-Roles: admin,editor\r\nX-User-Groups: staff\r\nContent-Length: 3\r\n\r\n"
    )
    assert outbound.has_body


def test_U30_nothing_else_is_added() -> None:
    assert lines_of(dresser().dress(inbound(), told_route(), None)) == [b"Host: 127.0.0.1:9401", *ADDED]


def test_the_upstreams_host_or_the_original_one() -> None:
    kept = Upstream(
        name="a", members=(Member(tls=True, host="app", port=443),), audience="a", preserve_host=True
    )
    other = Upstream(name="a", members=(Member(tls=True, host="::1", port=443),), audience="a")
    for upstream, host in ((kept, b"wiki.example.com"), (other, b"[::1]")):
        assert values(dresser().dress(inbound(), told_route(upstream=upstream), None), b"host") == [host]


def test_the_prefix_is_stripped_where_the_route_says_so() -> None:
    request = inbound(target=b"/wiki/a%20b?x", path="/wiki/a b")
    head = dresser().dress(request, told_route("/wiki", strip_prefix=True), None).head
    assert head.startswith(b"GET /a%20b?x HTTP/1.1\r\n")


def test_H10_a_body_on_get_keeps_its_framing() -> None:
    assert values(dresser().dress(inbound(length=0), told_route(), None), b"content-length") == [b"0"]
    chunked = dresser().dress(inbound((b"Transfer-Encoding", b"chunked"), chunked=True), told_route(), None)
    assert lines_of(chunked)[-1] == b"Transfer-Encoding: chunked"
    assert chunked.chunked
    assert chunked.has_body


def test_I05_on_a_route_without_a_session_nothing_of_an_identity_is_left() -> None:
    request = inbound((b"X-User-Id", b"admin"), (b"x_user_roles", b"admin"), (b"X.Gateway.Assertion", b"e"))
    outbound = dresser(told_route(identity=TOLD)).dress(request, told_route(identity=TOLD), None)
    assert lines_of(outbound) == [b"Host: 127.0.0.1:9401", *ADDED]


def test_names_of_other_routes_are_reserved_too() -> None:
    plain = told_route("/plain", identity=QUIET)
    with_legacy = told_route("/legacy", identity=TOLD)
    outbound = dresser(plain, with_legacy).dress(inbound((b"X_Gateway_Assertion", b"e")), plain, session())
    assert not values(outbound, b"x_gateway_assertion")


def test_I03_connection_removes_no_line_of_ours() -> None:
    request = inbound(
        (b"Connection", b"close, X-User-Id, X-Forwarded-For, Via, Host, X-Hop"), (b"X-Hop", b"1")
    )
    outbound = dresser().dress(request, told_route(), session())
    assert values(outbound, b"x-user-id") == [b"u-1"]
    assert lines_of(outbound)[:7] == [b"Host: 127.0.0.1:9401", *ADDED]


@pytest.mark.parametrize(("asked", "allowed"), [(True, True), (True, False), (False, True)])
def test_H23_a_websocket_is_asked_for_where_both_say_so(*, asked: bool, allowed: bool) -> None:
    fields = ((b"Connection", b"Upgrade, X-Secret"), (b"Upgrade", b"websocket"), (b"X-Secret", b"1"))
    outbound = dresser().dress(inbound(*fields, websocket=asked), told_route(websocket=allowed), None)
    ours = [b"Connection: Upgrade", b"Upgrade: websocket"] if asked and allowed else []
    assert lines_of(outbound) == [b"Host: 127.0.0.1:9401", *ADDED, *ours]
    assert outbound.upgrade is bool(ours)


def test_a_trace_is_continued_or_begun() -> None:
    state = (b"tracestate", b"a=1")
    continued = dresser().dress(inbound((b"traceparent", b"00-evil"), state), told_route(), None)
    begun = dresser().dress(
        inbound((b"traceparent", b"00-evil"), state, traceparent=None), told_route(), None
    )
    assert values(continued, b"traceparent") == [TRACE]
    assert values(continued, b"tracestate") == [b"a=1"]
    assert values(begun, b"traceparent") == [b"00-" + b"11" * 16 + b"-" + b"11" * 8 + b"-01"]
    assert not values(begun, b"tracestate")


def test_the_assertion_follows_the_plain_headers() -> None:
    route = told_route(identity=TOLD)
    lines = lines_of(dresser(route).dress(inbound(), route, session()))
    assert lines[-2] == b"X-User-Groups: staff"
    assert lines[-1].startswith(b"X-Gateway-Assertion: ey")


def test_I10_an_identity_that_cannot_be_told_stops_the_request() -> None:
    with pytest.raises(IdentityUnrepresentable):
        dresser().dress(inbound(), told_route(), session(user_id="u\n"))


def test_prepared_lines_follow_the_identity_not_the_token_alone() -> None:
    ours, route = dresser(), told_route()
    ours.dress(inbound(), route, session())
    changed = ours.dress(inbound(), route, session(roles=("guest",)))
    assert values(changed, b"x-user-roles") == [b"guest"]


def test_routes_with_one_session_do_not_share_their_lines() -> None:
    ours = dresser()
    silent = told_route("/silent", identity=QUIET.__class__(headers=(), assertion=None))
    assert values(ours.dress(inbound(), told_route(), session()), b"x-user-id") == [b"u-1"]
    assert values(ours.dress(inbound(), silent, session()), b"x-user-id") == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.headers._RENDERED_KEPT", 3)
    ours, route = dresser(), told_route()
    for number in range(9):
        ours.dress(inbound(), route, session(token_id=str(number)))
    assert len(ours._rendered) == 3


CLIENTS = (
    (b"Connection", b"x-hop, x-user-id, cookie"),
    (b"X-Hop", b"1"),
    (b"X_User_Id", b"admin"),
    (b"Cookie", b"a=1; __Host-session=x"),
    (b"X-Forwarded-For", b"6.6.6.6"),
)


def test_G2_no_order_of_the_clients_headers_changes_the_outcome() -> None:
    ours, route = dresser(), told_route()
    heads = {
        ours.dress(inbound(*order, traceparent="t"), route, session()).head for order in permutations(CLIENTS)
    }
    assert len(heads) == 1
    assert b"\r\nX-User-Id: u-1\r\n" in heads.pop()


NAME = st.sampled_from(
    (
        b"X-User-Id",
        b"x_user.roles",
        b"Connection",
        b"X-Hop",
        b"Accept",
        b"Cookie",
        b"Via",
        b"Content.Length",
        b"TE",
    )
)
VALUE = st.sampled_from((b"admin", b"x-user-id, x-hop", b"a=1; session=2", b"1.0 x", b"close"))


@given(st.lists(st.tuples(NAME, VALUE), max_size=8))
def test_G2_no_mixture_of_headers_doubles_or_removes_a_line_of_ours(
    fields: list[tuple[bytes, bytes]],
) -> None:
    outbound = dresser().dress(inbound(*fields), told_route(), session())
    folded = [
        line.partition(b":")[0].lower().replace(b"_", b"-").replace(b".", b"-") for line in lines_of(outbound)
    ]
    for name in (b"host", b"x-user-id", b"x-user-roles", b"via", b"x-forwarded-for", b"x-request-id"):
        assert folded.count(name) == 1
    assert not {b"content-length", b"te", b"connection"} & set(folded)
    assert values(outbound, b"accept") == [value for name, value in fields if name == b"Accept"]


FORWARDING = Forwarding(token=Forwarded.ACCESS_TOKEN)
TOKEN = Token(value="at-1", received_at=0)


@pytest.mark.parametrize("name", [b"Authorization", b"AUTHORIZATION", b"authorization"])
def test_I18_the_issuers_token_replaces_whatever_the_client_wrote_there(name: bytes) -> None:
    route = told_route(forwarding=FORWARDING)
    request = inbound((name, b"Basic eDp5"), (b"X-A", b"1"), (name, b"Bearer forged"))
    for token, expected in ((TOKEN, [b"Bearer at-1"]), (None, [])):
        outbound = dresser(route).dress(request, route, session(), token)
        assert values(outbound, b"authorization") == expected
        assert values(outbound, b"x-a") == [b"1"]


def test_I18_no_connection_option_takes_the_token_away() -> None:
    route = told_route(forwarding=FORWARDING)
    request = inbound((b"Connection", b"authorization, x-a"), (b"X-A", b"1"), (b"Authorization", b"x"))
    outbound = dresser(route).dress(request, route, session(), TOKEN)
    assert (values(outbound, b"authorization"), values(outbound, b"x-a")) == ([b"Bearer at-1"], [])


def test_a_route_that_forwards_nothing_leaves_the_clients_own_word_and_adds_none() -> None:
    request = inbound((b"Authorization", b"Basic eDp5"))
    outbound = dresser().dress(request, told_route(), session(), TOKEN)
    assert values(outbound, b"authorization") == [b"Basic eDp5"]


def test_I02_a_header_that_a_route_forwards_tokens_in_is_reserved_on_every_route() -> None:
    forwards = told_route(
        "/tokens", forwarding=Forwarding(token=Forwarded.ID_TOKEN, header="X-Id-Token", scheme=None)
    )
    request = inbound((b"x_id_token", b"forged"), (b"X-Id-Token", b"forged"))
    both = dresser(forwards, told_route())
    assert values(both.dress(request, forwards, session(), TOKEN), b"x-id-token") == [b"at-1"]
    plain = both.dress(request, told_route(), session())
    assert b"forged" not in plain.head


def test_B061_a_proxy_in_front_is_told_the_lines_that_an_upstream_gets_and_every_other_name_empty() -> None:
    own = told_route(forwarding=FORWARDING, identity=TOLD)
    legacy = told_route("/old", identity=IdentityHeaders(headers=(("Remote-User", "email"),), assertion=None))
    both, who = dresser(own, legacy), session(name="Zoë", groups=())
    request = inbound((b"Cookie", b"__Host-session=x; a=1"), (b"X-User-Id", b"forged"))
    told = both.tell(request, own, who, TOKEN)
    sent = lines_of(both.dress(request, own, who, TOKEN))
    said = [name + b": " + value for name, value in told if value]
    assert said[:-1] == [
        line for line in sent if line.startswith((b"X-User", b"X-Gateway", b"Authorization"))
    ]
    assert said[-1] == b"Cookie: a=1"
    empty = {name for name, value in told if not value}
    assert empty == {b"x-user-groups", b"x-user-roles", b"remote-user"} - {
        line.partition(b":")[0].lower() for line in sent
    }


def test_I05_of_nobody_a_proxy_in_front_is_told_every_name_empty() -> None:
    forwards = told_route("/tokens", forwarding=FORWARDING)
    told = dict(dresser(told_route()).tell(inbound((b"X-User-Id", b"forged")), forwards, None))
    assert set(told.values()) == {b""}
    assert {b"x-user-id", b"x-gateway-assertion", b"authorization", b"Cookie"} <= set(told)
    assert b"authorization" not in dict(dresser().tell(inbound(), told_route(), None))


def test_B063_without_an_upstream_the_audience_is_the_origin_asked_unless_the_route_says_it() -> None:
    for facts, audience in [
        ({"upstream": None}, "https://wiki.example.com"),
        ({"upstream": None, "audience": "reports"}, "reports"),
        ({"audience": "reports"}, "reports"),
        ({}, "app"),
    ]:
        asked = told_route(identity=TOLD, **facts)
        told = dict(dresser(asked).tell(inbound(), asked, session()))
        assert audience_of(told[b"X-Gateway-Assertion"]) == audience


def audience_of(assertion: bytes) -> object:
    part = assertion.split(b".")[1]
    return json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))["aud"]


@pytest.mark.parametrize(
    ("request_", "route"),
    [
        (inbound(), told_route()),
        (inbound((b"Cookie", b"a=1"), (b"X-A", b"caf\xe9"), method="HEAD"), told_route()),
        (inbound(target=b"/wiki/a%20b?x", path="/wiki/a b"), told_route("/wiki", strip_prefix=True)),
        (inbound(traceparent=TRACE.decode()), told_route()),
        (inbound(), told_route(identity=TOLD)),
        (inbound(length=0), told_route()),
        (inbound(length=3, method="POST"), told_route()),
    ],
    ids=["plain", "fields", "prefix", "trace", "assertion", "empty", "body"],
)
@pytest.mark.parametrize("who", [session(), None], ids=["somebody", "nobody"])
def test_a_mould_gives_what_dressing_gives_each_request(
    request_: Inbound, route: Route, who: Session | None
) -> None:
    made = dresser()
    mould = made.mould(request_, route, who)
    assert mould is not None
    for number in ("req-1", "req-2"):
        assert made.cast(mould, number) == made.dress(replace(request_, request_id=number), route, who)


def test_a_mould_is_worn_out_with_its_assertion() -> None:
    clock = FakeClock()
    made = dresser(clock=clock)
    mould = made.mould(inbound(), told_route(identity=TOLD), session())
    assert mould is not None
    assert made.cast(mould, "req-2") is not None
    clock.advance(31)
    assert made.cast(mould, "req-3") is None


@pytest.mark.parametrize(
    ("request_", "route"),
    [
        (inbound(chunked=True), told_route()),
        (inbound(websocket=True), told_route(websocket=True)),
        (inbound(), told_route(forwarding=FORWARDING)),
    ],
    ids=["chunks", "upgrade", "token"],
)
def test_what_no_two_requests_share_has_no_mould(request_: Inbound, route: Route) -> None:
    assert dresser().mould(request_, route, session()) is None


def test_what_a_session_is_told_as_is_rendered_once_for_all_routes_that_tell_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendered: list[Session] = []
    render = IdentityLines.render

    def counted(lines: IdentityLines, session: Session) -> bytes:
        rendered.append(session)
        return render(lines, session)

    monkeypatch.setattr(IdentityLines, "render", counted)
    routes = [told_route(f"/{number}") for number in range(100)]
    told, caller = dresser(*routes), session()
    assert len({told.dress(inbound(), each, caller).head for each in routes}) == 1
    assert len(rendered) == 1
    other = told_route("/other", identity=IdentityHeaders(headers=(("X-Who", "name"),), assertion=None))
    assert values(told.dress(inbound(), other, caller), b"x-who") == [b"Ann"]
