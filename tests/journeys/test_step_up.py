"""Step-up and a login that a third party begins, at an issuer that nobody here wrote: npm `oidc-provider`."""

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.foreign_issuer import CLIENT_SECRET, ForeignIssuer, foreign_issuer
from tests.fakes.gateway import HOST, RunningGateway, running_gateway
from tests.fakes.scene import COOKIE, told
from tests.fakes.upstream import RecordingUpstream

CALLBACK = f"https://{HOST}/.gateway/callback/foreign"
PROVIDER = """
[[providers]]
id = "foreign"
issuer = "{issuer.url}"
client_id = "gateway"
client_secret = "{secret}"
"""


@dataclass
class Ahead:
    """The gateway's clock: the issuer's, which is the machine's, and some seconds more."""

    seconds: float = 0

    def __call__(self) -> float:
        return time.time() + self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    gateway: RunningGateway
    issuer: ForeignIssuer
    app: RecordingUpstream
    clock: Ahead = field(default_factory=Ahead)

    def browser(self) -> Browser:
        browser = self.gateway.browser()
        browser.places[self.issuer.url] = self.issuer.port
        return browser


@pytest.fixture
async def house(tmp_path: Path, needs: Callable[[str], str]) -> AsyncIterator[House]:
    needs("node")
    clock = Ahead()
    async with AsyncExitStack() as parts:
        issuer = await parts.enter_async_context(foreign_issuer(CALLBACK))
        app = await parts.enter_async_context(RecordingUpstream())
        tables = PROVIDER.format(issuer=issuer, secret=CLIENT_SECRET)
        gateway = await parts.enter_async_context(
            running_gateway(
                tmp_path, upstream=app.url, route_keys='max_auth_age = "5m"', tables=tables, clock=clock
            )
        )
        yield House(gateway=gateway, issuer=issuer, app=app, clock=clock)


def asked(browser: Browser, issuer: ForeignIssuer) -> list[dict[str, list[str]]]:
    """Return the authorization requests that *browser* made."""
    return [parse_qs(urlsplit(url).query) for url in browser.visited if url.startswith(f"{issuer.url}/auth?")]


async def sign_in_instead(house: House, browser: Browser, page: Page, login: str) -> Page:
    """Sign in as somebody else than the issuer remembers: it ends its own session first, by a form."""
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form, page.text
    page = await browser.submit(unescape(form[1]), {"prompt": "login", "login": login, "password": "any"})
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
    assert form, page.text
    page = await browser.submit(unescape(form[1]), {"xsrf": page.hidden("xsrf"), "logout": "yes"})
    return await house.issuer.sign_in(browser, page, login)


async def test_B073_B040_the_issuer_asks_again_and_a_new_session_replaces_the_old_one(house: House) -> None:
    alice = house.browser()
    there = f"{house.gateway.url}/app"
    page = await house.issuer.sign_in(alice, await alice.navigate(there), "alice")
    assert (page.status, page.url) == (200, there)
    first, before = told(house.app.requests[-1]), alice.cookie(house.gateway.url, COOKIE)

    house.clock.seconds = 331  # the issuer sees no time pass, so it has to be told to ask
    page = await alice.navigate(there)
    assert page.url.startswith(house.issuer.url), page.text
    house.clock.seconds = 280
    page = await house.issuer.sign_in(alice, page, "alice")
    assert (page.status, page.url) == (200, there)
    assert [each.get("prompt") for each in asked(alice, house.issuer)] == [None, None, ["login"]]
    assert all(each["max_age"] == ["300"] for each in asked(alice, house.issuer))
    now = told(house.app.requests[-1])
    assert (now["sub"], now["sid"] != first["sid"]) == (first["sub"], True)
    assert now["auth_time"] >= first["auth_time"]

    thief = house.browser()
    thief.cookies[HOST] = {COOKIE: str(before)}
    assert (await thief.fetch(there)).status == 401


async def test_B018_whoever_comes_back_as_somebody_else_stays_who_they_were(house: House) -> None:
    alice = house.browser()
    there = f"{house.gateway.url}/app"
    await house.issuer.sign_in(alice, await alice.navigate(there), "alice")
    house.clock.seconds = 331
    page = await alice.navigate(there)
    house.clock.seconds = 280
    page = await sign_in_instead(house, alice, page, "bob")
    assert (page.status, "That was somebody else" in page.text) == (403, True)
    said = await alice.fetch(f"{house.gateway.url}/.gateway/session")
    assert '"email":"alice@example.com"' in said.text


async def test_a_portal_sends_people_here_signed_in(house: House) -> None:
    alice = house.browser()
    there = f"{house.gateway.url}/app?from=portal"
    sent = {"iss": house.issuer.url, "target_link_uri": there, "login_hint": "alice"}
    page = await alice.navigate(f"{house.gateway.url}/.gateway/initiate/foreign?{urlencode(sent)}")
    page = await house.issuer.sign_in(alice, page, "alice")
    # The target asks for a proof of how long ago it was, which a first login did not ask for.
    assert (page.status, page.url) == (200, there)
    assert asked(alice, house.issuer)[0]["login_hint"] == ["alice"]
