"""Several hosts before one gateway: one host has the logins, all of `cookie.domain` the session."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.gateway import HOST, route
from tests.fakes.issuer import HostileIssuer
from tests.fakes.raw_client import get
from tests.fakes.scene import PREFIX, DomainBrowser, Scene, attributes, ours_in, scene, second_provider, seen

NAME = "__Secure-session"
WIKI = "wiki.example.com"
AT_WIKI = f"https://{WIKI}"
TABLES = '[session.cookie]\ndomain = "example.com"\n' + route("{app}", f'host = "{WIKI}"')


@asynccontextmanager
async def hosts(folder: Path, *, tables: str = "") -> AsyncIterator[tuple[Scene, DomainBrowser]]:
    async with scene(folder, tables=TABLES + tables, route_keys=f'host = "{HOST}"') as at:
        at.gate.places[AT_WIKI] = at.gate.port
        yield at, DomainBrowser(dict(at.gate.places))


async def test_a_login_that_begins_on_another_host_ends_there(tmp_path: Path) -> None:
    async with hosts(tmp_path) as (at, browser):
        page = await browser.navigate(f"{AT_WIKI}/a?b=c", follow=False)
        assert page.status == 302
        back = f"https%3A//{WIKI}/a%3Fb%3Dc"
        assert page.location == f"{at.ours}/signin?return_to={back}"
        away = await browser.navigate(page.location, follow=False)
        [transaction] = away.set_cookies
        assert transaction.startswith("__Host-session-login-")
        assert "domain" not in attributes(transaction)
        done = await browser.navigate(at.issuer.consent(away.location), follow=False)
        assert done.location == f"{AT_WIKI}/a?b=c"
        assert attributes(ours_in(done, NAME)[0])["domain"] == "example.com"
        assert (await browser.navigate(done.location)).status == 200
        assert seen(at.app.requests[-1], "X-Forwarded-Host") == [WIKI]
        assert seen(at.app.requests[-1], "X-User-Id") == [await at.user_id()]
        assert (await browser.navigate(f"{at.url}/x")).status == 200
        assert len(at.app.requests) == 2


@pytest.mark.parametrize("target", ["", "?return_to=%2Fa", f"?return_to=https%3A%2F%2F{WIKI}%2Fa"])
@pytest.mark.parametrize("page", ["/signin", "/signin/issuer"])
async def test_sign_in_asked_for_elsewhere_is_led_home_first_and_comes_back(
    tmp_path: Path, page: str, target: str
) -> None:
    async with hosts(tmp_path) as (_, browser):
        done = await browser.navigate(f"{AT_WIKI}{PREFIX}{page}{target}")
        assert done.status == 200
        assert done.url == AT_WIKI + ("/a" if target else "/")
        assert not any("-login-" in name for name in browser.cookies.get(WIKI, {}))


async def test_a_callback_asked_for_elsewhere_finishes_at_home(tmp_path: Path) -> None:
    async with hosts(tmp_path) as (at, browser):
        url = await at.departed(browser, "/x")
        done = await browser.navigate(url.replace(at.url, AT_WIKI))
        assert done.status == 200
        assert done.url == f"{at.url}/x"
        assert at.issuer.seen["token"] == 1


async def test_a_script_elsewhere_is_told_the_way_home(tmp_path: Path) -> None:
    async with hosts(tmp_path) as (at, browser):
        token = await at.csrf(browser, root=AT_WIKI + PREFIX)
        form = {"csrfToken": token, "callbackUrl": f"{AT_WIKI}/a", "json": "true"}
        page = await browser.submit(f"{AT_WIKI}{PREFIX}/signin/issuer", form, follow=False)
        url = json.loads(page.text)["url"]
        assert url.startswith(f"{at.ours}/signin/issuer?")
        assert parse_qs(urlsplit(url).query) == {"return_to": [f"{AT_WIKI}/a"]}
        assert (await browser.navigate(url)).url == f"{AT_WIKI}/a"


async def test_a_form_elsewhere_still_needs_its_token(tmp_path: Path) -> None:
    async with hosts(tmp_path) as (at, browser):
        at_home = await at.csrf(browser)
        page = await browser.submit(f"{AT_WIKI}{PREFIX}/signin/issuer", {"csrfToken": at_home}, follow=False)
        assert page.status == 403


async def test_with_several_providers_the_buttons_are_at_home(tmp_path: Path) -> None:
    async with HostileIssuer() as other, hosts(tmp_path, tables=second_provider(other)) as (at, browser):
        page = await browser.navigate(f"{AT_WIKI}/a")
        assert page.status == 200
        assert page.url.startswith(f"{at.ours}/signin?")
        form = {"csrfToken": page.hidden("csrfToken"), "return_to": page.hidden("return_to")}
        done = await browser.submit(f"{at.ours}/signin/issuer", form)
        assert done.url == f"{AT_WIKI}/a"


async def test_the_account_page_is_at_home(tmp_path: Path) -> None:
    async with hosts(tmp_path) as (at, browser):
        await browser.navigate(f"{AT_WIKI}/")
        page = await browser.navigate(f"{AT_WIKI}{PREFIX}/account")
        assert page.url == f"{at.ours}/account"
        assert page.status == 200


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("", f"{AT_WIKI}{PREFIX}/signout"),
        ("/bye", f"{AT_WIKI}/bye"),
        (f"{AT_WIKI}/bye", f"{AT_WIKI}/bye"),
        (f"https://{HOST}/bye", f"https://{HOST}/bye"),
    ],
)
async def test_signing_out_works_on_every_host_and_signs_out_of_all(
    tmp_path: Path, target: str, lands: str
) -> None:
    async with hosts(tmp_path) as (at, browser):
        await browser.navigate(f"{AT_WIKI}/")
        query = f"?return_to={target}" if target else ""
        page = await browser.navigate(f"{AT_WIKI}{PREFIX}/signout{query}")
        form = {"csrfToken": page.hidden("csrfToken")}
        if target:
            form["return_to"] = page.hidden("return_to")
        done = await browser.submit(f"{AT_WIKI}{PREFIX}/signout", form, follow=False)
        assert done.status == 303
        assert done.location == lands
        for url in (AT_WIKI, at.url):
            assert browser.cookie(url, NAME) is None
            assert (await browser.fetch(f"{url}/x")).status == 401
        policy = page.answer.values("content-security-policy")[0]
        assert (b"form-action 'self' https:" in policy) == bool(target)


async def test_a_session_renews_on_every_host(tmp_path: Path) -> None:
    async with hosts(tmp_path) as (at, browser):
        await browser.navigate(f"{AT_WIKI}/")
        at.clock.advance(600)
        page = await browser.fetch(f"{AT_WIKI}/x")
        assert attributes(ours_in(page, NAME)[0])["domain"] == "example.com"
        assert (await browser.fetch(f"{at.url}/x")).set_cookies == []


async def test_a_program_elsewhere_is_told_the_sign_in_page_at_home(tmp_path: Path) -> None:
    async with hosts(tmp_path) as (at, browser):
        page = await browser.fetch(f"{AT_WIKI}/x")
        assert json.loads(page.text)["login_url"] == f"{at.ours}/signin"


async def test_a_host_that_is_not_ours_is_misdirected(tmp_path: Path) -> None:
    async with hosts(tmp_path) as (at, _):
        for path in ("/x", f"{PREFIX}/signin", f"{PREFIX}/callback/issuer?code=c&state=s"):
            assert (await at.raw(get(path, host="evil.example"))).status == 421
