"""BEHAVIOUR group L over sockets: what next-auth/react sends, and what it gets."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.issuer import HostileIssuer
from tests.fakes.scene import COOKIE, Scene, scene, second_provider


async def post(at: Scene, browser: Browser, path: str, **fields: str) -> Page:
    """POST as `signIn` and `signOut` of next-auth/react do."""
    return await browser.request(
        "POST",
        at.ours + path,
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Auth-Return-Redirect": "1",
            "Origin": at.url,
            "Sec-Fetch-Mode": "cors",
            "Sec-Fetch-Site": "same-origin",
        },
        body=urlencode(fields).encode(),
        follow=False,
    )


async def got(at: Scene, browser: Browser, path: str) -> Any:
    page = await browser.fetch(at.ours + path)
    assert page.status == 200
    return json.loads(page.text)


async def test_B150_a_client_signs_in_reads_its_session_and_signs_out(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        assert await got(at, browser, "/session") is None
        providers = await got(at, browser, "/providers")
        assert providers["issuer"]["signinUrl"] == f"{at.ours}/signin/issuer"
        token = (await got(at, browser, "/csrf"))["csrfToken"]
        page = await post(at, browser, "/signin/issuer", csrfToken=token, callbackUrl=f"{at.url}/dash?x=1")
        assert page.status == 200
        url = json.loads(page.text)["url"]
        assert url.startswith(f"{at.issuer.url}/authorize?")
        assert (await browser.navigate(url)).url == f"{at.url}/dash?x=1"
        session = await got(at, browser, "/session")
        assert session["user"]["email"] == "alice@example.com"
        assert session["expires"].endswith("Z")
        token = (await got(at, browser, "/csrf"))["csrfToken"]
        page = await post(at, browser, "/signout", csrfToken=token, callbackUrl=f"{at.url}/bye")
        assert (page.status, json.loads(page.text)) == (200, {"url": f"{at.url}/bye"})
        assert await got(at, browser, "/session") is None


async def test_B151_a_login_that_cannot_start_tells_the_client_where_the_error_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = "discovery_down"
        browser = at.gate.browser()
        token = (await got(at, browser, "/csrf"))["csrfToken"]
        page = await post(at, browser, "/signin/issuer", csrfToken=token)
        assert page.status == 200
        url = json.loads(page.text)["url"]
        assert urlsplit(url).path.endswith("/error")
        assert "error=issuer_unavailable" in url
        explained = await browser.navigate(url)
        assert explained.status == 200
        assert "does not answer" in explained.text


@pytest.mark.parametrize(
    ("fault", "code"), [("access_denied", "AccessDenied"), ("wrong_nonce", "OAuthCallbackError")]
)
async def test_B151_a_login_that_fails_later_has_auth_js_names(tmp_path: Path, fault: str, code: str) -> None:
    async with scene(tmp_path) as at:
        at.issuer.fault = fault
        browser = at.gate.browser()
        url = await at.departed(browser)
        page = await browser.fetch(url)
        assert json.loads(page.text)["error"] == code


async def test_B151_an_email_in_use_has_auth_js_name(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        other.clock = at.clock
        other.users["alice"]["sub"] = "another"
        await at.gate.browser().navigate(f"{at.ours}/signin/issuer?return_to=/")
        browser = at.gate.browser()
        away = await browser.navigate(f"{at.ours}/signin/second?return_to=/", follow=False)
        page = await browser.fetch(other.consent(away.location))
        assert json.loads(page.text)["error"] == "OAuthAccountNotLinked"


@pytest.mark.parametrize("token", ["", "x", "x" * 86])
async def test_B152_a_reread_with_a_bad_token_is_400_null(tmp_path: Path, token: str) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        page = await post(at, alice, "/session", csrfToken=token)
        assert (page.status, page.text) == (400, "null")


async def test_B152_a_reread_tells_what_the_server_knows_now(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=["editor"])
        assert (await got(at, alice, "/session"))["user"]["roles"] == []
        page = await post(at, alice, "/session", csrfToken=await at.csrf(alice))
        assert json.loads(page.text)["user"]["roles"] == ["editor"]
        async with at.store() as store:
            await store.users.set_enabled(await at.user_id(), enabled=False)
        page = await post(at, alice, "/session", csrfToken=await at.csrf(alice))
        assert (page.status, page.text) == (200, "null")
        assert alice.cookie(at.url, COOKIE) is None
