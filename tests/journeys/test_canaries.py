"""No secret leaves (rules F9, O34): canaries in everything that a browser, an issuer and an upstream
hand to the gateway, then a search of the whole log at debug level, the metrics and every error page.
"""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.canary_search import leaks
from tests.fakes.gateway import SECRET, RunningGateway, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import get, send_raw
from tests.fakes.upstream import CUTS, FAULTS, RecordingUpstream, ok

CALLBACK = "/.gateway/callback/issuer"
BROKEN = (
    "access_denied",
    "server_error",
    "wrong_response_iss",
    "twice_code",
    "twice_response_iss",
    "token_500",
    "token_reset",
    "token_html",
    "token_bad_json",
    "token_array",
    "token_redirect",
    "invalid_grant",
    "no_id_token",
    "wrong_aud",
    "wrong_nonce",
    "expired",
    "wrong_at_hash",
    "alg_none",
    "hs256_public_key",
    "foreign_key",
    "userinfo_other_sub",
    "userinfo_array",
    "userinfo_500",
)
BROKEN_FROM_THE_START = ("discovery_down", "discovery_html", "jwks_down")
PLANTED = {
    "gateway secret",
    "client secret",
    "query",
    "state",
    "nonce",
    "code",
    "code_challenge",
    "code_verifier",
    "cookie __Host-session",
    "authorization",
    "id token",
    "access token",
    "refresh token",
    "csrf",
    "assertion",
}


@dataclass(slots=True, kw_only=True)
class Told:
    """Everything that the gateway said, and everything that it must not say."""

    canaries: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    def plant(self, name: str, value: str) -> str:
        assert len(value) >= 12, f"{name} is too short to be looked for"
        self.canaries[f"{name} {len(self.canaries)}"] = value
        return value

    def heard(self, page: Page) -> Page:
        """Keep an answer: the body of a refusal, the head of any, less the cookies that it sets."""
        lines = page.answer.head.split(b"\r\n")
        head = [line for line in lines if not line.lower().startswith((b"set-cookie:", b"location:"))]
        body = page.answer.body if page.status >= 400 else b""
        place = f"answer {len(self.said)} {page.status} {page.url[:60]}"
        self.said[place] = (b"\n".join(head) + body).decode("latin-1")
        return page

    def found(self) -> list[str]:
        return [
            f"{canary} in {place}"
            for place, text in self.said.items()
            for canary, value in self.canaries.items()
            if any(shape in text for shape in shapes(value))
        ]


def shapes(value: str) -> Iterator[str]:
    """Yield *value* as it may turn up: its two ends, and encoded."""
    yield value[:20]
    yield value[-20:]
    yield quote(value, safe="")[:24]
    yield quote_plus(value)[:24]
    yield base64.b64encode(value.encode())[:20].decode()
    yield value.encode().hex()[:24]


@dataclass(slots=True, kw_only=True)
class House:
    gateway: RunningGateway
    issuer: HostileIssuer
    app: RecordingUpstream
    told: Told

    async def login(self, browser: Browser, path: str) -> Page:
        """Sign in step by step and plant all that is seen on the way."""
        page = await browser.navigate(self.gateway.url + path, follow=False)
        for _ in range(5):
            self.told.heard(page)
            if page.status not in (302, 303):
                break
            self._plant_query(page.location)
            page = await browser.navigate(page.location, follow=False)
            self._plant_cookies(browser)
        return page

    def _plant_query(self, url: str) -> None:
        for name, value in parse_qsl(urlsplit(url).query):
            if name in ("state", "nonce", "code", "code_challenge"):
                self.told.plant(name, value)

    def _plant_cookies(self, browser: Browser) -> None:
        for name, value in browser.cookies[self.gateway.host].items():
            self.told.plant(f"cookie {name}", value)

    def plant_what_the_issuer_saw(self) -> None:
        for _, headers, form in self.issuer.requests:
            for name in ("code", "code_verifier"):
                if name in form:
                    self.told.plant(name, form[name])
            kind, _, value = headers.get("Authorization", "").partition(" ")
            if kind:
                self.told.plant("access token" if kind == "Bearer" else "authorization", value)

    def plant_what_the_app_saw(self) -> None:
        for request in self.app.requests:
            for line in request.split(b"\r\n"):
                if line.startswith(b"X-Gateway-Assertion: "):
                    self.told.plant("assertion", line.partition(b": ")[2].decode())


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    told = Told()
    told.plant("gateway secret", SECRET)
    async with HostileIssuer() as issuer, RecordingUpstream() as app:
        told.plant("client secret", issuer.client_secret)
        make = issuer.id_token
        issuer.id_token = lambda **facts: told.plant("id token", make(**facts))  # type: ignore[method-assign]
        issuer.token_answer = {"refresh_token": told.plant("refresh token", "canary-refresh-token")}
        async with running_gateway(folder, upstream=app.url, issuer=issuer) as gateway:
            yield House(gateway=gateway, issuer=issuer, app=app, told=told)
            port = gateway.admin_port
            for path in ("/metrics", "/readyz?verbose", "/livez"):
                answer, _ = await send_raw(port, get(path, "Connection: close", host="127.0.0.1"))
                told.said[path] = answer.body.decode()
        told.said["the log"] = gateway.log


