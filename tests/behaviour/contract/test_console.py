"""The console over either strategy and each store: what is pressed there holds everywhere, in time."""

import asyncio

import pytest

from tests.fakes.browser import Browser
from tests.fakes.keepings import STATELESS, Keeping
from tests.fakes.scene import Scene

# One of each kind: how each way to keep sessions ends them is held in test_endings.
WAYS = (STATELESS, "stateless postgres", "sqlite push", "postgres push", "redis push")
pytestmark = pytest.mark.parametrize("kept", WAYS, indirect=True)


async def due(kept: Keeping, at: Scene) -> None:
    """Let as much time pass as an ending may take."""
    if kept.pushed:
        await asyncio.sleep(0.05)
    if not kept.stateful:
        at.clock.advance(600)


async def promoted(at: Scene) -> Browser:
    alice = await at.signed_in("alice")
    async with at.store() as store:
        await store.users.change_roles(await at.user_id(), grant=["admin"])
    return alice


async def press(at: Scene, admin: Browser, path: str, **fields: str) -> None:
    """Press a button on Bob's page; hold that it is done."""
    page = await admin.navigate(f"{at.ours}/admin/users/{await at.user_id('bob@example.com')}")
    sent = {"csrfToken": page.hidden("csrfToken"), **fields}
    answer = await admin.submit(f"{at.ours}/admin/{path}", sent, follow=False)
    assert answer.status == 303
    assert "?done=" in answer.location


async def statuses(at: Scene, *browsers: Browser) -> list[int]:
    return [(await browser.fetch(at.url + "/x")).status for browser in browsers]


async def test_C12_S20_an_administrator_ends_one_session_then_all_and_disables(kept: Keeping) -> None:
    async with kept.scene() as at, at.node() as second:
        first, other = [await at.signed_in("bob") for _ in range(2)]
        alice = await promoted(at)
        at.visits(other, second)
        bob = await at.user_id("bob@example.com")
        assert await statuses(at, first, other) == [200, 200]
        async with at.store() as store:
            public = {each.public_id for each in await store.sign_ins.listed(bob)}
        await press(at, alice, f"sessions/{public.pop()}")
        await due(kept, at)
        assert sorted(await statuses(at, first, other)) == [200, 401]
        await press(at, alice, f"users/end/{bob}")
        await due(kept, at)
        assert await statuses(at, first, other) == [401, 401]
        third, alice = await at.signed_in("bob"), await at.signed_in("alice")
        await press(at, alice, f"users/disable/{bob}")
        await due(kept, at)
        assert await statuses(at, third, alice) == [401, 200]
        admin = await at.user_id()
    for name in ("sessions.end", "users.disable"):
        told = at.gate.events(f"admin.{name}")
        assert {(line["actor"], line["user_id"], line["outcome"]) for line in told} == {
            (admin, bob, "success")
        }
        assert all(line["request_id"] and line["client_ip"] for line in told)


async def test_C12_B067_who_loses_the_role_is_refused_at_the_next_request_on_any_node(
    kept: Keeping,
) -> None:
    async with kept.scene() as at, at.node() as second:
        bob, alice = await at.signed_in("bob"), await promoted(at)
        user_id = await at.user_id("bob@example.com")
        here = f"{at.ours}/admin/"
        assert (await bob.navigate(here)).status == 403
        await press(at, alice, f"users/grant/{user_id}", role="admin")
        at.visits(bob, second)
        assert (await bob.navigate(here)).status == 200
        await press(at, alice, f"users/revoke/{user_id}", role="admin")
        assert (await bob.navigate(here)).status == 403
