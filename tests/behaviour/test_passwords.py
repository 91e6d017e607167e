"""Statements about logins by password, over the whole gateway."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.gateway import HOST
from tests.fakes.passwords import RIGHT, hash_of
from tests.fakes.raw_client import RawConnection
from tests.fakes.scene import COOKIE, PREFIX, Scene, attributes, ours_in, scene, seen

ANN, OFF = "ann@example.com", "off@example.com"
WRONG = "wrong horse battery staple"
LOCAL = '\n[[providers]]\nid = "local"\nname = "Password"\ntype = "password"\n'


@asynccontextmanager
async def place(folder: Path, **keys: str) -> AsyncIterator[Scene]:
    """A gateway with an issuer and passwords; Ann has one, and so has Off, who is disabled."""
    async with scene(folder, tables=LOCAL, **keys) as at:
        async with at.store() as store:
            await store.users.add(ANN, name="Ann", roles=["editor"], password_hash=await hash_of())
            off = await store.users.add(OFF, password_hash=await hash_of())
            await store.users.set_enabled(off.id if off else "", enabled=False)
        yield at


async def sign_in(at: Scene, browser: Browser, name: str = ANN, password: str = RIGHT, **more: str) -> Page:
    """Fill in the form as it is shown and send it."""
    page = await browser.navigate(f"{at.ours}/signin?return_to=/wiki%3Fa%3Db")
    sent = {
        "csrfToken": page.hidden("csrfToken"),
        "return_to": page.hidden("return_to"),
        "username": name,
        "password": password,
        **more,
    }
    return await browser.submit(f"{at.ours}/callback/local", sent, follow=False)


@pytest.mark.parametrize("typed", [ANN, "Ann@Example.COM"])
async def test_B19_name_and_password_begin_a_session_of_a_user(tmp_path: Path, typed: str) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        page = await sign_in(at, browser, typed)
        assert page.status == 303
        assert page.location == f"{at.url}/wiki?a=b"
        await browser.navigate(page.location)
        request = at.app.requests[-1]
        assert seen(request, "X-User-Id") == [await at.user_id(ANN)]
        assert seen(request, "X-User-Email") == [ANN]
        assert seen(request, "X-User-Roles") == ["editor"]
        claims = at.claims(browser)
        assert claims["idp"] == {"id": "local", "iss": at.url, "sub": await at.user_id(ANN)}
        assert claims["amr"] == ["pwd"]
        assert claims["sexp"] - claims["auth_time"] == 2_592_000


async def test_B35_B43_the_box_decides_whether_the_cookie_outlives_the_browser(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        (kept,) = ours_in(await sign_in(at, at.gate.browser()))
        assert attributes(kept)["max-age"] == "2592000"
        (bare,) = ours_in(await sign_in(at, at.gate.browser(), remember="false"))
        assert "max-age" not in attributes(bare)


@pytest.mark.parametrize(
    ("name", "password"),
    [(ANN, WRONG), ("nobody@example.com", RIGHT), (OFF, WRONG), ("ann", RIGHT), (ANN, RIGHT + "\0")],
)
async def test_B20_status_and_page_do_not_tell_who_exists(tmp_path: Path, name: str, password: str) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        page = await sign_in(at, browser, name, password)
        assert page.status == 401
        assert page.answer.values("www-authenticate") == [b'Vestibule realm="sign-in"']
        token = page.hidden("csrfToken")
        shown = page.text.replace(token, "TOKEN").replace(name, "NAME")
        reference = await sign_in(at, browser, "somebody-else@example.com", WRONG)
        token = reference.hidden("csrfToken")
        assert shown == reference.text.replace(token, "TOKEN").replace("somebody-else@example.com", "NAME")
        assert "do not belong together" in page.text
        assert password not in page.text
        assert page.hidden("return_to") == "/wiki?a=b"
        assert COOKIE not in browser.cookies.get(HOST, {})


async def test_B20_the_form_comes_back_and_works(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        page = await sign_in(at, browser, ANN, WRONG, remember="false")
        assert f'value="{ANN}"' in page.text
        assert re.search(r'<input[^>]* name="remember"[^>]* checked>', page.text)
        sent = {"csrfToken": page.hidden("csrfToken"), "username": ANN, "password": RIGHT}
        again = await browser.submit(f"{at.ours}/callback/local", sent, follow=False)
        assert again.status == 303
        assert again.location == f"{at.url}/"


async def test_B20_the_eleventh_try_is_429_and_says_when(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        for spelling in (ANN, "ANN@example.com") * 5:
            assert (await sign_in(at, browser, spelling, WRONG)).status == 401
        refused = await sign_in(at, browser, ANN, RIGHT)
        assert refused.status == 429
        assert 0 < int(refused.answer.values("retry-after")[0]) <= 900
        assert "Too many attempts" in refused.text
        for _ in range(10):
            assert (await sign_in(at, browser, "nobody@example.com", WRONG)).status == 401
        other = await sign_in(at, browser, "nobody@example.com", WRONG)
        assert other.status == 429
        assert 0 < int(other.answer.values("retry-after")[0]) <= 900


@pytest.mark.parametrize("token", ["", "x" * 86])
async def test_B21_without_a_valid_token_403_and_no_attempt_counts(tmp_path: Path, token: str) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        for _ in range(12):
            assert (await sign_in(at, browser, ANN, WRONG, csrfToken=token)).status == 403
        assert (await sign_in(at, browser)).status == 303


async def test_B21_from_a_foreign_origin_403_and_no_attempt_counts(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        token = (await browser.navigate(f"{at.ours}/signin")).hidden("csrfToken")
        sent = {"csrfToken": token, "username": ANN, "password": WRONG}
        for _ in range(12):
            page = await browser.submit(f"{at.ours}/callback/local", sent, origin="https://evil.example")
            assert page.status == 403
        assert (await sign_in(at, browser)).status == 303


async def test_B24_a_target_that_leaves_is_refused_before_an_attempt_counts(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        for _ in range(12):
            assert (await sign_in(at, browser, ANN, WRONG, return_to="//evil.example")).status == 400
        assert (await sign_in(at, browser)).status == 303


async def test_a_disabled_user_with_the_right_password_is_refused_in_words(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        page = await sign_in(at, browser, OFF)
        assert page.status == 403
        assert "You cannot sign in" in page.text
        assert COOKIE not in browser.cookies.get(HOST, {})


async def test_S01_B40_the_session_is_new_and_the_old_one_ends(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        await sign_in(at, browser)
        old = browser.cookies[HOST][COOKIE]
        await sign_in(at, browser)
        assert at.opened(old)["sid"] != at.claims(browser)["sid"]
        browser.cookies[HOST][COOKIE] = old
        assert await at.session_of(browser) is None


async def test_B16_B18_a_password_login_switches_from_another_user(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        page = await browser.navigate(f"{at.ours}/signin/issuer?return_to=/x")
        assert page.status == 200
        assert (await at.session_of(browser))["user"]["id"] != await at.user_id(ANN)
        await sign_in(at, browser)
        assert (await at.session_of(browser))["user"]["id"] == await at.user_id(ANN)


@pytest.mark.parametrize(("revocation", "after"), [("strict", 0), ("renewal", 600)])
async def test_B114_a_new_password_ends_every_other_session(
    tmp_path: Path, revocation: str, after: int
) -> None:
    keys = f'[session]\nrevocation = "{revocation}"\n'
    async with place(tmp_path, top=keys) as at:
        browser = at.gate.browser()
        await sign_in(at, browser)
        assert (await browser.fetch(f"{at.url}/x")).status == 200
        async with at.store() as store:
            await store.passwords.change(await at.user_id(ANN), await hash_of("a password that is new"))
        at.clock.advance(after)
        assert (await browser.fetch(f"{at.url}/x")).status == 401
        assert (await sign_in(at, browser)).status == 401
        assert (await sign_in(at, browser, password="a password that is new")).status == 303


async def test_B14_B15_O35_no_issuer_is_linked_to_a_user_with_a_password(tmp_path: Path) -> None:
    async with place(tmp_path, provider_keys="trust_email = true") as at:
        async with at.store() as store:
            await store.users.add("alice@example.com", password_hash=await hash_of())
            await store.users.add("bob@example.com")
        at.issuer.user = "alice"
        refused = await at.gate.browser().navigate(f"{at.ours}/signin/issuer?return_to=/")
        assert refused.status == 403
        assert "OAuthAccountNotLinked" in refused.text
        at.issuer.user = "bob"
        assert (await at.gate.browser().navigate(f"{at.ours}/signin/issuer?return_to=/")).status == 200


async def test_with_passwords_the_page_is_shown_even_where_nothing_else_is(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        page = await at.gate.browser().navigate(f"{at.url}/wiki")
        assert page.status == 200
        assert f'action="{PREFIX}/callback/local"' in page.text
        assert f'formaction="{PREFIX}/signin/issuer"' in page.text


async def script(at: Scene, browser: Browser, **fields: str) -> Page:
    """Sign in as `signIn(id, {...})` of next-auth does."""
    sent = {"csrfToken": await at.csrf(browser), "callbackUrl": f"{at.url}/wiki", **fields}
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": at.url,
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Site": "same-origin",
        "X-Auth-Return-Redirect": "1",
    }
    url = f"{at.ours}/callback/local"
    return await browser.request("POST", url, headers=headers, body=urlencode(sent).encode(), follow=False)


async def test_B150_B151_a_script_signs_in_and_learns_why_it_did_not(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        listed = json.loads((await browser.fetch(f"{at.ours}/providers")).text)["local"]
        assert (listed["type"], listed["callbackUrl"]) == ("credentials", f"{at.ours}/callback/local")
        wrong = await script(at, browser, username=ANN, password=WRONG)
        assert wrong.status == 401
        assert json.loads(wrong.text)["url"] == f"{at.ours}/error?error=CredentialsSignin&code=credentials"
        right = await script(at, browser, username=ANN, password=RIGHT)
        assert right.status == 200
        assert json.loads(right.text) == {"url": f"{at.url}/wiki"}
        assert (await at.session_of(browser))["user"]["email"] == ANN
        for _ in range(10):
            await script(at, browser, username=ANN, password=WRONG)
        waits = await script(at, browser, username=ANN, password=RIGHT)
        assert waits.status == 429
        assert "error=TooManyAttempts" in json.loads(waits.text)["url"]
        assert waits.answer.values("retry-after")


async def test_B144_B149_logins_are_told_and_counted_without_the_password(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        browser = at.gate.browser()
        await sign_in(at, browser, ANN, WRONG)
        await sign_in(at, browser)
        async with await RawConnection.open(at.gate.admin_port) as connection:
            await connection.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            metrics = (await connection.answer()).body.decode()
        assert 'gateway_logins_total{provider="local",result="failure"} 1.0' in metrics
        assert 'gateway_logins_total{provider="local",result="success"} 1.0' in metrics
    (failed,) = at.gate.events("auth.login.failure")
    (success,) = at.gate.events("auth.login.success")
    assert (failed["reason"], failed["provider"]) == ("CredentialsSignin", "local")
    assert failed["client_ip"] == "127.0.0.1"
    assert success["provider"] == "local"
    for secret in (RIGHT, WRONG, "argon2"):
        assert secret not in at.gate.log