async def test_O34_no_secret_is_ever_said(tmp_path: Path) -> None:
    async with house(tmp_path) as place:
        browser = place.gateway.browser()
        query = place.told.plant("query", "canary-in-the-query")
        assert (await place.login(browser, f"/wiki?token={query}")).text == "hello"
        await own_pages(place, browser)
        await bad_callbacks(place, browser)
        await broken_issuers(place)
        await broken_upstreams(place, browser)
        await malformed_heads(place)
        place.plant_what_the_issuer_saw()
        place.plant_what_the_app_saw()
    told = place.told
    assert {name.rpartition(" ")[0] for name in told.canaries} >= PLANTED
    assert place.gateway.events("auth.login.success") != []
    assert len(place.gateway.events("auth.login.failure")) > 10
    assert len(told.said) > 60
    assert told.found() == []
    assert list(leaks(told.said["the log"])) == []
    assert "Traceback" not in told.said["the log"]


@pytest.mark.parametrize("fault", BROKEN_FROM_THE_START)
async def test_O34_an_issuer_that_never_worked_loosens_no_tongue(tmp_path: Path, fault: str) -> None:
    async with house(tmp_path) as place:
        place.issuer.fault = fault
        page = await place.login(place.gateway.browser(), "/?q=canary-in-the-query")
        assert page.status == 503
        place.plant_what_the_issuer_saw()
    assert place.told.found() == []
    assert list(leaks(place.told.said["the log"])) == []


async def own_pages(place: House, browser: Browser) -> None:
    url, told = place.gateway.url, place.told
    token = (await browser.fetch(f"{url}/.gateway/csrf")).text.partition('":"')[2].partition('"')[0]
    told.plant("csrf", token)
    secret = told.plant("authorization", "canary-authorization")
    told.heard(await browser.fetch(f"{url}/x?q=1", Authorization=f"Bearer {secret}"))
    told.heard(await place.gateway.browser().fetch(f"{url}/x", Authorization=f"Basic {secret}"))
    told.heard(await place.gateway.browser().fetch(f"{url}/x", Cookie=f"__Host-session={secret}"))
    for fields in ({"csrfToken": token + "x"}, {"csrfToken": "canary-csrf-token"}, {"x": secret}):
        told.heard(await browser.submit(f"{url}/.gateway/signout", fields, follow=False))
        told.heard(await browser.submit(f"{url}/.gateway/signin/issuer", fields, follow=False))
    told.plant("csrf", "canary-csrf-token")
    for target in (f"//evil.example/{secret}", f"https://evil.example/?{secret}", f"\\{secret}"):
        told.heard(
            await browser.navigate(f"{url}/.gateway/signin?return_to={quote(target, safe='')}", follow=False)
        )
    for path in ("error?error=", "nowhere?x=", "signin/unknown?x="):
        told.heard(await browser.navigate(f"{url}/.gateway/{path}{secret}", follow=False))


