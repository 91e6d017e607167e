"""Identity headers and forwarded metadata (group I), over sockets and behind a real sign-in."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.front import Door, front
from tests.fakes.gateway import HOST, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawAnswer, get, send_raw
from tests.fakes.upstream import RecordingUpstream, ok

OPEN = """
[[routes]]
path = "/open"
upstream = "{upstream}"
access = "public"
[[routes]]
path = "/maybe"
upstream = "{upstream}"
access = "optional"
"""
OURS = ("x-user-id", "x-user-email", "x-gateway-assertion")


@asynccontextmanager
async def signed_in(folder: Path, *, top: str = "") -> AsyncIterator[tuple[Door, str]]:
    """A gateway that wants people, and the `Cookie` line of one whom it knows."""
    async with (
        HostileIssuer() as issuer,
        front(folder, route_keys="", tables=OPEN, issuer=issuer, top=top) as door,
    ):
        browser = door.gateway.browser()
        page = await browser.navigate(f"{door.gateway.url}/")
        assert page.status == 200, page.answer
        door.upstream.requests.clear()
        yield door, f"Cookie: __Host-session={browser.cookie(door.gateway.url, '__Host-session')}"


def fields(request: bytes) -> dict[str, list[str]]:
    """The fields of a request, by lower-case name."""
    found: dict[str, list[str]] = {}
    for each in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = each.decode("latin-1").partition(": ")
        found.setdefault(name.lower(), []).append(value)
    return found


async def told(
    door: Door, path: str, *lines: str, status: int = 200, method: str = "GET"
) -> dict[str, list[str]]:
    """What the upstream is told when the client sends *lines*."""
    return fields(await door.passes(get(path, *lines, host=HOST, method=method), status))


def claims(assertion: str) -> dict[str, object]:
    part = assertion.split(".")[1]
    decoded: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


async def test_I01_forged_identity_is_replaced_by_exactly_one_of_ours(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (door, cookie):
        forged = ("X-User-Id: admin", "x-user-id: root", "X-USER-EMAIL: a@b.c", "X-Gateway-Assertion: x.y.z")
        got = await told(door, "/", cookie, *forged)
        honest = await told(door, "/", cookie)
        for name in OURS[:2]:
            assert got[name] == honest[name]
            assert len(got[name]) == 1
        assert got["x-user-email"] == ["alice@example.com"]
        assert claims(got["x-gateway-assertion"][0])["sub"] == got["x-user-id"][0]


async def test_I02_names_that_fold_to_ours_are_removed(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (door, cookie):
        got = await told(door, "/", cookie, "X_User_Id: admin", "X-User_Id: admin", "x.user.id: admin")
        assert "admin" not in str(got)
        assert (await told(door, "/", cookie, "X--User-Id: admin"))["x--user-id"] == ["admin"]
        for name in ("X-User-Id\x85", "X-User-Id ", "X-User-Id\xa0", "X-User-Id\x00"):
            await door.refused(get("/", cookie, f"{name}: admin", host=HOST), 400)


async def test_I03_connection_cannot_strip_what_we_add(tmp_path: Path) -> None:
    named = "Connection: close, X-User-Id, X-Gateway-Assertion, X-Forwarded-For, Via, X-Request-Id"
    async with signed_in(tmp_path) as (door, cookie):
        got = await told(door, "/", cookie, named, "X-Private: 1", "Connection: x-private")
        for name in (*OURS, "x-forwarded-for", "via", "x-request-id"):
            assert len(got[name]) == 1
        assert "x-private" not in got
        assert "connection" not in got


async def test_I04_protected_names_in_connection_are_ignored_and_framing_is_400(tmp_path: Path) -> None:
    named = "Connection: host, cookie, authorization, x-forwarded-for"
    async with signed_in(tmp_path) as (door, cookie):
        got = await told(door, "/", f"{cookie}; theirs=1", named, "Authorization: Basic eDp5")
        assert got["cookie"] == ["theirs=1"]
        assert got["authorization"] == ["Basic eDp5"]
        assert len(got["host"]) == len(got["x-forwarded-for"]) == 1
        for framing in ("content-length", "close, Transfer-Encoding"):
            await door.refused(get("/", cookie, f"Connection: {framing}", host=HOST), 400)


@pytest.mark.parametrize("path", ["/open", "/maybe"])
async def test_I05_identity_is_stripped_on_every_way_to_an_upstream(tmp_path: Path, path: str) -> None:
    forged = ("X-User-Id: admin", "X_User_Email: a@b.c", "X-Gateway-Assertion: x", "x.user.roles: admin")
    async with signed_in(tmp_path) as (door, cookie):
        for method in ("GET", "OPTIONS"):
            preflight = ("Origin: https://x.example", "Access-Control-Request-Method: GET")
            got = await told(door, path, *forged, *(preflight if method == "OPTIONS" else ()), method=method)
            assert not [name for name in got if name.startswith(("x-user", "x_user", "x.user", "x-gateway"))]
        got = await told(door, path, cookie, *forged)
        assert ("x-user-id" in got) is (path == "/maybe")
        assert "admin" not in str(got)


async def test_I06_a_malformed_session_is_nobody(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (door, cookie):
        forged = ["", "x", "a.b.c.d.e", cookie[:-5], cookie[30:] * 2, "\xff" * 50, f'"{cookie}"', "=" * 300]
        for value in forged:
            sent = value if value == cookie[:-5] else f"Cookie: __Host-session={value}"
            answer = await door.refused(get("/", sent, host=HOST), 401, closes=False)
            assert json.loads(answer.body)["error"] == "login_required"
            page = get("/", sent, "Sec-Fetch-Mode: navigate", host=HOST)
            await door.refused(page, 302, closes=False)


CLAIMED = (
    "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http", "X-Forwarded-Host: evil.example",
    "Forwarded: for=203.0.113.9;host=evil.example", "X-Real-IP: 203.0.113.9", "True-Client-IP: 203.0.113.9",
    "CF-Connecting-IP: 203.0.113.9", "Client-Cert: :AAAA:", "X-Original-URL: /admin", "X-Original-Host: evil",
    "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /x", "X_Forwarded_For: 203.0.113.9",
)  # fmt: skip


async def test_I07_forwarding_fields_of_a_stranger_are_removed(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        got = await told(door, "/", *CLAIMED)
        assert got["x-forwarded-for"] == ["127.0.0.1"]
        assert (got["x-forwarded-proto"], got["x-forwarded-host"]) == (["https"], [HOST])
        assert "203.0.113.9" not in str(got)
        assert "evil" not in str(got)
        assert "client-cert" not in got
    assert {line["client_ip"] for line in door.gateway.events("request")} == {"127.0.0.1"}


async def test_I07_a_trusted_proxy_is_believed_as_far_as_it_is_trusted(tmp_path: Path) -> None:
    trusting = 'trusted_proxies = ["127.0.0.0/8", "10.0.0.0/8"]'
    async with front(tmp_path, top=trusting) as door:
        got = await told(
            door, "/", "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.1.1.1", "X-Forwarded-Proto: http"
        )
        assert got["x-forwarded-for"] == ["203.0.113.9, 10.1.1.1, 127.0.0.1"]
        assert got["x-forwarded-proto"] == ["http"]
        for garbled in ("X-Forwarded-For: unknown", "X-Forwarded-Proto: ftp", "X-Forwarded-Host: a b"):
            await door.refused(get("/", garbled, host=HOST), 400)
        await door.refused(get("/", "X-Forwarded-Host: evil.example", host=HOST), 421)
    assert "203.0.113.9" in {line["client_ip"] for line in door.gateway.events("request")}


async def test_I08_rewrites_and_overrides_are_removed(tmp_path: Path) -> None:
    lines = [
        "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-Original-Method: DELETE", "_method: DELETE",
        "X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE", "X-HTTP-Method: DELETE", "Proxy: evil",
        "x_http_method_override: DELETE", "X.Original.URL: /admin",
    ]  # fmt: skip
    async with front(tmp_path) as door:
        got = str(await told(door, "/", *lines))
        for word in ("DELETE", "admin", "evil"):
            assert word not in got


async def test_I09_no_header_of_the_clients_choice_opens_anything(tmp_path: Path) -> None:
    lines = [
        "User-Agent: kube-probe/1.30", "User-Agent: GoogleHC/1.0", "X-Debug: 1", "X-User-Id: admin",
        "Authorization: Bearer x", "Sec-Fetch-Mode: cors", "X-Forwarded-For: 127.0.0.1", "Via: 1.1 trusted",
        "X-Forwarded-Uri: /open", "X-Original-URL: /open", "Referer: https://app.example.com/open",
    ]  # fmt: skip
    async with signed_in(tmp_path) as (door, _):
        for line in lines:
            await door.refused(get("/", line, host=HOST), 401, closes=False)


async def test_I16_our_cookies_are_cut_out_and_others_keep_their_bytes(tmp_path: Path) -> None:
    theirs = 'a=1;  b="x y" ;c;__Host-other=2; session2=3;sessions=4'
    async with signed_in(tmp_path) as (door, cookie):
        ours = (
            "; __Host-session-csrf=x; __Host-session-login-abc=y; session=z; __Secure-session=q; session.1=p"
        )
        got = await told(door, "/", f"{cookie}{ours}; {theirs}")
        assert got["cookie"] == [theirs]
        assert "cookie" not in await told(door, "/", f"{cookie}{ours}")
        assert (await told(door, "/open", f"Cookie: {theirs}{ours}"))["cookie"] == [theirs]


SET = [
    b"__Host-session=evil; Path=/; Secure",
    b"__HOST-SESSION=evil",
    b" __Host-session =evil",
    b"session=evil",
    b"__Secure-session=evil",
    b"__Host-session=; Max-Age=0",
    b"\t__Host-session\t=evil",
    b"__Host-session-csrf=evil",
    b"session.0=evil",
    b"__Host-session-login-x=evil",
    b"=session=evil",
    b"= __Host-session=evil",
    b"session",
]


async def test_I17_an_upstream_cannot_set_a_cookie_of_ours(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        lines = [b"Set-Cookie:" + (each if each.startswith(b"\t") else b" " + each) for each in SET]
        door.upstream.answer_with(
            ok(b"hello", *lines, b"Set-Cookie: theirs=1; Path=/", b"set-cookie: sessions=2")
        )
        answer = await door.send(get("/", host=HOST))
        assert answer.values("set-cookie") == [b"theirs=1; Path=/", b"sessions=2"]
    refusals = door.gateway.events("upstream.cookie_refused")
    assert len(refusals) == len(SET)
    assert {(line["outcome"], line["route"]) for line in refusals} == {("refused", "/")}


async def test_I18_what_an_upstream_could_reflect_is_short_lived_and_for_it_alone(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (door, cookie):
        got = await told(door, "/", cookie)
        told_of = claims(got["x-gateway-assertion"][0])
        assert int(str(told_of["exp"])) - int(str(told_of["iat"])) <= 60
        assert str(door.upstream.port) in str(told_of["aud"])
        assert "authorization" not in got


async def test_I19_a_cookie_and_a_bearer_token_are_never_mixed(tmp_path: Path) -> None:
    async with signed_in(tmp_path) as (door, cookie):
        alone = await told(door, "/", cookie)
        both = await told(door, "/", cookie, "Authorization: Bearer somebody.else.x")
        assert both["x-user-id"] == alone["x-user-id"]
        assert both["authorization"] == ["Bearer somebody.else.x"]
        await door.refused(get("/", "Authorization: Bearer somebody.else.x", host=HOST), 401, closes=False)


async def test_I20_a_loop_is_seen(tmp_path: Path) -> None:
    async with front(tmp_path) as door:
        for via in ("1.1 vestibule", "1.0 a, 1.1 vestibule (x), 1.1 b", "1.1 VESTIBULE"):
            await door.refused(get("/", f"Via: {via}", host=HOST), 508, closes=False)
        assert (await told(door, "/", "Via: 1.0 front"))["via"] == ["1.0 front, 1.1 vestibule"]


async def test_I20_a_gateway_before_a_gateway_ends_there(tmp_path: Path) -> None:
    async with (
        RecordingUpstream() as up,
        running_gateway(tmp_path, upstream=up.url, route_keys='access = "public"') as inner,
    ):
        again = f'[upstreams.again]\nurls = ["http://127.0.0.1:{inner.port}"]\npreserve_host = true\n'
        async with running_gateway(
            tmp_path, upstream="again", route_keys='access = "public"', tables=again
        ) as outer:
            answer: RawAnswer = (await send_raw(outer.port, get("/", host=HOST)))[0]
            assert answer.status == 508
            assert up.connections == 0
