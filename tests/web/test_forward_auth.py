"""A proxy in front asks about a request: the decision and what it is told are those of the proxy itself."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.admission import Admission
from tests.fakes.bearers import access_token
from tests.fakes.browser import Browser
from tests.fakes.clock import FakeClock
from tests.fakes.databases import opened
from tests.fakes.front import Door, front
from tests.fakes.gateway import HOST
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawAnswer, RawConnection, get

AUTH = "/.gateway/auth"
TRUSTING = 'trusted_proxies = ["127.0.0.1/32"]\n'
TABLES = """
[[routes]]
path = "/open"
upstream = "{upstream}"
access = "public"
[[routes]]
path = "/maybe"
upstream = "{upstream}"
access = "optional"
[[routes]]
path = "/admin"
upstream = "{upstream}"
roles = ["admin"]
[[routes]]
path = "/fresh"
upstream = "off"
max_auth_age = "5m"
[[routes]]
path = "/off"
upstream = "off"
[[routes]]
path = "/named"
upstream = "off"
audience = "reports"
[[routes]]
path = "/legacy"
upstream = "off"
identity = { headers = { Remote-User = "email" }, assertion = "off" }
[[routes]]
path = "/seldom"
upstream = "off"
rate_limit = { requests = 2, per = "1m" }
[[routes]]
path = "/spelled"
upstream = "{upstream}"
allow_in_path = ["//"]
"""
NAVIGATION = ("Sec-Fetch-Mode: navigate", "Accept: text/html")
BY_STATUS, BY_REDIRECT = "X-Original", "X-Forwarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    door: Door
    issuer: HostileIssuer
    clock: FakeClock

    @property
    def url(self) -> str:
        return self.door.gateway.url

    async def signed_in(self) -> Browser:
        browser = self.door.gateway.browser()
        assert (await browser.navigate(f"{self.url}/")).status == 200
        return browser

    async def cookie(self) -> str:
        return as_line(await self.signed_in())

    async def ask(
        self, path: str, *lines: str, method: str = "GET", manner: str = BY_REDIRECT, at: str = AUTH
    ) -> RawAnswer:
        """Ask about *method* on *path* as a trusted proxy does."""
        uri = "Uri" if manner == BY_REDIRECT else "URI"
        said = [f"{manner}-{uri}: {path}", f"{manner}-Method: {method}", *passed_on()]
        return await self.door.send(get(at, *said, *lines, host="vestibule:8080"))

    async def sent(self, path: str, *lines: str, method: str = "GET") -> dict[str, str]:
        """Return what our own upstream is told of the caller of the same request."""
        request = await self.door.passes(get(path, *lines, *passed_on(), host=HOST, method=method))
        return about_the_caller(request)


def passed_on() -> tuple[str, ...]:
    return (f"X-Forwarded-Host: {HOST}", "X-Forwarded-Proto: https", "X-Forwarded-For: 198.51.100.7")


def about_the_caller(head: bytes) -> dict[str, str]:
    """The fields of a head that say who calls, those with an empty value left out."""
    pairs = [
        line.decode("latin-1").partition(":") for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    ]
    named = [(name.lower(), value.strip()) for name, _, value in pairs]
    ours = [(name, value) for name, value in named if name.startswith(("x-user-", "x-gateway-", "remote-"))]
    assert len(ours) == len(dict(ours)), head
    return {name: value for name, value in ours if value}


def as_line(browser: Browser) -> str:
    return "Cookie: " + "; ".join(f"{name}={value}" for name, value in browser.cookies[HOST].items())


@asynccontextmanager
async def asked(
    folder: Path, *, top: str = TRUSTING, name: str = "Zoë, 100%", api: str = ""
) -> AsyncIterator[Asked]:
    clock = FakeClock()
    async with HostileIssuer(clock=clock) as issuer:
        issuer.users["alice"]["name"] = name
        async with front(
            folder,
            route_keys="",
            tables=TABLES + api.replace("ISSUER", issuer.url) if top else "",
            issuer=issuer,
            top=top,
            clock=clock,
        ) as door:
            yield Asked(door=door, issuer=issuer, clock=clock)


@pytest.mark.parametrize("manner", [BY_STATUS, BY_REDIRECT])
async def test_B061_the_proxy_is_told_the_very_bytes_that_an_upstream_of_ours_gets(
    tmp_path: Path, manner: str
) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        told = await at.ask("/page?x=1", cookie, manner=manner)
        assert told.status == 200
        assert about_the_caller(told.head) == await at.sent("/page?x=1", cookie)
        assert about_the_caller(told.head)["x-user-name"] == "Zo%C3%AB, 100%25"
        assert told.body == b""
        assert told.values("cache-control") == [b"private, no-store"]


async def test_I05_each_name_of_ours_that_is_not_told_is_answered_empty(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        names = ["x-user-id", "x-user-email", "x-user-roles", "x-gateway-assertion", "remote-user"]
        for answer in (
            await at.ask("/open", cookie),
            await at.ask("/maybe"),
            await at.ask("/maybe", "X-User-Id: admin", "Remote-User: admin"),
        ):
            assert answer.status == 200
            assert [answer.values(name) for name in names] == [[b""]] * len(names)
        legacy = await at.ask("/legacy", cookie)
        assert legacy.values("remote-user") == [b"alice@example.com"]
        assert [legacy.values(name) for name in names[:-1]] == [[b""]] * 4


async def test_I16_the_cookies_come_back_without_ours(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        assert (await at.ask("/", cookie)).values("cookie") == [b""]
        answer = await at.ask("/", f"{cookie}; theme=dark", "Cookie: lang=de")
        assert answer.values("cookie") == [b"theme=dark; lang=de"]


@pytest.mark.parametrize(
    ("path", "audience"),
    [("/off", f"https://{HOST}"), ("/named", "reports")],
)
async def test_B063_an_assertion_is_for_the_origin_asked_or_for_whom_the_route_says(
    tmp_path: Path, path: str, audience: str
) -> None:
    async with asked(tmp_path) as at:
        assertion = about_the_caller((await at.ask(path, await at.cookie())).head)["x-gateway-assertion"]
        assert claimed(assertion)["aud"] == audience


async def test_a_request_that_comes_to_us_on_a_route_without_upstream_is_404(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        for _ in range(2):  # the fast lane knows the session by the second time
            await at.door.refused(get("/off", cookie, *passed_on(), host=HOST), 404, closes=False)


@pytest.mark.parametrize(
    ("line", "cookies", "status"),
    [
        ("GET /", (), 401),
        ("POST /admin", (), 401),
        ("GET /page/../admin", (), 400),
        ("GET /a%2fb", (), 400),
        ("GET /.gateway/signin", (), 404),
        ("GET /.GATEWAY/signin", (), 404),
        ("GET /", ("Cookie: __Host-session=garbage",), 401),
        ("GET /", ("Cookie: __Host-session=\xff\x00x",), 400),
        ("TRACE /open", (), 405),
    ],
)
@pytest.mark.parametrize("manner", [BY_STATUS, BY_REDIRECT])
async def test_B061_I06_it_decides_as_for_that_request(
    tmp_path: Path, line: str, cookies: tuple[str, ...], status: int, manner: str
) -> None:
    method, _, path = line.partition(" ")
    async with asked(tmp_path) as at:
        answer = await at.ask(path, *cookies, method=method, manner=manner)
        assert answer.status == status
        assert about_the_caller(answer.head) == {}


async def test_B070_whoever_may_not_pass_gets_403_and_a_role_is_asked_for_at_once(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        assert (await at.ask("/admin", cookie)).status == 403
        user = about_the_caller((await at.ask("/", cookie)).head)["x-user-id"]
        async with opened(tmp_path, at.clock) as database:
            await database.users.change_roles(user, grant=["admin"])
        told = about_the_caller((await at.ask("/admin", cookie)).head)
        assert (told["x-user-id"], told["x-user-roles"]) == (user, "admin")


async def test_a_navigation_is_led_to_sign_in_at_an_absolute_address_and_back(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        led = await at.ask("/page?x=1&y=%26", *NAVIGATION)
        told = await at.ask("/page?x=1&y=%26", *NAVIGATION, manner=BY_STATUS)
        assert (led.status, told.status) == (302, 401)
        assert led.values("location") == told.values("location")
        assert told.values("www-authenticate")
        where = urlsplit(led.values("location")[0].decode())
        assert (where.scheme, where.netloc, where.path) == ("https", HOST, "/.gateway/signin")
        assert parse_qs(where.query) == {"return_to": ["/page?x=1&y=%26"]}
    lines = at.door.gateway.events("request")
    assert [line["reason"] for line in lines if line["path"] == "/page"] == ["anonymous"] * 2


async def test_a_step_up_is_led_and_told_alike(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        assert (await at.ask("/fresh", cookie)).status == 200
        at.clock.advance(331)
        led = await at.ask("/fresh", cookie, *NAVIGATION)
        assert led.status == 302
        assert b"route=/fresh" in led.values("location")[0]
        told = await at.ask("/fresh", cookie, manner=BY_STATUS)
        assert told.status == 401
        assert b"insufficient_user_authentication" in told.values("www-authenticate")[0]


@pytest.mark.parametrize("manner", [BY_STATUS, BY_REDIRECT])
async def test_B061_the_200_carries_a_renewed_cookie(tmp_path: Path, manner: str) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        assert (await at.ask("/", cookie, manner=manner)).values("set-cookie") == []
        at.clock.advance(601)
        (renewed,) = (await at.ask("/", cookie, manner=manner)).values("set-cookie")
        assert renewed.startswith(b"__Host-session=")


async def test_nginx_is_given_no_piece_of_a_session_of_several(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        at.issuer.users["alice"]["groups"] = [
            f"group-{number:04}-{hash(str(number)):x}" for number in range(100)
        ]
        browser = await at.signed_in()
        assert len([name for name in browser.cookies[HOST] if "session" in name]) > 1
        at.clock.advance(601)
        assert (await at.ask("/", as_line(browser), manner=BY_STATUS)).values("set-cookie") == []
        assert len((await at.ask("/", as_line(browser))).values("set-cookie")) > 1
        assert (await at.ask("/", as_line(browser), manner=BY_STATUS)).status == 200


async def test_envoy_asks_below_our_path_with_the_method_itself(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        length = "Content-Length: 0"
        told = await at.door.send(
            get(f"{AUTH}/page?x=1", cookie, *passed_on(), length, host=HOST, method="POST")
        )
        assert about_the_caller(told.head) == await at.sent("/page?x=1", cookie, length, method="POST")
        assert (
            await at.door.send(get(f"{AUTH}/spelled//a%20b", cookie, *passed_on(), host=HOST))
        ).status == 200
        assert (await at.door.send(get(f"{AUTH}/page//b", cookie, *passed_on(), host=HOST))).status == 400
        led = await at.door.send(get(f"{AUTH}/page?x=1", *passed_on(), *NAVIGATION, host=HOST))
        assert led.status == 302
        assert b"return_to=/page%3Fx%3D1" in led.values("location")[0]


async def test_B062_a_token_decides_alone_and_is_answered_empty(tmp_path: Path) -> None:
    api = (
        '[[routes]]\npath = "/api"\nupstream = "off"\n'
        'bearer = { issuer = "ISSUER", audience = "https://api.example.com", scopes = ["read"] }\n'
    )
    async with asked(tmp_path, api=api) as at:
        cookie = await at.cookie()
        token = access_token(at.issuer, sub="reports")
        told = await at.ask("/api", cookie, f"Authorization: Bearer {token}")
        assert told.status == 200
        assert told.values("x-user-id") == [f"bearer:{at.issuer.url}#reports".encode()]
        assert told.values("authorization") == [b""]
        for manner in (BY_STATUS, BY_REDIRECT):
            bad = await at.ask("/api", cookie, "Authorization: Bearer x.y.z", *NAVIGATION, manner=manner)
            assert bad.status == 401
            assert about_the_caller(bad.head) == {}
        assert (await at.ask("/api", cookie)).values("x-user-email") == [b"alice@example.com"]


async def test_a_rate_limit_counts_what_is_asked_about(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        answers = [await at.ask("/seldom", cookie) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert answers[-1].values("retry-after")


async def test_only_get_asks_where_fields_say_the_method(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        answer = await at.door.send(get(AUTH, *passed_on(), host=HOST, method="POST"))
        assert (answer.status, answer.values("allow")) == (405, [b"GET, HEAD"])


async def test_B059_I07_who_is_no_proxy_of_ours_is_refused_and_the_log_says_why(tmp_path: Path) -> None:
    async with asked(tmp_path, top="") as at:
        cookie = await at.cookie()
        answer = await at.door.send(
            get(AUTH, cookie, "X-Forwarded-Uri: /", "X-Forwarded-Method: GET", *passed_on(), host=HOST)
        )
        assert answer.status == 403
        assert about_the_caller(answer.head) == {}
        assert json.loads(answer.body)["error"] == "proxy_not_trusted"
    assert decided(at) == ("deny", "proxy")
    (event,) = at.door.gateway.events("forward_auth.refused")
    assert (event["peer"], event["detail"]) == ("127.0.0.1", "the peer is not in trusted_proxies")


async def test_a_question_that_contradicts_itself_is_400_and_the_log_says_why(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        assert (await at.ask("/", await at.cookie(), "X-Original-URI: /open")).status == 400
    assert decided(at) == ("deny", "original")
    (event,) = at.door.gateway.events("forward_auth.refused")
    assert event["detail"] == "two fields say different things of the original target"


def decided(at: Asked) -> tuple[object, object]:
    """Return the last request's decision and its reason, as the log has them."""
    line = at.door.gateway.events("request")[-1]
    return line["decision"], line["reason"]


