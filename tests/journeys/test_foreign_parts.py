"""The main job with parts that nobody here wrote: npm `oidc-provider` in front, Radicale behind."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.foreign_app import ForeignApp, foreign_app
from tests.fakes.foreign_issuer import ForeignIssuer, foreign_issuer
from tests.fakes.gateway import HOST, RunningGateway, running_gateway

CALLBACK = f"https://{HOST}/.gateway/callback/foreign"
PROVIDER = """
[[providers]]
id = "foreign"
name = "Foreign issuer"
issuer = "{issuer.url}"
client_id = "{issuer.client_id}"
client_secret = "{issuer.client_secret}"
scopes = ["openid", "email", "profile", "offline_access"]
"""
ONE_LINE = '[identity.headers]\n"X-Remote-User" = "email"\n'
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//EN
BEGIN:VEVENT
UID:tea-1
DTSTAMP:20260101T000000Z
DTSTART:20260102T160000Z
SUMMARY:Tea with Bob
END:VEVENT
END:VCALENDAR
"""
REPORT = """<?xml version="1.0"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>"""
PROGRAM = {"Accept": "*/*"}


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The three parts, and whoever knocks."""

    gateway: RunningGateway
    issuer: ForeignIssuer
    app: ForeignApp

    async def sign_in(self, login: str) -> Browser:
        browser = self.gateway.browser()
        browser.places[self.issuer.url] = self.issuer.port
        page = await browser.navigate(f"{self.gateway.url}/.web/")
        page = await self.issuer.sign_in(browser, page, login)
        assert page.url == f"{self.gateway.url}/.web/", page.text
        assert page.status == 200
        return browser

    async def call(self, browser: Browser, method: str, path: str, body: str = "", **headers: str) -> Page:
        """What a calendar program with the browser's cookies does."""
        sent = PROGRAM | {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.gateway.url + path
        return await browser.request(method, url, headers=sent, body=body.encode() or None, follow=False)


@pytest.fixture
async def house(tmp_path: Path, needs: Callable[[str], str]) -> AsyncIterator[House]:
    needs("node")
    async with AsyncExitStack() as parts:
        issuer = await parts.enter_async_context(foreign_issuer(CALLBACK))
        app = await parts.enter_async_context(foreign_app(tmp_path))
        tables = ONE_LINE + PROVIDER.format(issuer=issuer)
        gateway = await parts.enter_async_context(running_gateway(tmp_path, upstream=app.url, tables=tables))
        yield House(gateway=gateway, issuer=issuer, app=app)


async def test_an_unmodified_calendar_server_knows_who_signed_in_at_a_foreign_issuer(house: House) -> None:
    alice = await house.sign_in("alice")
    made = await house.call(alice, "MKCALENDAR", "/alice@example.com/home/")
    assert made.status == 201, made.text
    event = "/alice@example.com/home/tea.ics"
    put = await house.call(alice, "PUT", event, EVENT, Content_Type="text/calendar")
    assert put.status == 201, put.text

    read = await house.call(alice, "REPORT", "/alice@example.com/home/", REPORT, Depth="1")
    assert read.status == 207
    assert "SUMMARY:Tea with Bob" in read.text
    back = await house.call(alice, "GET", event)
    assert "UID:tea-1" in back.text

    bob = await house.sign_in("bob")
    assert (await house.call(bob, "GET", event)).status == 403
    assert (await house.call(bob, "PROPFIND", "/bob@example.com/", Depth="0")).status == 207
    as_alice = await house.call(bob, "GET", event, X_Remote_User="alice@example.com")
    assert as_alice.status == 403, "bob's session and alice's name: bob's session decides"
    folded = await house.call(bob, "GET", event, X_Remote__User="alice@example.com")
    assert folded.status == 403


@pytest.mark.parametrize("name", ["X-Remote-User", "x-remote-user", "X_Remote_User", "X-Remote_User"])
async def test_C42_a_request_that_brings_its_own_user_gets_nothing(house: House, name: str) -> None:
    stranger = house.gateway.browser()
    url = f"{house.gateway.url}/alice@example.com/"
    sent = PROGRAM | {name: "alice@example.com", "Depth": "0"}
    answer = await stranger.request("PROPFIND", url, headers=sent, follow=False)
    assert answer.status == 401
    assert "PROPFIND" not in house.app.log


async def test_the_foreign_issuer_demands_pkce_and_its_answer_names_it(house: House) -> None:
    browser = await house.sign_in("carol")
    asked = next(url for url in browser.visited if url.startswith(f"{house.issuer.url}/auth?"))
    assert parse_qs(urlsplit(asked).query)["code_challenge_method"] == ["S256"]
    answer = next(url for url in browser.visited if url.startswith(f"{CALLBACK}?"))
    assert parse_qs(urlsplit(answer).query)["iss"] == [house.issuer.url]


async def test_O06_the_foreign_issuers_answer_counts_only_under_its_own_name(house: House) -> None:
    browser = house.gateway.browser()
    browser.places[house.issuer.url] = house.issuer.port
    page = await browser.navigate(f"{house.gateway.url}/.web/")
    way_back = browser.places.pop(house.gateway.url)
    with pytest.raises(KeyError):  # the way back is cut just before the callback
        await house.issuer.sign_in(browser, page, "carol")
    browser.places[house.gateway.url] = way_back
    answer = browser.visited[-1]
    named = urlencode({"iss": house.issuer.url})
    assert named in answer
    for other in (urlencode({"iss": "https://other.example"}), f"{named}&{named}"):
        refused = await browser.navigate(answer.replace(named, other), follow=False)
        assert refused.status == 400
        assert (await house.call(browser, "GET", "/.gateway/session")).text == "null"


async def test_the_same_person_is_the_same_user_at_every_login(house: House) -> None:
    first, second = await house.sign_in("alice"), await house.sign_in("alice")
    users = [await house.call(one, "GET", "/.gateway/session") for one in (first, second)]
    ids = {page.text.partition('"id":"')[2].partition('"')[0] for page in users}
    assert len(ids) == 1
    assert ids != {""}
