"""BEHAVIOUR 67, 75, 82, 114 and ATTACKS S09 over sockets: who has which role, and until when."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.store.standing import Lookup
from tests.fakes.browser import Browser
from tests.fakes.gateway import route
from tests.fakes.issuer import HostileIssuer
from tests.fakes.reloads import reloading
from tests.fakes.scene import Scene, scene, second_provider, seen

EDITORS = 'roles = ["editor"]'
GRANTS = """
[[roles]]
role = "editor"
provider = "issuer"
claim = "groups"
value = "wiki-editors"
[[roles]]
role = "auditor"
provider = "issuer"
claim = "realm_access.roles"
value = "audit"
"""


async def gateway(at: Scene, *arguments: str) -> str:
    """Run the command line in a process of its own, to its end; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, "--config", f"gateway-{at.gate.port}.toml",
        cwd=at.folder, env={"ISSUER_SECRET": "x" * 44, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode:
        raise AssertionError(err.decode())
    return out.decode()


async def visited(at: Scene) -> Browser:
    """Return a browser in which Alice signed in, on the way to a page that she may not see yet."""
    alice = at.gate.browser()
    await alice.navigate(f"{at.ours}/signin/issuer?return_to=/")
    return alice


async def status(at: Scene, browser: Browser, path: str = "/x") -> int:
    return (await browser.fetch(at.url + path)).status


async def test_B067_a_demotion_by_another_process_bites_at_the_very_next_request(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=EDITORS) as at:
        alice = await visited(at)
        for _ in range(3):
            await gateway(at, "users", "roles", "alice@example.com", "--grant", "editor")
            assert [await status(at, alice) for _ in range(5)] == [200] * 5, "remembered, and used"
            await gateway(at, "users", "roles", "alice@example.com", "--revoke", "editor")
            assert await status(at, alice) == 403


async def test_B067_a_demotion_on_another_node_bites_at_the_very_next_request(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=EDITORS) as at, at.store() as store:
        alice = await visited(at)
        user_id = await at.user_id()
        for _ in range(100):
            await store.users.change_roles(user_id, grant=["editor"])
            assert [await status(at, alice), await status(at, alice)] == [200, 200]
            await store.users.change_roles(user_id, revoke=["editor"])
            assert await status(at, alice) == 403


async def test_S09_while_nothing_changes_a_route_that_asks_for_roles_costs_no_lookup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    ask = Lookup._ask

    async def counted(self: Lookup, values: dict[str, object]) -> list[Any]:
        asked.append(values)
        return await ask(self, values)

    monkeypatch.setattr(Lookup, "_ask", counted)
    async with scene(tmp_path, route_keys=EDITORS) as at:
        alice = await visited(at)
        async with at.store() as store:
            await store.users.change_roles(await at.user_id(), grant=["editor"])
        before = len(asked)
        assert [await status(at, alice) for _ in range(100)] == [200] * 100
        assert 1 <= len(asked) - before <= 10, "one, and one more for each batch of the audit trail"


async def test_B075_a_claim_grants_a_role_from_the_login_on(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=EDITORS, tables=GRANTS) as at:
        at.issuer.users["alice"]["groups"] = ["staff", "wiki-editors"]
        at.issuer.users["alice"]["realm_access"] = {"roles": ["audit"]}
        alice = await visited(at)
        assert await status(at, alice) == 200
        assert seen(at.app.requests[-1], "X-User-Roles") == ["auditor,editor"]
        assert (await at.session_of(alice))["user"]["roles"] == ["auditor", "editor"]
        assert b"realm_access" not in at.app.requests[-1]


async def test_B075_the_next_login_replaces_what_the_provider_granted_and_nothing_by_hand(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, route_keys=EDITORS, tables=GRANTS) as at:
        at.issuer.users["alice"]["groups"] = ["wiki-editors"]
        alice = await visited(at)
        await gateway(at, "users", "roles", "alice@example.com", "--grant", "guest")
        at.issuer.users["alice"]["groups"] = []
        assert await status(at, alice) == 200, "the issuer is asked at logins"
        again = await visited(at)
        assert await status(at, again) == 403
        assert await status(at, alice) == 403, "of another session too: it is the database that says so"
        assert (await at.session_of(again))["user"]["roles"] == ["guest"]


async def test_B075_another_provider_grants_nothing_by_its_own_groups(tmp_path: Path) -> None:
    async with (
        HostileIssuer() as other,
        scene(tmp_path, route_keys=EDITORS, tables=GRANTS + second_provider(other)) as at,
    ):
        other.clock = at.clock
        other.users["bob"]["groups"] = ["wiki-editors"]
        other.user = "bob"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        bob = at.gate.browser()
        await bob.navigate(f"{at.ours}/signin/second?return_to=/")
        assert await status(at, bob) == 403


async def test_B075_a_rule_that_left_the_file_grants_nothing_after_the_next_start(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=EDITORS, tables=GRANTS) as at:
        at.issuer.users["alice"]["groups"] = ["wiki-editors"]
        alice = await visited(at)
        assert await status(at, alice) == 200
        async with at.node(tables="") as second:
            at.visits(alice, second)
            assert await status(at, alice) == 403


async def test_B075_a_rule_that_left_the_file_grants_nothing_after_a_reload(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=EDITORS, tables=GRANTS) as at:
        at.issuer.users["alice"]["groups"] = ["wiki-editors"]
        alice = await visited(at)
        assert await status(at, alice) == 200
        reload = reloading(at.gate, at.issuer)
        assert await reload(lambda text: text.replace(GRANTS, ""))
        assert await status(at, alice) == 403
        assert await reload(lambda text: text + GRANTS)
        again = await visited(at)
        assert await status(at, again) == 200


async def test_B075_a_rule_that_asks_for_another_value_grants_nothing_to_those_of_the_old_one(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, route_keys=EDITORS, tables=GRANTS) as at:
        at.issuer.users["alice"]["groups"] = ["wiki-editors"]
        at.issuer.users["bob"]["groups"] = ["wiki-editors", "wiki-owners"]
        alice = await visited(at)
        bob = await at.signed_in("bob")
        assert [await status(at, each) for each in (alice, bob)] == [200, 200]
        reload = reloading(at.gate, at.issuer)
        assert await reload(lambda text: text.replace('"wiki-editors"', '"wiki-owners"'))
        assert [await status(at, each) for each in (alice, bob)] == [403, 403]
        await bob.navigate(f"{at.ours}/signin/issuer?return_to=/&login_hint=bob")
        assert [await status(at, each) for each in (alice, bob)] == [403, 200]


async def test_B144_the_audit_trail_goes_on_after_a_reload(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        assert await reloading(at.gate, at.issuer)(lambda text: text + '\n[audit]\nkeep = "90d"\n')
        await at.signed_in()
        async with asyncio.timeout(10), at.store() as store:
            while not await store.audit.entries(event="session.created"):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("asks", [EDITORS, ""])
async def test_B082_S09_deleting_a_user_ends_their_sessions(tmp_path: Path, asks: str) -> None:
    async with scene(tmp_path, route_keys=asks) as at:
        alice = await visited(at)
        await gateway(at, "users", "roles", "alice@example.com", "--grant", "editor")
        assert await status(at, alice) == 200
        before = await at.user_id()
        await gateway(at, "users", "delete", "alice@example.com", "--yes")
        if not asks:
            at.clock.advance(600)
        assert await status(at, alice) == 401
        again = await visited(at)
        assert await at.user_id() != before, "the same person at the issuer is a new user here"
        assert await status(at, again) == (403 if asks else 200)
    assert [event["reason"] for event in at.gate.events("session.rejected")] == ["user_missing"]


async def test_B017_the_session_of_a_deleted_user_links_nothing(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other)) as at:
        other.clock, other.user = at.clock, "bob"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        alice = await visited(at)
        token = await at.csrf(alice)
        await gateway(at, "users", "delete", "alice@example.com", "--yes")
        page = await alice.submit(f"{at.ours}/account/link/second", {"csrfToken": token}, follow=False)
        assert page.status == 401


async def test_B114_an_administrator_unlinks_and_the_sessions_end(tmp_path: Path) -> None:
    async with HostileIssuer() as other, scene(tmp_path, tables=second_provider(other) + GRANTS) as at:
        other.clock, other.user = at.clock, "bob"
        at.gate.places[other.url] = int(other.url.rpartition(":")[2])
        at.issuer.users["alice"]["groups"] = ["wiki-editors"]
        alice = await visited(at)
        await alice.submit(f"{at.ours}/account/link/second", {"csrfToken": await at.csrf(alice)})
        user_id = await at.user_id()
        assert await status(at, alice) == 200
        assert user_id in await gateway(at, "users", "list")
        await gateway(at, "users", "unlink", user_id, "issuer")
        at.clock.advance(600)
        assert await status(at, alice) == 401
        async with at.store() as store:
            (account,) = await store.users.accounts_of(user_id)
            user = await store.users.find(user_id)
        assert user is not None
        assert (account.provider, user.roles) == ("second", ())


async def test_explain_counts_what_a_provider_granted(tmp_path: Path) -> None:
    tables = GRANTS + route("{app}", EDITORS).replace('path = "/"', 'path = "/edit"')
    async with scene(tmp_path, tables=tables) as at:
        at.issuer.users["alice"]["groups"] = ["wiki-editors"]
        await visited(at)
        told = await gateway(at, "explain", "GET", f"{at.url}/edit", "--user", "alice@example.com")
        assert "pass" in told
