"""A provider of OAuth 2.0, which has no ID tokens, through the whole gateway: from button to logout."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.clock import FakeClock
from tests.fakes.databases import file_in, hand, made_in
from tests.fakes.gateway import HOST, running_gateway
from tests.fakes.issuer import HostileIssuer
from tests.fakes.oauth_site import OAuthSite
from tests.fakes.scene import COOKIE, PREFIX, Scene, scene, seen, told
from tests.fakes.upstream import RecordingUpstream

STATEFUL = "[session]\nstrategy = 'stateful'\n"
FORWARD = 'forward_token = "access_token"\n'
VERIFIED = 'email_verified_claim = "confirmed"\n'
STRATEGIES = pytest.mark.parametrize("strategy", ["", STATEFUL], ids=["stateless", "stateful"])


class House:
    """A gateway that knows the forge beside an issuer of OpenID Connect, id `issuer`."""

    def __init__(self, at: Scene, site: OAuthSite) -> None:
        self.at = at
        self.site = site

    def browser(self) -> Browser:
        browser = self.at.gate.browser()
        browser.places[self.site.url] = self.site.port
        return browser

    async def arrive(self, browser: Browser, path: str = "/x", user: str = "ann") -> Page:
        """Sign in with *browser* at the forge on the way to *path*, and return what it shows at last."""
        self.site.user = user
        return await browser.navigate(f"{self.at.ours}/signin/forge?return_to={path}")

    async def signed_in(self, user: str = "ann") -> Browser:
        browser = self.browser()
        page = await self.arrive(browser, user=user)
        assert (page.status, page.url) == (200, f"{self.at.url}/x"), page.text
        return browser

    async def at_the_issuer(self, browser: Browser | None = None) -> Browser:
        """Sign alice in at the issuer of OpenID Connect."""
        browser = browser or self.browser()
        page = await browser.navigate(f"{self.at.ours}/signin/issuer?return_to=/x")
        assert (page.status, page.url) == (200, f"{self.at.url}/x"), page.text
        return browser

    async def refused(self, *, status: int, browser: Browser | None = None, user: str = "ann") -> Page:
        """Hold that a login ends with a page of that *status*, with nobody signed in."""
        browser = browser or self.browser()
        before = browser.cookie(self.at.url, COOKIE)
        passed = len(self.at.app.requests)
        page = await self.arrive(browser, user=user)
        assert (page.status, page.url.startswith(self.at.ours)) == (status, True), page.text
        assert "<h1>" in page.text
        assert "canary" not in page.text
        assert browser.cookie(self.at.url, COOKIE) == before
        assert len(self.at.app.requests) == passed
        return page

    def told_last(self, name: str) -> str:
        (value,) = seen(self.at.app.requests[-1], name)
        return value


@asynccontextmanager
async def house(
    folder: Path, *, strategy: str = "", provider: str = VERIFIED, tables: str = "", **keys: Any
) -> AsyncIterator[House]:
    clock = FakeClock()
    async with OAuthSite(clock=clock) as site:
        tables = strategy + site.table(provider) + tables
        async with scene(folder, tables=tables, **keys) as at:
            site.clock = at.clock
            yield House(at, site)


async def status(browser: Browser, here: House, path: str = "/x") -> int:
    return (await browser.fetch(here.at.url + path)).status


# The login


async def test_B001_the_only_provider_is_gone_to_straight_away(tmp_path: Path) -> None:
    clock = FakeClock()
    made_in(tmp_path)
    async with OAuthSite(clock=clock) as site, RecordingUpstream() as app:
        keys: dict[str, Any] = {"upstream": app.url, "clock": clock, "tables": site.table()}
        async with running_gateway(tmp_path, **keys) as gate:
            browser = gate.browser()
            browser.places[site.url] = site.port
            page = await browser.navigate(f"{gate.url}/wiki?page=1")
            assert (page.status, page.url) == (200, f"{gate.url}/wiki?page=1")
            assert (site.redeemed, site.told) == (1, 1)
            offered = json.loads((await browser.fetch(f"{gate.url}{PREFIX}/providers")).text)
            assert (offered["forge"]["type"], offered["forge"]["name"]) == ("oauth", "Forge")


@STRATEGIES
async def test_B003_B011_B045_O30_a_person_signs_in_and_the_app_is_told_who(
    tmp_path: Path, strategy: str
) -> None:
    async with house(tmp_path, strategy=strategy) as here:
        browser = await here.signed_in()
        (asked,) = here.site.asked
        assert asked["redirect_uri"] == f"{here.at.ours}/callback/forge"
        assert (asked["scope"], asked["code_challenge_method"]) == ("read_user", "S256")
        assert not {"nonce", "openid"} & asked.keys()
        assert here.told_last("X-User-Email") == "ann@forge.example"
        assert (here.told_last("X-User-Name"), here.told_last("X-User-Groups")) == ("Ann", "staff")
        claims = told(here.at.app.requests[-1])
        assert (claims["sub"], claims["idp"]) == (await here.at.user_id("ann@forge.example"), "forge")
        assert not {"acr", "amr"} & claims.keys()
        session = await here.at.session_of(browser)
        assert (session["user"]["name"], session["user"]["id"]) == ("Ann", claims["sub"])
        assert hand(tmp_path, "SELECT provider, issuer, subject FROM accounts") == [
            ("forge", here.site.url, "7")
        ]


@STRATEGIES
async def test_B012_O37_a_new_name_and_address_are_the_same_user_and_an_old_id_is_another(
    tmp_path: Path, strategy: str
) -> None:
    async with house(tmp_path, strategy=strategy) as here:
        await here.signed_in()
        user = here.told_last("X-User-Id")
        here.site.people["ann"] |= {"email": "lee@forge.example", "profile": {"name": "Ann Lee"}}
        await here.signed_in()
        assert (here.told_last("X-User-Id"), here.told_last("X-User-Name")) == (user, "Ann Lee")
        assert here.told_last("X-User-Email") == "lee@forge.example"
        here.site.people["ann"] |= {"id": 70, "email": None}
        await here.signed_in()
        assert here.told_last("X-User-Id") != user


@STRATEGIES
async def test_B079_B092_a_session_renews_without_the_provider_and_outlives_its_token(
    tmp_path: Path, strategy: str
) -> None:
    async with house(tmp_path, strategy=strategy) as here:
        browser = await here.signed_in()
        calls = (here.site.redeemed, here.site.refreshes, here.site.told)
        here.site.faults = {"token_down", "refresh_down", "userinfo_down"}
        for later in (599, 2, 86_400):
            here.at.clock.advance(later)
            assert await status(browser, here) == 200
        assert (here.site.redeemed, here.site.refreshes, here.site.told) == calls


async def test_B004_hints_go_to_a_provider_of_this_kind_too(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        query = "return_to=/x&login_hint=ann&prompt=select_account&ui_locales=de&scope=all&nonce=n"
        await here.browser().navigate(f"{here.at.ours}/signin/forge?{query}")
        (asked,) = here.site.asked
        hinted = {name: asked[name] for name in ("login_hint", "prompt", "ui_locales", "scope")}
        assert hinted == {
            "login_hint": "ann",
            "prompt": "select_account",
            "ui_locales": "de",
            "scope": "read_user",
        }
        assert "nonce" not in asked


async def test_O17_a_third_party_begins_a_login_there_by_the_name_that_its_accounts_have(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as here:
        browser = here.browser()
        page = await browser.navigate(
            f"{here.at.ours}/initiate/forge?iss={here.site.url}&target_link_uri=/x&login_hint=ann"
        )
        assert (page.status, page.url) == (200, f"{here.at.url}/x")
        page = await browser.navigate(f"{here.at.ours}/initiate/forge?iss=https://other.example")
        assert page.status == 400


# What goes wrong, as the person sees it


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("token_down", 503),
        ("token_html", 503),
        ("broken", 503),
        ("userinfo_down", 503),
        ("token_says_error", 400),
        ("another_type", 400),
        ("userinfo_refuses", 400),
        ("userinfo_list", 400),
        ("other_iss", 400),
    ],
)
async def test_O22_B029_trouble_at_the_provider_is_a_page_and_the_next_try_works(
    tmp_path: Path, fault: str, expected: int
) -> None:
    async with house(tmp_path) as here:
        browser = here.browser()
        here.site.faults = {fault}
        page = await here.refused(status=expected, browser=browser)
        assert (b"\r\nretry-after: " in page.answer.head.lower()) is (expected == 503)
        assert "<b>no</b>" not in page.text
        assert hand(tmp_path, "SELECT id FROM users") == []
        here.site.faults = set()
        assert (await here.arrive(browser)).status == 200
    assert "canary" not in here.at.gate.log
    (failed,) = [line for line in here.at.gate.events("auth.login.failure")]
    assert failed["provider"] == "forge"


async def test_B029_O21_a_provider_that_nobody_answers_for_is_503_and_sessions_go_on(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        alice = await here.at_the_issuer()
        browser = here.browser()
        left = await browser.navigate(f"{here.at.ours}/signin/forge?return_to=/x", follow=False)
        back = (await browser.navigate(left.location, follow=False)).location
        await here.site.__aexit__()
        page = await browser.navigate(back)
        assert (page.status, page.answer.values("retry-after") != []) == (503, True)
        assert browser.cookie(here.at.url, COOKIE) is None
        assert await status(alice, here) == 200


async def test_B010_O10_whoever_says_no_is_offered_another_try(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.site.faults = {"cancelled"}
        page = await here.refused(status=403)
        assert "cancelled" in page.text.lower()
        assert here.site.redeemed == 0


@pytest.mark.parametrize("told_as", [None, "", True, 1.5, ["7"], {"id": 7}, "x" * 256, "a\nb"])
async def test_O37_userinfo_that_names_nobody_signs_nobody_in(tmp_path: Path, told_as: object) -> None:
    async with house(tmp_path) as here:
        here.site.people["ann"]["id"] = told_as
        await here.refused(status=400)
        assert hand(tmp_path, "SELECT id FROM users") == []
    assert here.at.gate.events("auth.login.failure")


async def test_B005_B006_B026_an_answer_counts_once_and_in_its_own_browser(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        browser, thief = here.browser(), here.browser()
        left = await browser.navigate(f"{here.at.ours}/signin/forge?return_to=/x", follow=False)
        back = (await browser.navigate(left.location, follow=False)).location
        assert (await thief.fetch(back)).status == 400
        assert here.site.redeemed == 0
        assert (await browser.navigate(back)).status == 200
        again = await browser.navigate(back, follow=False)
        assert (again.status, again.location) == (303, f"{here.at.url}/")
        assert here.site.redeemed == 1


async def test_O04_O06_an_answer_of_the_forge_is_worth_nothing_at_the_issuer(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        browser = here.browser()
        left = await browser.navigate(f"{here.at.ours}/signin/forge?return_to=/x", follow=False)
        back = (await browser.navigate(left.location, follow=False)).location
        page = await browser.fetch(back.replace("/callback/forge", "/callback/issuer"))
        assert page.status == 400
        assert (here.site.redeemed, here.at.issuer.seen["token"]) == (0, 0)


@pytest.mark.parametrize(
    ("provider", "confirmed", "expected"),
    [
        (VERIFIED, True, 200),
        (VERIFIED, False, 403),
        (VERIFIED, "true", 403),
        (VERIFIED, None, 403),
        ("", True, 403),
    ],
)
async def test_B015_O35_an_address_counts_in_a_rule_only_where_the_provider_vouches_for_it(
    tmp_path: Path, provider: str, confirmed: object, expected: int
) -> None:
    rule = 'email_domains = ["forge.example"]'
    async with house(tmp_path, provider=provider, route_keys=rule) as here:
        here.site.people["ann"]["confirmed"] = confirmed
        page = await here.arrive(here.browser())
        assert (page.status, page.url) == (expected, f"{here.at.url}/x")


# Users and accounts


@pytest.mark.parametrize(
    ("provider", "confirmed", "linked"),
    [
        (VERIFIED, True, False),
        (VERIFIED + "trust_email = true", True, True),
        (VERIFIED + "trust_email = true", False, False),
        (VERIFIED + "trust_email = true", "true", False),
        ("trust_email = true", True, False),
    ],
)
async def test_B014_B015_O35_an_address_of_somebody_else_links_only_where_it_is_vouched_for(
    tmp_path: Path, provider: str, confirmed: object, linked: bool
) -> None:
    async with house(tmp_path, provider=provider) as here:
        await here.at_the_issuer()
        user = here.told_last("X-User-Id")
        here.site.people["ann"] |= {"email": "alice@example.com", "confirmed": confirmed}
        if linked:
            await here.signed_in()
            assert here.told_last("X-User-Id") == user
        else:
            page = await here.refused(status=403)
            assert "another" in page.text
        assert len(hand(tmp_path, "SELECT * FROM accounts")) == (2 if linked else 1)
        assert len(hand(tmp_path, "SELECT * FROM users")) == 1


@STRATEGIES
async def test_B016_whoever_is_signed_in_links_the_forge_from_the_account_page(
    tmp_path: Path, strategy: str
) -> None:
    async with house(tmp_path, strategy=strategy) as here:
        browser = await here.at_the_issuer()
        user = here.told_last("X-User-Id")
        page = await browser.navigate(f"{here.at.ours}/account")
        (place,) = re.findall(r'formaction="([^"]*forge[^"]*)"|action="([^"]*forge[^"]*)"', page.text)
        sent = {"csrfToken": page.hidden("csrfToken")}
        page = await browser.submit(here.at.url + unescape(place[0] or place[1]), sent)
        assert (page.status, page.url) == (200, f"{here.at.ours}/account")
        other = await here.signed_in()
        assert here.told_last("X-User-Id") == user
        assert (await status(other, here), await status(browser, here)) == (200, 200)


async def test_B018_another_account_of_the_forge_switches_the_browser(tmp_path: Path) -> None:
    async with house(tmp_path, strategy=STATEFUL) as here:
        browser = await here.signed_in()
        thief = here.browser()
        thief.cookies[HOST] = dict(browser.cookies[HOST])
        user = here.told_last("X-User-Id")
        await here.arrive(browser, user="bob")
        assert here.told_last("X-User-Id") != user
        assert await status(thief, here) == 401


# Tokens


@STRATEGIES
async def test_B134_B139_O25_an_app_gets_the_token_and_a_fresh_one_in_time(
    tmp_path: Path, strategy: str
) -> None:
    async with house(tmp_path, strategy=strategy, route_keys=FORWARD) as here:
        browser = await here.signed_in()
        for turn in range(3):
            assert here.told_last("Authorization") == f"Bearer {here.site.current}"
            assert here.site.refreshes == turn
            here.at.clock.advance(250)
            assert await status(browser, here) == 200
        here.site.faults = {"refresh_down"}
        here.at.clock.advance(250)
        assert await status(browser, here) == 200, "the token lives"
        here.at.clock.advance(60)
        assert await status(browser, here) == 503
        here.site.faults = {"refused"}
        here.at.clock.advance(6)
        assert await status(browser, here) == 401
        assert (await browser.fetch(f"{here.at.ours}/session")).text != "null"
        here.site.faults = set()
        await here.arrive(browser)
        assert here.told_last("Authorization") == f"Bearer {here.site.current}"
        kept = [file_in(tmp_path), *tmp_path.glob("*-wal")]
        assert all(b"canary" not in path.read_bytes() for path in kept)
    assert "canary" not in here.at.gate.log


async def test_B075_a_refresh_has_the_forge_asked_who_it_is_by_now(tmp_path: Path) -> None:
    async with house(tmp_path, route_keys=FORWARD) as here:
        here.site.people["ann"]["groups"] = ["staff"]
        browser = await here.signed_in()
        assert here.told_last("X-User-Groups") == "staff"
        here.site.people["ann"]["groups"] = ["guests"]
        here.at.clock.advance(250)
        assert await status(browser, here) == 200
        async with asyncio.timeout(20):
            while "guests" not in str(await asyncio.to_thread(hand, tmp_path, "SELECT claims FROM accounts")):
                await asyncio.sleep(0.02)
        here.at.clock.advance(600)
        assert await status(browser, here) == 200
        assert here.told_last("X-User-Groups") == "guests"


@STRATEGIES
@pytest.mark.parametrize(("choice", "expected"), [("login", 401), ("deny", 403), ("keep", 200)])
async def test_B137_a_provider_without_refresh_tokens_gives_one_with_each_login(
    tmp_path: Path, strategy: str, choice: str, expected: int
) -> None:
    keys = f'{FORWARD}on_refresh_error = "{choice}"'
    async with house(tmp_path, strategy=strategy, route_keys=keys) as here:
        here.site.gives_refresh = False
        browser = await here.signed_in()
        here.at.clock.advance(299)
        assert await status(browser, here) == 200
        here.at.clock.advance(1)
        assert await status(browser, here) == expected
        assert here.site.refreshes == 0
        await here.arrive(browser)
        assert here.told_last("Authorization") == f"Bearer {here.site.current}"


async def test_a_route_that_wants_an_id_token_gets_none_from_the_forge(tmp_path: Path) -> None:
    async with house(tmp_path, route_keys='forward_token = "id_token"') as here:
        page = await here.arrive(here.browser())
        assert page.status == 403
        assert here.at.app.requests == []


# Logout


@STRATEGIES
@pytest.mark.parametrize("fields", [{}, {"federated": "1"}, {"scope": "all"}])
async def test_B105_B115_B117_a_logout_ends_here_and_goes_nowhere_else(
    tmp_path: Path, strategy: str, fields: dict[str, str]
) -> None:
    async with house(tmp_path, strategy=strategy, route_keys=FORWARD) as here:
        browser = await here.signed_in()
        page = await browser.navigate(f"{here.at.ours}/signout")
        assert "Forge" not in page.text, "nobody signs out there through us"
        page = await here.at.signed_out(browser, return_to="/bye", **fields)
        assert (page.status, page.location) == (303, f"{here.at.url}/bye")
        assert COOKIE not in browser.cookies[HOST]
        assert await status(browser, here) == 401
        async with asyncio.timeout(20):
            while hand(tmp_path, "SELECT key FROM provider_grants"):
                await asyncio.sleep(0.02)
        assert (await here.arrive(browser)).status == 200


async def test_B116_B122_nobody_ends_sessions_of_the_forge_from_outside(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        browser = await here.signed_in()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        place = f"{here.at.ours}/backchannel-logout/forge"
        answer = await browser.request("POST", place, headers=form, body=b"logout_token=a.b.c", follow=False)
        assert answer.status in (400, 404)
        await browser.navigate(f"{here.at.ours}/frontchannel-logout/forge?iss={here.site.url}&sid=s")
        assert await status(browser, here) == 200


# Proof


async def test_B073_O19_what_the_forge_cannot_prove_is_refused_without_a_loop(tmp_path: Path) -> None:
    strong = 'acr_values = ["mfa"]'
    async with house(tmp_path, route_keys=strong) as here:
        page = await here.arrive(here.browser())
        assert (page.status, here.at.app.requests) == (403, [])
        assert len(here.site.asked) <= 2


async def test_both_kinds_stand_beside_one_another(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        assert isinstance(here.at.issuer, HostileIssuer)
        page = await here.browser().navigate(f"{here.at.ours}/signin")
        assert page.text.count("Continue with") == 2
        await here.signed_in()
        first = here.told_last("X-User-Id")
        await here.at_the_issuer()
        assert here.told_last("X-User-Id") != first
