"""Logout with an issuer that nobody here wrote: npm `oidc-provider`, which calls us back by itself."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.foreign_issuer import CLIENT_SECRET, ForeignIssuer, foreign_issuer
from tests.fakes.gateway import RunningGateway, running_gateway
from tests.fakes.ports import free_port
from tests.fakes.upstream import RecordingUpstream

PROVIDER = """
[session]
revocation = "strict"
[[providers]]
id = "foreign"
issuer = "http://localhost:{port}"
client_id = "gateway"
client_secret = "{secret}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    gateway: RunningGateway
    issuer: ForeignIssuer

    @property
    def ours(self) -> str:
        return f"{self.gateway.url}/.gateway"

    async def sign_in(self, login: str) -> Browser:
        browser = self.gateway.browser()
        browser.places[self.issuer.url] = self.issuer.port
        page = await browser.navigate(f"{self.gateway.url}/app")
        page = await self.issuer.sign_in(browser, page, login)
        assert page.url == f"{self.gateway.url}/app", page.text
        assert page.status == 200
        return browser

    async def sign_out(self, browser: Browser, **fields: str) -> Page:
        token = re.findall(r'"csrfToken":"([^"]+)"', (await browser.fetch(f"{self.ours}/csrf")).text)[0]
        return await browser.submit(f"{self.ours}/signout", {"csrfToken": token, **fields}, follow=True)

    async def confirm(self, browser: Browser, page: Page) -> Page:
        """Say yes on the issuer's own page."""
        form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert form, page.text
        fields = {"xsrf": page.hidden("xsrf"), "logout": "yes"}
        return await browser.submit(unescape(form[1]), fields)


@pytest.fixture
async def house(tmp_path: Path, needs: Callable[[str], str]) -> AsyncIterator[House]:
    needs("node")
    port = free_port()
    async with AsyncExitStack() as parts:
        app = await parts.enter_async_context(RecordingUpstream())
        tables = PROVIDER.format(port=port, secret=CLIENT_SECRET)
        gateway = await parts.enter_async_context(
            running_gateway(tmp_path, upstream=app.url, tables=tables, http=True)
        )
        ours = f"{gateway.url}/.gateway"
        issuer = await parts.enter_async_context(
            foreign_issuer(
                f"{ours}/callback/foreign",
                port=port,
                more={
                    "postLogoutRedirectUris": [f"{ours}/signout"],
                    "backchannelLogoutUri": f"{ours}/backchannel-logout/foreign",
                },
            )
        )
        yield House(gateway=gateway, issuer=issuer)


async def test_B115_a_logout_goes_on_to_the_issuer_and_comes_back(house: House) -> None:
    alice = await house.sign_in("alice")
    page = await house.sign_out(alice, federated="1", return_to="/bye")
    assert page.url.startswith(house.issuer.url)
    sent = parse_qs(urlsplit(page.url).query)
    assert "id_token_hint" in sent
    page = await house.confirm(alice, page)
    assert f"{house.gateway.url}/bye" in alice.visited, alice.visited
    assert page.url.startswith(house.issuer.url), "whoever wants the app again has to sign in there"


async def test_B116_the_issuer_s_own_token_ends_the_session_in_every_browser(house: House) -> None:
    alice, bob = await house.sign_in("alice"), await house.sign_in("bob")
    copy = house.gateway.browser()
    host = "localhost"
    copy.cookies[host] = dict(alice.cookies[host])
    assert (await copy.fetch(f"{house.gateway.url}/app")).status == 200
    page = await alice.navigate(f"{house.issuer.url}/session/end")
    await house.confirm(alice, page)
    for browser, status in ((copy, 401), (bob, 200)):
        assert (await browser.fetch(f"{house.gateway.url}/app")).status == status
