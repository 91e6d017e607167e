"""BEHAVIOUR group G over sockets: the end of a session."""

import asyncio
from pathlib import Path

import pytest

from tests.fakes.databases import hand
from tests.fakes.gateway import HOST
from tests.fakes.scene import COOKIE, DomainBrowser, scene
from tests.fakes.store_calls import watched

STRICT = "[session]\nrevocation = 'strict'"


async def test_B105_every_variant_is_cleared_and_other_tabs_are_anonymous(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        tab = at.gate.browser()
        tab.cookies = alice.cookies  # the same profile
        variants = ["session", "__Secure-session", f"{COOKIE}.1", "session.2"]
        alice.cookies[HOST].update({name: "old" for name in variants})
        page = await at.signed_out(alice, return_to="/bye?x=1")
        assert (page.status, page.location) == (303, f"{at.url}/bye?x=1")
        cleared = [line.partition("=")[0] for line in page.set_cookies if "Max-Age=0" in line]
        assert {COOKIE, *variants} <= set(cleared)
        assert any("Domain=example.com" in line for line in page.set_cookies)
        assert not {COOKIE, *variants} & tab.cookies[HOST].keys()
        assert (await tab.fetch(at.url + "/")).status == 401
        assert page.answer.values("clear-site-data") == [b'"cache"']


@pytest.mark.parametrize("how", ["missing", "foreign token", "foreign origin", "cross-site", "GET", "HEAD"])
async def test_B106_S16_without_a_good_token_from_our_own_page_nothing_ends(tmp_path: Path, how: str) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        token = await at.csrf(alice)
        url = f"{at.ours}/signout"
        if how in ("GET", "HEAD"):
            page = await alice.fetch(f"{url}?csrfToken={token}", how)
            assert page.status == 200
        else:
            stranger = at.gate.browser()
            tokens = {"missing": "", "foreign token": await at.csrf(stranger)}
            origin = {"foreign origin": "https://evil.example", "cross-site": at.url}.get(how)
            page = await alice.submit(url, {"csrfToken": tokens.get(how, token)}, follow=False, origin=origin)
            assert page.status == 403
        assert (await alice.fetch(at.url + "/")).status == 200


async def test_B107_an_outage_keeps_nobody_signed_in_and_the_end_is_recorded_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at, at.node() as second:
        alice = await at.signed_in()
        copy = second.browser()
        copy.cookies[HOST] = dict(alice.cookies[HOST])
        calls.down = True
        page = await at.signed_out(alice)
        assert page.status == 303
        assert alice.cookie(at.url, COOKIE) is None
        calls.down = False
        async with asyncio.timeout(5):
            while not hand(tmp_path, "SELECT * FROM denied_sessions"):
                await asyncio.sleep(0.05)
        at.clock.advance(600)
        assert (await copy.fetch(at.url + "/")).status == 401
    assert len(at.gate.events("session.ending_unrecorded")) == 1


async def test_B107_under_strict_an_unrecorded_end_says_so_with_the_cookie_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path, tables=STRICT) as at:
        alice = await at.signed_in()
        calls.down = True
        page = await at.signed_out(alice)
        assert page.status == 503
        assert "Sign-out is incomplete" in page.text
        assert alice.cookie(at.url, COOKIE) is None
        calls.down = False


async def test_B108_S06_a_copy_lives_one_lease_elsewhere_and_not_a_moment_here(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.node() as second:
        alice = await at.signed_in()
        here, elsewhere = at.gate.browser(), second.browser()
        for copy in (here, elsewhere):
            copy.cookies[HOST] = dict(alice.cookies[HOST])
        await at.signed_out(alice)
        assert (await here.fetch(at.url + "/")).status == 401
        at.clock.advance(599)
        assert (await elsewhere.fetch(at.url + "/")).status == 200
        at.clock.advance(1)
        assert (await elsewhere.fetch(at.url + "/")).status == 401
        assert elsewhere.cookie(at.url, COOKIE) is None


async def test_B109_a_renewal_in_flight_sets_a_cookie_that_is_dead_here_and_dies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path) as at, at.node() as second:
        alice = await at.signed_in()
        tab = second.browser()
        tab.cookies[HOST] = dict(alice.cookies[HOST])
        at.clock.advance(600)
        calls.gate.clear()
        calls.asked.clear()
        renewing = asyncio.create_task(tab.fetch(at.url + "/"))
        await calls.asked.wait()
        await at.signed_out(alice)
        calls.gate.set()
        assert (await renewing).status == 200
        late = dict(tab.cookies[HOST])
        alice.cookies[HOST] = dict(late)
        assert (await alice.fetch(at.url + "/")).status == 401
        assert (await tab.fetch(at.url + "/")).status == 200
        at.clock.advance(600)
        assert (await tab.fetch(at.url + "/")).status == 401


async def test_B105_signing_out_twice_or_without_a_session_is_no_error(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        for _ in range(2):
            assert (await at.signed_out(alice)).status == 303
        assert (await at.signed_out(at.gate.browser())).status == 303
    assert len(at.gate.events("logout")) == 1


async def test_B105_with_a_cookie_domain_it_is_cleared_there_too(tmp_path: Path) -> None:
    async with scene(tmp_path, tables='[session.cookie]\ndomain = "example.com"') as at:
        alice = await at.signed_in(browser=DomainBrowser(dict(at.gate.places)))
        page = await at.signed_out(alice)
        assert any(
            line.startswith("__Secure-session=;") and "Domain=example.com" in line
            for line in page.set_cookies
        )
        assert alice.cookie(at.url, "__Secure-session") is None
