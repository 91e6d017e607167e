"""Groups and claims over every way to keep sessions: they are the account's, as its provider said last."""

import asyncio
import time

import pytest

from tests.fakes.browser import Browser
from tests.fakes.gateway import HOST
from tests.fakes.hammers import hammering
from tests.fakes.keepings import ALL, Keeping
from tests.fakes.raw_client import get
from tests.fakes.scene import COOKIE, Scene, seen, told

KEEPS = 'claims = { department = "department" }'
DEPARTMENT = """
[identity.headers]
X-User-Id = "id"
X-User-Name = "name"
X-User-Groups = "groups"
X-Department = "claims.department"
"""


async def due(kept: Keeping, at: Scene) -> None:
    """Let as much time pass as a change may take."""
    if kept.pushed:
        await asyncio.sleep(0.05)
    if not kept.stateful:
        at.clock.advance(600)


async def known(at: Scene, browser: Browser) -> tuple[object, list[str], list[str]]:
    """Return the groups, the department and the name that the app is told of who calls now."""
    page = await browser.fetch(at.url + "/x")
    assert page.status == 200, page.text
    request = at.app.requests[-1]
    return told(request)["groups"], seen(request, "X-Department"), seen(request, "X-User-Name")


def says(at: Scene, groups: list[str], department: str | None, name: str) -> None:
    """Let the issuer say this of Alice from now on."""
    claims: dict[str, object] = {"groups": groups, "name": name}
    at.issuer.users["alice"].pop("department", None)
    at.issuer.users["alice"] |= claims | ({"department": department} if department else {})


@pytest.mark.parametrize("kept", ALL, indirect=True)
async def test_B012_B079_what_a_later_login_brings_reaches_each_live_session_of_the_account(
    kept: Keeping,
) -> None:
    async with kept.scene(more=DEPARTMENT, provider_keys=KEEPS) as at, at.node() as second:
        says(at, ["staff", "wiki"], "it", "Alice")
        here, elsewhere = await at.signed_in(), await at.signed_in()
        at.visits(elsewhere, second)
        before = (["staff", "wiki"], ["it"], ["Alice"])
        assert [await known(at, each) for each in (here, elsewhere)] == [before] * 2
        says(at, ["guests"], None, "Alice Lee")
        await at.signed_in()
        await due(kept, at)
        after: object = (["guests"], [], ["Alice Lee"])
        for _ in range(2):
            assert [await known(at, each) for each in (here, elsewhere)] == [after] * 2


@pytest.mark.parametrize("kept", ["stateless", "sqlite push"], indirect=True)
async def test_B070_a_rule_about_groups_goes_by_what_the_issuer_said_last(kept: Keeping) -> None:
    async with kept.scene(route_keys='groups = ["staff"]') as at:
        says(at, ["staff"], None, "Alice")
        old = await at.signed_in()
        assert (await old.fetch(at.url + "/x")).status == 200
        says(at, [], None, "Alice")
        new = at.gate.browser()
        assert (await new.navigate(f"{at.ours}/signin?return_to=/x")).status == 403
        await due(kept, at)
        assert (await old.fetch(at.url + "/x")).status == 403
        assert await at.session_of(old) is not None, "not allowed is not signed out"


@pytest.mark.parametrize(
    "kept", ["sqlite push", "postgres push", "postgres off", "redis push"], indirect=True
)
async def test_B064_B065_hammered_while_a_group_goes_none_passes_later_than_allowed(kept: Keeping) -> None:
    async with kept.scene(route_keys='groups = ["staff"]') as at, at.node() as second:
        says(at, ["staff"], None, "Alice")
        alice = await at.signed_in()
        head = f"Cookie: {COOKIE}={alice.cookies[HOST][COOKIE]}"
        asked = {gate.port: get("/x", head, host=HOST) for gate in (at.gate, second)}
        async with hammering(asked) as hammers:
            await kept.sql("""UPDATE accounts SET claims = '{"groups": [], "kept": {}}'""")
            hammers.ended_at = time.monotonic()
        for port in asked:
            assert hammers.late(port, allowed=0.05 if kept.pushed else 0.0) == []
