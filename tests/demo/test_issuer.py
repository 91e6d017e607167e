"""The demo's issuer over a real socket: strict as a real one, and loud about what it is."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.demo.grants import at_hash
from gateway.demo.issuer import Client, DemoIssuer, serve_issuer
from tests.fakes.clock import FakeClock

URL = "http://localhost:9400"
HOME = "http://localhost:8080"
BACK = f"{HOME}/.gateway/callback/demo"
CLIENT = Client(id="gateway", secret="s+cr/t:%", redirect_uris=frozenset({BACK}), home=HOME)
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
REQUEST = {
    "response_type": "code",
    "client_id": "gateway",
    "redirect_uri": BACK,
    "scope": "openid email profile",
    "state": "s&<1>",
    "nonce": "n-1",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
BASIC = "Basic " + b64encode(b"gateway:s%2Bcr%2Ft%3A%25").decode()


class Browser:
    """A client of the issuer that follows nothing by itself."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin

    async def get(self, path: str, headers: dict[str, str] | None = None, **query: str) -> tuple[Any, str]:
        answer = await self._session.get(
            self._origin + path, params=query, headers=headers, allow_redirects=False
        )
        return answer, await answer.text()

    async def post(self, path: str, headers: dict[str, str] | None = None, **form: str) -> tuple[Any, str]:
        answer = await self._session.post(
            self._origin + path, data=form, headers=headers, allow_redirects=False
        )
        return answer, await answer.text()

    async def code(self, **changed: str) -> str:
        answer, _ = await self.post("/authorize", **{**REQUEST, "person": "alice", **changed})
        return sent_back(answer)["code"]

    async def token(self, authorization: str = BASIC, **changed: str) -> tuple[int, dict[str, Any]]:
        form = {
            "grant_type": "authorization_code",
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            **changed,
        }
        answer, _ = await self.post("/token", {"Authorization": authorization}, **form)
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.json()


def sent_back(answer: Any) -> dict[str, str]:
    assert answer.status == 303
    location = answer.headers["Location"]
    assert location.startswith(BACK + "?")
    return dict(parse_qsl(urlsplit(location).query))


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    issuer = DemoIssuer(url=URL, client=CLIENT, clock=FakeClock())
    runner = await serve_issuer(issuer, host="127.0.0.1", port=0)
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        yield Browser(session, f"http://127.0.0.1:{port}")
    await runner.cleanup()


async def test_alice_signs_in_and_is_told_of_in_a_verified_id_token(browser: Browser) -> None:
    answer, _ = await browser.post("/authorize", **REQUEST, person="alice")
    returned = sent_back(answer)
    assert (returned["state"], returned["iss"]) == ("s&<1>", URL)
    status, granted = await browser.token(code=returned["code"])
    assert (status, granted["token_type"]) == (200, "Bearer")
    _, jwks = await browser.get("/jwks")
    keys = KeySet.import_key_set(json.loads(jwks))
    token = jwt.decode(granted["id_token"], keys, algorithms=["ES256"])
    assert token.header["typ"] == "JWT"
    now = int(FakeClock().now)
    assert token.claims == {
        "iss": URL,
        "aud": "gateway",
        "sub": "demo-alice",
        "name": "Alice Example",
        "email": "alice@example.com",
        "email_verified": True,
        "groups": ["gateway-admins", "staff"],
        "iat": now,
        "exp": now + 300,
        "auth_time": now,
        "nonce": "n-1",
        "at_hash": at_hash(granted["access_token"]),
    }
    answer, _ = await browser.get("/userinfo", {"Authorization": f"Bearer {granted['access_token']}"})
    assert (await answer.json())["sub"] == "demo-alice"


async def test_the_page_is_loud_about_having_no_password(browser: Browser) -> None:
    answer, page = await browser.get("/authorize", **REQUEST)
    assert answer.status == 200
    assert "For trying only" in page
    assert 'value="alice"' in page
    assert 'value="bob"' in page


async def test_S29_the_page_escapes_what_the_request_brought(browser: Browser) -> None:
    _, page = await browser.get("/authorize", **{**REQUEST, "state": '"><script>', "x<y": "z"})
    assert "<script" not in page
    assert "x<y" not in page


