"""BEHAVIOUR 12, 75 and 134: what an issuer says of somebody when their tokens are refreshed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.fakes.browser import Browser
from tests.fakes.raw_client import RawConnection, get
from tests.fakes.refreshing import RefreshingIssuer
from tests.fakes.scene import Scene, scene, seen, told

STATEFUL = "[session]\nstrategy = 'stateful'\n"
STRATEGIES = pytest.mark.parametrize("strategy", ["", STATEFUL], ids=["stateless", "stateful"])
TABLES = """
[[roles]]
role = "editor"
provider = "issuer"
claim = "groups"
value = "staff"
[[routes]]
path = "/edit"
upstream = "{app}"
roles = ["editor"]
"""
KEYS = 'claims = { department = "department" }'


class Teller(RefreshingIssuer):
    """Answers at userinfo while `telling` is set."""

    def __init__(self, **keys: object) -> None:
        super().__init__(**keys)
        self.telling = asyncio.Event()
        self.telling.set()

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        await self.telling.wait()
        return await super()._userinfo(request)


@asynccontextmanager
async def forwarding(folder: Path, strategy: str = "") -> AsyncIterator[tuple[Scene, Teller]]:
    keys: dict[str, Any] = {"route_keys": 'forward_token = "access_token"', "provider_keys": KEYS}
    async with scene(folder, issued_by=Teller, tables=strategy + TABLES, **keys) as at:
        issuer = at.issuer
        assert isinstance(issuer, Teller)
        issuer.users["alice"] |= {"groups": ["staff"], "department": "it"}
        yield at, issuer


async def known(at: Scene, browser: Browser) -> tuple[list[str], list[str], list[str]]:
    """Return the roles, the groups and the name that the app is told, once it is asked."""
    page = await browser.fetch(at.url + "/x")
    assert page.status == 200, page.text
    claims = told(at.app.requests[-1])
    return claims["roles"], claims["groups"], seen(at.app.requests[-1], "X-User-Name")


async def edits(at: Scene, browser: Browser) -> int:
    return (await browser.fetch(at.url + "/edit")).status


async def until(held: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await held():
            await asyncio.sleep(0.02)


async def counted(at: Scene, outcome: str) -> None:
    """Wait until a refresh has come to this."""
    line = f'gateway_claims_refreshes_total{{outcome="{outcome}",provider="issuer"}} 1.0\n'

    async def is_counted() -> bool:
        async with await RawConnection.open(at.gate.admin_port) as connection:
            await connection.write(get("/metrics", "Connection: close", host="localhost"))
            return line in (await connection.answer()).body.decode()

    await until(is_counted)


@STRATEGIES
async def test_B075_B134_a_refresh_brings_roles_groups_and_name_to_every_session_of_the_account(
    tmp_path: Path, strategy: str
) -> None:
    async with forwarding(tmp_path, strategy) as (at, issuer):
        other, alice = await at.signed_in(), await at.signed_in()
        assert await known(at, other) == await known(at, alice) == (["editor"], ["staff"], ["Alice"])
        issuer.users["alice"] |= {"groups": ["guests"], "name": "Alice Lee"}
        at.clock.advance(290)
        assert (await alice.fetch(at.url + "/x")).status == 200
        await counted(at, "changed")
        assert [await edits(at, each) for each in (alice, other)] == [403, 403]
        at.clock.advance(310)
        after: object = ([], ["guests"], ["Alice Lee"])
        assert [await known(at, each) for each in (alice, other)] == [after] * 2
        issuer.users["alice"]["groups"] = ["staff"]
        at.clock.advance(290)
        assert (await other.fetch(at.url + "/x")).status == 200

        async def both_edit() -> bool:
            return [await edits(at, each) for each in (alice, other)] == [200, 200]

        await until(both_edit)
    changes = [(event["detail"], event["provider"]) for event in at.gate.events("account.updated")]
    assert changes == [("profile, groups, roles", "issuer"), ("groups, roles", "issuer")]


async def test_B075_roles_given_by_hand_stay_whatever_a_refresh_brings(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (at, issuer):
        alice = await at.signed_in()
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=["admin"])
        issuer.users["alice"]["groups"] = []
        at.clock.advance(290)
        assert (await alice.fetch(at.url + "/x")).status == 200
        await counted(at, "changed")
        at.clock.advance(310)
        assert (await known(at, alice))[:2] == (["admin"], [])


@pytest.mark.parametrize("fault", ["userinfo_500", "userinfo_other_sub", "userinfo_401", "huge groups"])
async def test_B140_B143_what_cannot_be_had_with_a_refresh_leaves_all_as_it_was(
    tmp_path: Path, fault: str
) -> None:
    async with forwarding(tmp_path) as (at, issuer):
        alice = await at.signed_in()
        before = await known(at, alice)
        if fault == "huge groups":
            issuer.users["alice"]["groups"] = ["x"] * 2000
        else:
            issuer.users["alice"]["groups"] = []
            issuer.faults = {fault}
        at.clock.advance(290)
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert seen(at.app.requests[-1], "Authorization") == [f"Bearer {issuer.current}"]
        await counted(at, "failed")
        at.clock.advance(310)
        assert await known(at, alice) == before
    failed = at.gate.events("claims.refresh_failed")
    assert failed
    assert "canary" not in str(failed)


async def test_B141_no_request_waits_for_what_userinfo_says(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (at, issuer):
        alice = await at.signed_in()
        issuer.telling.clear()
        issuer.users["alice"]["groups"] = []
        at.clock.advance(290)
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert seen(at.app.requests[-1], "Authorization") == [f"Bearer {issuer.current}"]
        assert await edits(at, alice) == 200
        issuer.telling.set()
        await counted(at, "changed")
        assert await edits(at, alice) == 403


async def test_B092_an_issuer_without_a_new_id_token_is_asked_nothing(tmp_path: Path) -> None:
    async with forwarding(tmp_path) as (at, issuer):
        alice = await at.signed_in()
        before, asked = await known(at, alice), issuer.seen["userinfo"]
        issuer.with_id_token = False
        issuer.users["alice"]["groups"] = []
        at.clock.advance(290)
        assert (await alice.fetch(at.url + "/x")).status == 200
        await counted(at, "unsaid")
        at.clock.advance(310)
        assert await known(at, alice) == before
        assert issuer.seen["userinfo"] == asked
