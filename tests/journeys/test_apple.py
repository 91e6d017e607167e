"""Sign in with Apple, from the button to the app: what its form carries beside the answer, and what not."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.apple_issuer import RELAY, TEAM, AppleIssuer
from tests.fakes.browser import Browser
from tests.fakes.clock import FakeClock
from tests.fakes.gateway import RunningGateway, running_gateway
from tests.fakes.posting import FormBrowser
from tests.fakes.provider_keys import secrets
from tests.fakes.scene import seen
from tests.fakes.upstream import RecordingUpstream

PROVIDER = """
[[providers]]
id = "apple"
preset = "apple"
issuer = "{issuer}"
team = "{team}"
client_id = "gateway"
{keys}
"""


@dataclass(slots=True, kw_only=True)
class Apple:
    issuer: AppleIssuer
    app: RecordingUpstream
    gate: RunningGateway

    def browser(self) -> Browser:
        places = {**self.gate.places, self.issuer.url: int(self.issuer.url.rpartition(":")[2])}
        return FormBrowser(places)

    async def name_in(self, browser: Browser, *, status: int = 200) -> list[str]:
        """Return the name that the app is told where *browser* signs in."""
        page = await browser.navigate(f"{self.gate.url}/")
        assert page.status == status, page.text + self.gate.log
        return seen(self.app.requests[-1], "X-User-Name") if status == 200 else []


@asynccontextmanager
async def apple(folder: Path) -> AsyncIterator[Apple]:
    clock = FakeClock()
    async with AppleIssuer(clock=clock) as issuer, RecordingUpstream() as app:
        written = PROVIDER.format(issuer=issuer.url, team=TEAM, keys=secrets("apple"))
        async with running_gateway(folder, upstream=app.url, tables=written, clock=clock) as gate:
            yield Apple(issuer=issuer, app=app, gate=gate)


async def test_the_name_of_the_first_consent_stays(tmp_path: Path) -> None:
    async with apple(tmp_path) as at:
        assert await at.name_in(at.browser()) == ["Ann Example"]
        assert await at.name_in(at.browser()) == ["Ann Example"], "though Apple told it no more"
        assert seen(at.app.requests[-1], "X-User-Email") == [RELAY]


async def test_O37_what_nobody_signed_is_a_name_and_no_more(tmp_path: Path) -> None:
    forged = {"email": "admin@example.com", "email_verified": True, "sub": "admin", "groups": ["admins"]}
    async with apple(tmp_path) as at:
        at.issuer.told = {**forged, "name": {"firstName": "Ann", "lastName": "Admin", **forged}}
        assert await at.name_in(at.browser()) == ["Ann Admin"]
        request = at.app.requests[-1]
        assert seen(request, "X-User-Email") == [RELAY]
        assert (seen(request, "X-User-Roles"), seen(request, "X-User-Groups")) in (([], []), ([""], [""]))
        assert b"admin@example.com" not in request
        assert "admin@example.com" not in at.gate.log


@pytest.mark.parametrize(
    "told", ["{", "[]", json.dumps({"name": {"firstName": "Ann\r\nX-User-Roles: admin"}})]
)
async def test_F3_a_form_with_anything_else_signs_nobody_in(tmp_path: Path, told: str) -> None:
    async with apple(tmp_path) as at:
        at.issuer.told = told
        browser = at.browser()
        await at.name_in(browser, status=400)
        assert at.app.requests == []
        assert await at.name_in(browser) == [], "the next login has none"


async def test_O34_no_client_secret_is_in_the_log(tmp_path: Path) -> None:
    async with apple(tmp_path) as at:
        await at.name_in(at.browser())
        sent = next(form for name, _, form in at.issuer.requests if name == "token")
        assert sent["client_secret"].count(".") == 2
        assert sent["client_secret"] not in at.gate.log
        assert sent["client_secret"].rpartition(".")[2] not in at.gate.log
