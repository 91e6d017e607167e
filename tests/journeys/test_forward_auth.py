"""Whole stories through real proxies that send the requests themselves and ask us about each."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.browser import Browser
from tests.fakes.clock import FakeClock
from tests.fakes.front_proxy import DEPLOY, FrontProxy, caddy, nginx
from tests.fakes.gateway import HOST, RunningGateway, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import RawAnswer
from tests.fakes.store_calls import watched
from tests.fakes.upstream import RecordingUpstream, ok

TOP = 'trusted_proxies = ["127.0.0.1/32"]\n'
ROUTES = """
[[routes]]
upstream = "off"
[[routes]]
path = "/open"
upstream = "off"
access = "public"
[[routes]]
path = "/admin"
upstream = "off"
roles = ["admin"]
[[routes]]
path = "/read"
upstream = "off"
methods = ["GET"]
"""
FORGED = {
    "X-User-Id": "admin",
    "X-User-Roles": "admin",
    "X_User_Id": "admin",
    "X-User_Roles": "admin",
    "X.User.Id": "admin",
    "X-Gateway-Assertion": "forged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    gateway: RunningGateway
    app: RecordingUpstream
    proxy: FrontProxy
    clock: FakeClock

    def browser(self) -> Browser:
        return self.proxy.browser(self.gateway)

    async def signed_in(self) -> Browser:
        """Return the browser of somebody who went to a page, was led to sign in, and came back."""
        browser = self.browser()
        page = await browser.navigate(f"{self.gateway.url}/wiki/page?x=1&y=2")
        assert (page.status, page.url) == (200, f"{self.gateway.url}/wiki/page?x=1&y=2")
        return browser

    async def send(self, *lines: str, body: bytes = b"") -> RawAnswer:
        async with await self.proxy.open() as connection:
            head = "\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n"
            await connection.write(head.encode("latin-1") + body)
            return await connection.answer()


def fields(request: bytes) -> dict[str, str]:
    """The fields that an app sees, by their folded names; none may come twice, and empty ones are none."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        folded = name.lower().replace("_", "-").replace(".", "-")
        assert folded not in seen, (name, request)
        seen.add(folded)
        if value.strip():
            found[folded] = value.strip()
    return found


def claims(assertion: str) -> dict[str, object]:
    body = assertion.split(".")[1]
    told: dict[str, object] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return told


Proxy = Callable[..., AbstractAsyncContextManager[FrontProxy]]


def behind_nginx(folder: Path, needs: Callable[[str], str]) -> AbstractAsyncContextManager[House]:
    return behind_it(folder, needs("nginx"), nginx, DEPLOY / "nginx/forward-auth.conf")


def behind_caddy(folder: Path, needs: Callable[[str], str]) -> AbstractAsyncContextManager[House]:
    return behind_it(folder, needs("caddy"), caddy, DEPLOY / "caddy/Caddyfile")


@asynccontextmanager
async def behind_it(folder: Path, program: str, run: Proxy, shipped: Path) -> AsyncIterator[House]:
    clock = FakeClock()
    async with (
        HostileIssuer(clock=clock) as issuer,
        RecordingUpstream() as app,
        running_gateway(folder, issuer=issuer, top=TOP, tables=ROUTES, clock=clock) as gateway,
        run(folder, program, shipped, ports={8080: gateway.port, 3000: app.port}) as proxy,
    ):
        app.answer_with(ok(b"the app"))
        yield House(gateway=gateway, app=app, proxy=proxy, clock=clock)


BEHIND = pytest.mark.parametrize("behind", [behind_nginx, behind_caddy])
Behind = Callable[[Path, Callable[[str], str]], AbstractAsyncContextManager[House]]


