"""Several tenants of Entra through the whole gateway: each person is of one, and others stay outside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fakes.browser import Browser, Page
from tests.fakes.clock import FakeClock
from tests.fakes.databases import hand, made_in
from tests.fakes.gateway import RunningGateway, route, running_gateway
from tests.fakes.scene import COOKIE, PREFIX, seen
from tests.fakes.tenants_issuer import OTHER, STRANGE, TENANT, TenantsIssuer
from tests.fakes.upstream import RecordingUpstream

STATEFUL = "[session]\nstrategy = 'stateful'\n"
STRATEGIES = pytest.mark.parametrize("strategy", ["", STATEFUL], ids=["stateless", "stateful"])


class House:
    """A gateway whose only provider is an issuer with tenants."""

    def __init__(
        self, gate: RunningGateway, issuer: TenantsIssuer, app: RecordingUpstream, clock: FakeClock
    ) -> None:
        self.gate = gate
        self.clock = clock
        self.issuer = issuer
        self.app = app
        gate.places[issuer.url] = int(issuer.url.rpartition(":")[2])

    async def arrive(self, tenant: str, *, user: str = "alice", browser: Browser | None = None) -> Page:
        self.issuer.tenant, self.issuer.user = tenant, user
        return await (browser or self.gate.browser()).navigate(f"{self.gate.url}/x")

    async def told(self, tenant: str, name: str, **keys: Any) -> list[str]:
        """Sign somebody of *tenant* in, and return what the app is told of them."""
        page = await self.arrive(tenant, **keys)
        assert (page.status, page.url) == (200, f"{self.gate.url}/x"), page.text
        return seen(self.app.requests[-1], name)


@asynccontextmanager
async def house(
    folder: Path, *tenants: str, strategy: str = "", keys: str = "", routes: str = ""
) -> AsyncIterator[House]:
    made_in(folder)
    clock = FakeClock()
    async with TenantsIssuer(clock=clock) as issuer, RecordingUpstream() as app:
        tables = strategy + issuer.table(keys, *tenants) + route(app.url, routes)
        environ = {"WORK_SECRET": issuer.client_secret}
        async with running_gateway(folder, tables=tables, clock=clock, environ=environ) as gate:
            yield House(gate, issuer, app, clock)


@STRATEGIES
async def test_O37_T08_one_subject_at_two_tenants_is_two_people(tmp_path: Path, strategy: str) -> None:
    async with house(tmp_path, strategy=strategy) as here:
        here.issuer.users["alice"].pop("email")
        first = await here.told(TENANT, "X-User-Id")
        second = await here.told(OTHER, "X-User-Id")
        assert first != second
        assert await here.told(TENANT, "X-User-Id") == first
        subject = "alice-at-the-issuer"
        issuers = [here.issuer.issuer_of(each) for each in (TENANT, OTHER)]
        rows = hand(tmp_path, "SELECT provider, issuer, subject FROM accounts")
        assert sorted(rows, key=str) == sorted((("work", each, subject) for each in issuers), key=str)


async def test_T08_a_tenant_that_is_not_listed_stays_outside_and_is_told_so(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        browser = here.gate.browser()
        page = await here.arrive(STRANGE, browser=browser)
        assert (page.status, "<h1>" in page.text) == (400, True)
        assert browser.cookie(here.gate.url, COOKIE) is None
        assert (here.app.requests, hand(tmp_path, "SELECT id FROM users")) == ([], [])
        assert STRANGE not in page.text
    (failed,) = here.gate.events("auth.login.failure")
    assert failed["provider"] == "work"
    assert "no tenant that is configured" in here.gate.log


async def test_O35_an_address_of_another_tenant_opens_nothing(tmp_path: Path) -> None:
    rule = 'email_domains = ["example.com"]'
    async with house(tmp_path, routes=rule) as here:
        page = await here.arrive(TENANT)
        assert (page.status, here.app.requests) == (403, [])
        page = await here.arrive(OTHER)
        assert (page.status, "another" in page.text) == (403, True), "the address is of somebody else here"
        assert len(hand(tmp_path, "SELECT id FROM users")) == 1


async def test_a_route_can_ask_for_a_tenant(tmp_path: Path) -> None:
    keys = 'claims = { tenant = "tid" }'
    rule = f'claims = {{ tenant = "{TENANT}" }}'
    async with house(tmp_path, keys=keys, routes=rule) as here:
        assert (await here.arrive(TENANT)).status == 200
        assert (await here.arrive(OTHER, user="bob")).status == 403


@STRATEGIES
async def test_B134_B143_tokens_are_refreshed_at_the_tenant_of_the_login(
    tmp_path: Path, strategy: str
) -> None:
    forward = 'forward_token = "access_token"'
    async with house(tmp_path, strategy=strategy, routes=forward) as here:
        browser = here.gate.browser()
        await here.told(OTHER, "X-User-Id", browser=browser)
        here.clock.advance(250)
        assert (await browser.fetch(f"{here.gate.url}/x")).status == 200
        assert seen(here.app.requests[-1], "Authorization") == [f"Bearer {here.issuer.current}"]
        here.issuer.tenant = TENANT
        here.clock.advance(250)
        assert (await browser.fetch(f"{here.gate.url}/x")).status == 401
        assert (await browser.fetch(f"{here.gate.url}{PREFIX}/session")).text == "null"
    assert [line["reason"] for line in here.gate.events("tokens.refresh")] == ["foreign"]


async def test_a_tenant_that_is_not_in_the_list_any_more_signs_nobody_in(tmp_path: Path) -> None:
    async with house(tmp_path, TENANT) as here:
        assert (await here.arrive(TENANT)).status == 200
        assert (await here.arrive(OTHER, user="bob")).status == 400


async def test_O17_each_listed_tenant_s_issuer_may_send_people_here(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.issuer.tenant = OTHER
        for issuer in (here.issuer.issuer_of(TENANT), here.issuer.issuer_of(OTHER), here.issuer.shared):
            page = await initiated(here, issuer)
            assert (page.status, page.url) == (200, f"{here.gate.url}/x?y=1"), page.text
        assert here.issuer.seen["authorize"] == 3


async def test_O06_nobody_else_s_issuer_begins_a_login(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        ours = here.issuer.issuer_of(TENANT)
        for iss in (
            *(here.issuer.issuer_of(each) for each in (STRANGE, "{tenantid}", "common", TENANT.upper())),
            *(f"{ours}/", f"{ours}#", ours.removesuffix("/v2.0"), here.issuer.url, ""),
            ours.replace(here.issuer.url, "https://evil.example"),
        ):
            page = await initiated(here, iss)
            assert (page.status, "This link is not for this site" in page.text) == (400, True), iss
        assert here.issuer.seen["authorize"] == 0


async def test_O06_a_tenant_that_was_taken_out_of_the_list_begins_none(tmp_path: Path) -> None:
    async with house(tmp_path, TENANT) as here:
        assert (await initiated(here, here.issuer.issuer_of(OTHER))).status == 400


async def initiated(here: House, iss: str) -> Page:
    """Follow the link with which *iss* sends people to be signed in."""
    sent = urlencode({"iss": iss, "target_link_uri": "/x?y=1"})
    return await here.gate.browser().navigate(f"{here.gate.url}{PREFIX}/initiate/work?{sent}")