@pytest.mark.parametrize(
    "changed", [{"client_id": "other"}, {"redirect_uri": BACK + "/x"}, {"redirect_uri": ""}]
)
async def test_no_browser_is_sent_to_an_unregistered_address(
    browser: Browser, changed: dict[str, str]
) -> None:
    for answer, _ in (
        await browser.get("/authorize", **{**REQUEST, **changed}),
        await browser.post("/authorize", **{**REQUEST, "person": "alice", **changed}),
    ):
        assert answer.status == 400
        assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_O09_a_request_that_cannot_be_granted_goes_back(
    browser: Browser, changed: dict[str, str], error: str
) -> None:
    for answer, _ in (
        await browser.get("/authorize", **{**REQUEST, **changed}),
        await browser.post("/authorize", **{**REQUEST, "person": "alice", **changed}),
    ):
        assert sent_back(answer) == {"error": error, "iss": URL, "state": "s&<1>"}


@pytest.mark.parametrize("person", ["", "mallory"])
async def test_whoever_presses_no_name_is_not_signed_in(browser: Browser, person: str) -> None:
    answer, _ = await browser.post("/authorize", **REQUEST, person=person)
    assert sent_back(answer)["error"] == "access_denied"


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !!!",
        "Bearer x",
        "Basic " + b64encode(b"gateway:wrong").decode(),
        "Basic " + b64encode(b"\xff").decode(),
    ],
)
async def test_a_stranger_redeems_nothing(browser: Browser, authorization: str) -> None:
    assert await browser.token(authorization, code=await browser.code()) == (401, {"error": "invalid_client"})


async def test_O02_a_code_works_once_and_with_its_verifier(browser: Browser) -> None:
    code = await browser.code()
    assert (await browser.token(code=code))[0] == 200
    assert await browser.token(code=code) == (400, {"error": "invalid_grant"})
    refused = await browser.token(code=await browser.code(), code_verifier="x")
    assert refused == (400, {"error": "invalid_grant"})
    assert await browser.token(grant_type="password") == (400, {"error": "unsupported_grant_type"})


async def test_a_name_that_comes_twice_counts_as_absent(browser: Browser) -> None:
    query = "&".join(f"{name}={value}" for name, value in REQUEST.items()) + "&client_id=gateway"
    answer, _ = await browser.get(f"/authorize?{query}")
    assert answer.status == 400


async def test_userinfo_is_for_holders_of_a_token(browser: Browser) -> None:
    for headers in (None, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}):
        answer, _ = await browser.get("/userinfo", headers)
        assert answer.status == 401


async def test_discovery_promises_what_is_there(browser: Browser) -> None:
    answer, _ = await browser.get("/.well-known/openid-configuration")
    metadata = await answer.json()
    assert metadata["issuer"] == URL
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    for name in (
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "end_session_endpoint",
    ):
        path = metadata[name].removeprefix(URL)
        answer, _ = await browser.get(path)
        assert answer.status != 404


async def test_signing_out_goes_home_and_nowhere_else(browser: Browser) -> None:
    answer, _ = await browser.get("/end_session", post_logout_redirect_uri=f"{HOME}/bye", state="1")
    assert answer.headers["Location"] == f"{HOME}/bye?state=1"
    for elsewhere in ("https://evil.example", f"{HOME}.evil.example/", ""):
        answer, page = await browser.get("/end_session", post_logout_redirect_uri=elsewhere)
        assert (answer.status, "Signed out" in page) == (200, True)


async def test_a_page_elsewhere_cannot_resolve_its_way_here(browser: Browser) -> None:
    answer, _ = await browser.get("/jwks", {"Host": "evil.example"})
    assert answer.status == 421


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com"])
async def test_it_listens_on_this_machine_only(host: str) -> None:
    issuer = DemoIssuer(url=URL, client=CLIENT, clock=FakeClock())
    with pytest.raises(ValueError, match="loopback"):
        await serve_issuer(issuer, host=host, port=0)


async def test_a_taken_port_is_an_error_and_leaves_nothing_open() -> None:
    issuer = DemoIssuer(url=URL, client=CLIENT, clock=FakeClock())
    first = await serve_issuer(issuer, host="127.0.0.1", port=0)
    with pytest.raises(OSError, match="in use"):
        await serve_issuer(issuer, host="127.0.0.1", port=first.addresses[0][1])
    await first.cleanup()


def test_the_secret_is_in_no_repr() -> None:
    assert CLIENT.secret not in repr(CLIENT)


def test_the_application_is_an_ordinary_one() -> None:
    issuer = DemoIssuer(url=URL, client=CLIENT, clock=FakeClock())
    assert isinstance(issuer.application(), web.Application)