async def bad_callbacks(place: House, browser: Browser) -> None:
    url, told = place.gateway.url + CALLBACK, place.told
    code, state = told.plant("code", "canary-code-value"), told.plant("state", "canary-state-value")
    for query in (
        f"code={code}&state={state}",
        f"code={code}&code={code}&state={state}",
        f"code={code}",
        f"state={state}",
        f"error={code}&error_description={state}&state={state}",
        f"code={code}%00&state={state}%ff",
        "",
    ):
        told.heard(await browser.navigate(f"{url}?{query}", follow=False))
        told.heard(await browser.fetch(f"{url}?{query}"))
        told.heard(await browser.navigate(f"{url}x?{query}", follow=False))
    for name in ("__Host-login", "__Host-session"):
        forged = told.plant("forged cookie", f"canary-{name}-cookie")
        told.heard(await place.gateway.browser().navigate(f"{url}?state={state}", Cookie=f"{name}={forged}"))


async def broken_issuers(place: House) -> None:
    for fault in BROKEN:
        place.issuer.fault = fault
        page = await place.login(place.gateway.browser(), "/")
        assert page.status >= 400, fault
    place.issuer.fault = ""


async def broken_upstreams(place: House, browser: Browser) -> None:
    cookie = place.told.plant("upstream's cookie", "canary-of-the-upstream")
    place.app.answer_with(ok(b"hello", b"Set-Cookie: app=%b" % cookie.encode(), status=b"500 Broken"))
    await browser.navigate(f"{place.gateway.url}/broken?q={cookie}")
    for fault in ("garbage", "bare lf", "two lengths", "huge head", "bad chunk size", *CUTS):
        assert fault in FAULTS or fault in CUTS
        place.app.fault = fault
        try:
            place.told.heard(await browser.navigate(f"{place.gateway.url}/app?q={cookie}"))
        except (EOFError, ConnectionError):
            continue  # cut in the middle of a body: that is all there is to hear
    place.app.fault = ""


async def malformed_heads(place: House) -> None:
    host = place.gateway.host
    canary = place.told.plant("cookie in a bad head", "canary-of-a-bad-head")
    cookie = f"Cookie: __Host-session={canary}"
    token = f"Authorization: Bearer {canary}"
    heads = (
        get("/", cookie, token, "Bad Name: x", host=host),
        get("/", cookie, token, "X: a\x01b", host=host),
        get("/", cookie, f"__Host-session={canary}", host=host),
        get("/", f"Cookie : {canary}", host=host),
        get("/", f"Cookie: __Host-session={canary}\x00", host=host),
        get("/", cookie, f"X: {canary * 4000}", host=host),
        get("/", cookie, "Content-Length: 1", "Transfer-Encoding: chunked", host=host),
        get("/", cookie, f"Transfer-Encoding: {canary}", host=host),
        get("/", cookie, f"Content-Length: {canary}", host=host),
        get(f"/{'a' * 9000}?{canary}", cookie, host=host),
        get(f"/?{canary} x", cookie, host=host),
        get(f"/?{canary}\x80", cookie, host=host),
        get("/", cookie, host="elsewhere.example"),  # a host that is well formed is told
        get("/", cookie, host=f"user:{canary}@{host}"),
        get("/", cookie, host=host, version=f"HTTP/{canary}"),
        get("/", cookie, host=host, method=f"{canary}\x7f"),
        f"{canary}\r\n{cookie}\r\n\r\n".encode(),
        b"\x16\x03\x01" + canary.encode() + b"\r\n\r\n",
    )
    for number, head in enumerate(heads):
        answer, _ = await send_raw(place.gateway.port, head)
        assert answer.status >= 400, head[:80]
        place.told.heard(Page(f"head {number}", answer))


@pytest.mark.parametrize("shape", range(6))
def test_the_search_finds_a_secret_in_every_shape(shape: int) -> None:
    told = Told()
    secret = told.plant("secret", "a secret: with & everything in it")
    told.said["here"] = f"before {list(shapes(secret))[shape]} after"
    assert told.found() != []