@BEHIND
async def test_B61_somebody_signs_in_and_the_app_is_told_who_it_is(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        await house.signed_in()
        told = fields(house.app.requests[-1])
        assert house.app.requests[-1].startswith(b"GET /wiki/page?x=1&y=2 HTTP/1.1\r\n")
        assert told["x-user-email"] == "alice@example.com"
        assert told["x-forwarded-proto"] == "https"
        said = claims(told["x-gateway-assertion"])
        assert (said["aud"], said["sub"]) == (f"https://{HOST}", told["x-user-id"])
        assert len(house.app.requests) == 1


@BEHIND
async def test_I01_I02_I05_what_a_client_forges_never_reaches_the_app(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        anonymous = house.browser()
        page = await anonymous.request("GET", f"{house.gateway.url}/open", headers=FORGED)
        assert page.status == 200
        assert not [
            name for name in fields(house.app.requests[-1]) if name.startswith(("x-user", "x-gateway"))
        ]
        browser = await house.signed_in()
        page = await browser.request("GET", f"{house.gateway.url}/open", headers=FORGED)
        told = fields(house.app.requests[-1])
        assert (page.status, [name for name in told if name.startswith(("x-user", "x-gateway"))]) == (200, [])
        await browser.request("GET", f"{house.gateway.url}/", headers=FORGED)
        told = fields(house.app.requests[-1])
        assert told["x-user-email"] == "alice@example.com"
        assert "admin" not in house.app.requests[-1].decode()
        assert claims(told["x-gateway-assertion"])["email"] == "alice@example.com"


@BEHIND
async def test_I16_the_app_gets_the_cookies_of_the_client_without_ours(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        browser = await house.signed_in()
        assert "cookie" not in fields(house.app.requests[-1])
        await browser.request("GET", f"{house.gateway.url}/", headers={"Cookie": "theme=dark; lang=de"})
        assert fields(house.app.requests[-1])["cookie"] == "theme=dark; lang=de"


@BEHIND
async def test_body_and_method_are_kept(tmp_path: Path, needs: Callable[[str], str], behind: Behind) -> None:
    async with behind(tmp_path, needs) as house:
        browser = await house.signed_in()
        body = b"x" * 100_000
        page = await browser.request("PUT", f"{house.gateway.url}/wiki/a%20b?q=%2F", body=body)
        assert (page.status, page.text) == (200, "the app")
        head, _, sent = house.app.requests[-1].partition(b"\r\n\r\n")
        assert head.startswith(b"PUT /wiki/a%20b?q=%2F HTTP/1.1\r\n")
        assert sent.endswith(body) or body[:1000] in sent


@BEHIND
async def test_a_program_is_told_to_sign_in_and_not_led_there(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        page = await house.browser().fetch(f"{house.gateway.url}/api")
        assert page.status == 401
        assert json.loads(page.text)["error"] == "login_required"
        assert page.answer.values("www-authenticate")
        assert not page.answer.values("location")
        assert not house.app.requests


@BEHIND
async def test_B70_whoever_may_not_pass_sees_403_and_a_method_is_decided_by_the_original(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        browser = await house.signed_in()
        page = await browser.navigate(f"{house.gateway.url}/admin/users")
        assert page.status == 403
        assert "You may not open this page" in page.text
        assert (await browser.navigate(f"{house.gateway.url}/read")).status == 200
        seen = len(house.app.requests)
        assert (await browser.request("POST", f"{house.gateway.url}/read", body=b"x")).status == 405
        assert (await browser.request("GET", f"{house.gateway.url}/%2e%2e/admin")).status in (400, 403, 404)
        assert len(house.app.requests) == seen


@BEHIND
async def test_I07_what_a_client_says_of_the_original_request_is_not_believed(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        browser = await house.signed_in()
        seen = len(house.app.requests)
        for forged in (
            {"X-Forwarded-Uri": "/open"},
            {"X-Original-URI": "/open"},
            {"X-Original-URL": f"https://{HOST}/open"},
            {"X-Forwarded-Method": "GET"},
            {"X-Original-Method": "GET"},
            {"X-Forwarded-Host": "evil.example"},
            {"X-Forwarded-For": "10.0.0.1"},
            {"Forwarded": "for=10.0.0.1;host=evil.example"},
        ):
            page = await browser.request("POST", f"{house.gateway.url}/admin", headers=forged, body=b"x")
            assert page.status in (400, 403), forged
            page = await browser.request("POST", f"{house.gateway.url}/read", headers=forged, body=b"x")
            assert page.status in (400, 405), forged
        assert len(house.app.requests) == seen


@BEHIND
@pytest.mark.parametrize(
    "path",
    ["/.gateway/auth", "/.gateway/auth/", "/.gateway/auth/open", "/%2egateway/auth", "/.gateway//auth"],
)
async def test_a_browser_cannot_ask_in_the_place_of_the_proxy(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind, path: str
) -> None:
    async with behind(tmp_path, needs) as house:
        browser = await house.signed_in()
        told = {
            "X-Forwarded-Uri": "/",
            "X-Forwarded-Method": "GET",
            "X-Original-URI": "/",
            "X-Original-Method": "GET",
        }
        page = await browser.request("GET", house.gateway.url + path, headers=told, follow=False)
        assert page.status in (400, 404), page
        assert not page.answer.values("x-gateway-assertion")
        assert b"x-user-id" not in page.answer.head.lower()


@BEHIND
async def test_B61_a_renewed_session_reaches_the_browser(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        browser = await house.signed_in()
        before = browser.cookie(house.gateway.url, "__Host-session")
        house.clock.advance(601)
        page = await browser.navigate(f"{house.gateway.url}/")
        assert (page.status, page.text) == (200, "the app")
        after = browser.cookie(house.gateway.url, "__Host-session")
        assert after
        assert after != before
        page = await browser.navigate(f"{house.gateway.url}/")
        assert page.set_cookies == []


@BEHIND
async def test_I06_B61_a_malformed_cookie_passes_nobody(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        for cookie in ("__Host-session=garbage", "__Host-session=\x80\xff", "__Host-session=", "=; ;;"):
            page = await house.browser().fetch(f"{house.gateway.url}/", cookie=cookie)
            assert page.status == 401, cookie
        assert not house.app.requests


@BEHIND
async def test_B60_an_outage_is_503_and_nobody_is_signed_out(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with behind(tmp_path, needs) as house:
        browser = await house.signed_in()
        kept = dict(browser.cookies[HOST])
        seen = len(house.app.requests)
        calls.down = True
        page = await browser.navigate(f"{house.gateway.url}/admin")
        assert page.status == 503
        assert page.answer.values("retry-after")
        assert (browser.cookies[HOST], len(house.app.requests)) == (kept, seen)


@BEHIND
async def test_without_the_gateway_nothing_passes(
    tmp_path: Path, needs: Callable[[str], str], behind: Behind
) -> None:
    async with behind(tmp_path, needs) as house:
        browser = await house.signed_in()
        seen = len(house.app.requests)
        await house.gateway.app.stop(drain=0.1)
        page = await browser.navigate(f"{house.gateway.url}/")
        assert page.status in (502, 503)
        assert len(house.app.requests) == seen
