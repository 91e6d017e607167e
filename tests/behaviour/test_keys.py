"""BEHAVIOUR group I over sockets: keys that come, go, and are never mixed up."""

import json
from pathlib import Path

import pytest

from gateway.keys.keyring import KeyRing
from tests.fakes.gateway import HOST, SECRET
from tests.fakes.scene import COOKIE, PREFIX, ours_in, scene, seen, told
from tests.fakes.store_calls import watched

NEXT = "the next secret of this gateway, long enough"
ROTATED = f'["{NEXT}", "{SECRET}"]'
RETIRED = f'"{NEXT}"'


async def test_B129_T25_a_key_put_first_takes_over_and_all_that_was_made_before_still_works(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as at, at.node(secret=ROTATED) as second:
        alice = await at.signed_in()
        form = {"csrfToken": await at.csrf(alice)}
        nobody = at.gate.browser()
        callback = await at.departed(nobody, "/x")
        for browser in (alice, nobody):
            at.visits(browser, second)
        page = await alice.fetch(at.url + "/x")
        assert (page.status, page.set_cookies) == (200, [])
        assert (await nobody.navigate(callback)).status == 200
        assert at.claims(nobody, secret=NEXT)["email"] == "alice@example.com"
        left = await alice.submit(f"{at.ours}/signout", form, follow=False)
        assert left.status == 303
        assert alice.cookie(at.url, COOKIE) is None


async def test_B129_apps_find_the_key_of_either_node(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.node(secret=ROTATED) as second:
        alice = await at.signed_in()
        kids = set()
        for gate in (at.gate, second):
            at.visits(alice, gate)
            await alice.fetch(at.url + "/x")
            assertion = seen(at.app.requests[-1], "X-Gateway-Assertion")[0]
            assert told(at.app.requests[-1])["email"] == "alice@example.com"
            kids.add(assertion.partition(".")[0])
        published = json.loads((await second.browser().fetch(f"{at.ours}/jwks.json")).text)
        assert len(kids) == len(published["keys"]) == 2
        assert not any("d" in key for key in published["keys"])


async def test_B130_a_key_taken_out_ends_its_sessions_quietly_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with (
        scene(tmp_path) as at,
        at.node(secret=ROTATED) as second,
        at.node(secret=RETIRED) as third,
    ):
        old = await at.signed_in()
        new = second.browser()
        await new.navigate(at.url + "/")
        for browser in (old, new):
            at.visits(browser, third)
        assert (await new.fetch(at.url + "/x")).status == 200
        before = calls.total
        page = await old.navigate(at.url + "/x", follow=False)
        assert page.status == 302
        assert calls.total == before
        assert (await old.navigate(page.location)).status == 200
        assert (await old.fetch(at.url + "/x")).status == 200


@pytest.mark.parametrize("kind", ["login", "logins", "csrf"])
async def test_B132_G4_a_value_of_another_kind_is_no_session(tmp_path: Path, kind: str) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        await at.csrf(browser)
        callback = await at.departed(browser)
        sealed = {name: value for name, value in browser.cookies[HOST].items() if f"-{kind}" in name}
        if kind == "logins":
            await browser.navigate(callback, follow=False)
            sealed = {"logins": browser.cookies[HOST][f"{COOKIE}-logins"]}
        [value] = sealed.values()
        thief = at.gate.browser()
        thief.cookies[HOST] = {COOKIE: value}
        assert (await thief.fetch(at.url + "/x")).status == 401
        assert at.app.requests == []


async def test_B132_G4_a_session_is_no_transaction(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        browser = at.gate.browser()
        callback = await at.departed(browser)
        [name] = [name for name in browser.cookies[HOST] if "-login-" in name]
        browser.cookies[HOST] = {name: alice.cookies[HOST][COOKIE]}
        page = await browser.fetch(callback)
        assert page.status == 400
        assert at.issuer.seen["token"] == 1


@pytest.mark.parametrize("version", [0, 2, 2**31, "1"])
async def test_B133_C06_a_session_of_another_version_leads_to_a_login_and_no_crash(
    tmp_path: Path, version: object
) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        alice.cookies[HOST][COOKIE] = at.sealed({**at.claims(alice), "ver": version})
        page = await alice.navigate(at.url + "/x", follow=False)
        assert page.status == 302
        assert page.location.startswith(f"{at.ours}/signin?")
        assert any("Max-Age=0" in line for line in ours_in(page))
        assert (await alice.navigate(f"{at.url}/x")).status == 200
        assert PREFIX not in alice.visited[-1]


async def test_B133_C06_a_login_begun_by_another_release_is_refused_and_begun_anew(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        browser = at.gate.browser()
        callback = await at.departed(browser, "/x")
        [name] = [name for name in browser.cookies[HOST] if "-login-" in name]
        sealer = KeyRing([SECRET.encode()], scope=at.url).sealer("login")
        known = sealer.open(browser.cookies[HOST][name])
        for payload in (b"", b"{}", b"\xc1", known + b"\x00", known[:-1]):
            browser.cookies[HOST][name] = sealer.seal(payload)
            page = await browser.fetch(callback)
            assert page.status == 400
        assert at.issuer.seen.get("token", 0) == 0
        assert (await browser.navigate(at.url + "/x")).status == 200