async def test_log_and_metrics_are_about_the_request_that_was_asked_about(tmp_path: Path) -> None:
    async with asked(tmp_path) as at:
        await at.ask("/admin/users?q=1", await at.cookie(), method="POST")
        async with await RawConnection.open(at.door.gateway.admin_port) as connection:
            await connection.write(get("/metrics", "Connection: close", host="localhost"))
            metrics = (await connection.answer()).body.decode()
        assert [
            line for line in metrics.splitlines() if 'decision="deny"' in line and 'route="/admin"' in line
        ]
    line = at.door.gateway.events("request")[-1]
    told = [line[name] for name in ("method", "host", "path", "status", "decision", "route", "client_ip")]
    assert told == ["POST", HOST, "/admin/users", 403, "deny", "/admin", "198.51.100.7"]


async def test_B060_whatever_nobody_foresaw_is_never_200(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with asked(tmp_path) as at:
        cookie = await at.cookie()
        monkeypatch.setattr(Admission, "authorize", broken)
        for manner in (BY_STATUS, BY_REDIRECT):
            answer = await at.ask("/open", cookie, manner=manner)
            assert answer.status == 500
            assert about_the_caller(answer.head) == {}


def claimed(assertion: str) -> dict[str, object]:
    part = assertion.split(".")[1]
    told: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return told
