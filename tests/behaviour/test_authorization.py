"""BEHAVIOUR group D over sockets: what the database says decides, at the moment it is asked."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import SettingsInvalid
from gateway.settings.loader import load
from tests.fakes.browser import Browser
from tests.fakes.gateway import HOST, route
from tests.fakes.raw_client import get
from tests.fakes.scene import COOKIE, PREFIX, Scene, scene, seen, told
from tests.fakes.store_calls import watched

EDITORS = 'roles = ["editor"]'
BY_TOKEN = 'roles = ["editor"]\nroles_from = "token"'


async def grant(at: Scene, *roles: str, revoke: tuple[str, ...] = ()) -> None:
    async with at.store() as store:
        await store.users.change_roles(await at.user_id(), grant=roles, revoke=revoke)


async def editor(at: Scene) -> Browser:
    """Sign Alice in, twice, so that her token holds the role too."""
    alice = at.gate.browser()
    await alice.navigate(f"{at.ours}/signin?return_to=/")
    await grant(at, "editor")
    await alice.navigate(f"{at.ours}/signin?return_to=/")
    return alice


async def test_B067_a_demotion_counts_at_the_very_next_request(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=EDITORS) as at:
        alice = await editor(at)
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert at.claims(alice)["roles"] == ["editor"]
        await grant(at, revoke=("editor",))
        passed = len(at.app.requests)
        assert (await alice.fetch(at.url + "/x")).status == 403
        assert at.claims(alice)["roles"] == ["editor"]
        assert len(at.app.requests) == passed
        await grant(at, "editor")
        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_B068_roles_from_token_cost_no_query_and_end_with_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path, route_keys=BY_TOKEN) as at:
        alice = await editor(at)
        await grant(at, revoke=("editor",))
        before = calls.total
        at.clock.advance(599)
        assert (await alice.fetch(at.url + "/x")).status == 200
        assert calls.total == before
        at.clock.advance(1)
        assert (await alice.fetch(at.url + "/x")).status == 403


async def test_B069_the_tokens_roles_are_neither_believed_nor_sent(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys='roles_from = "database"') as at:
        alice = await editor(at)
        await grant(at, "reader", revoke=("editor",))
        await alice.fetch(at.url + "/x")
        assert seen(at.app.requests[-1], "X-User-Roles") == ["reader"]
        assert told(at.app.requests[-1])["roles"] == ["reader"]


@pytest.mark.parametrize(
    ("change", "reason"), [("delete from users", "user_missing"), ("disable", "user_disabled")]
)
async def test_B069_a_user_found_missing_or_disabled_is_rejected_there_and_then(
    tmp_path: Path, change: str, reason: str
) -> None:
    async with scene(tmp_path, route_keys=EDITORS) as at:
        alice = await editor(at)
        passed = len(at.app.requests)
        async with at.store() as store:
            user_id = await at.user_id()
            if change == "disable":
                await store.users.set_enabled(user_id, enabled=False)
            else:
                await store.users.delete(user_id)
        page = await alice.fetch(at.url + "/x")
        assert page.status == 401
        assert alice.cookie(at.url, COOKIE) is None
        assert len(at.app.requests) == passed
    assert [event["reason"] for event in at.gate.events("session.rejected")] == [reason]


async def test_B070_not_allowed_is_403_and_not_known_is_the_way_in(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=EDITORS) as at:
        alice = at.gate.browser()
        page = await alice.navigate(at.url + "/x")
        assert page.status == 403
        assert page.url == at.url + "/x"
        assert (await alice.fetch(at.url + "/x")).status == 403
        nobody = at.gate.browser()
        assert (await nobody.navigate(at.url + "/x", follow=False)).status == 302
        assert (await nobody.fetch(at.url + "/x")).status == 401
        assert at.app.requests == []


@pytest.mark.parametrize(
    "keys",
    [
        'emails = ["bob@example.com"]',
        'groups = ["admins"]',
        'users = ["u_nobody"]',
        'email_domains = ["other.com"]',
        'claims = { department = "it" }',
        'deny = { emails = ["alice@example.com"] }',
        'deny = { groups = ["staff"] }',
        'networks = ["10.0.0.0/8"]',
        'methods = ["POST"]',
    ],
)
async def test_B070_each_rule_refuses_whom_it_should(tmp_path: Path, keys: str) -> None:
    mapped = 'claims = { department = "department" }'
    async with scene(tmp_path, route_keys=keys, provider_keys=mapped) as at:
        alice = at.gate.browser()
        await alice.navigate(f"{at.ours}/signin?return_to=/")
        page = await alice.fetch(at.url + "/x")
        assert page.status in (403, 405)
        assert at.app.requests == []


async def test_B070_a_claim_that_a_rule_or_a_header_names_is_what_the_issuer_says(tmp_path: Path) -> None:
    keys = 'claims = { department = "it" }\nidentity.headers = { X-Desk = "claims.desk" }\n'
    async with scene(tmp_path, route_keys=keys) as at:
        at.issuer.users["alice"] |= {"department": ["hr", "it"], "desk": "3"}
        at.issuer.users["bob"] |= {"department": "hr"}
        for at.issuer.user, status in (("alice", 200), ("bob", 403)):
            browser = at.gate.browser()
            assert (await browser.navigate(f"{at.ours}/signin?return_to=/x")).status == status
            assert (await browser.fetch(at.url + "/x")).status == status
        assert [b"\r\nX-Desk: 3\r\n" in each for each in at.app.requests] == [True, True]


@pytest.mark.parametrize("access", ["authenticated", "optional"])
async def test_B071_a_role_lookup_that_fails_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, access: str
) -> None:
    calls = watched(monkeypatch)
    async with scene(tmp_path, route_keys=f'{EDITORS}\naccess = "{access}"') as at:
        alice = await editor(at)
        passed = len(at.app.requests)
        calls.down = True
        page = await alice.fetch(at.url + "/x")
        assert page.status == 503
        assert page.set_cookies == []
        assert len(at.app.requests) == passed
        calls.down = False
        assert (await alice.fetch(at.url + "/x")).status == 200


async def test_B072_what_a_client_posts_to_session_changes_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as at:
        alice = await at.signed_in()
        sent = {"csrfToken": await at.csrf(alice), "data": {"role": "admin", "user": {"id": "u_x"}}}
        page = await alice.request(
            "POST",
            f"{at.ours}/session",
            headers={"Content-Type": "application/json", "Origin": at.url},
            body=json.dumps(sent).encode(),
        )
        user = json.loads(page.text)["user"]
        assert (user["id"], user["roles"]) == (await at.user_id(), [])
        await alice.fetch(at.url + "/x")
        assert seen(at.app.requests[-1], "X-User-Roles") in ([], [""])


@pytest.mark.parametrize(
    "rule",
    ['roles = ["a"]', 'groups = ["a"]', 'users = ["a"]', 'emails = ["a@b.c"]', 'email_domains = ["b.c"]'],
)
def test_B074_a_public_route_cannot_ask_who_calls(tmp_path: Path, rule: str) -> None:
    path = tmp_path / "gateway.toml"
    top = 'public_url = "https://app.example.com"\nsecret = "a secret that is as long as it has to be"\n'
    path.write_text(top + route("http://127.0.0.1:9", f'access = "public"\n{rule}'))
    with pytest.raises(SettingsInvalid, match="public"):
        load(path, environ={})


async def test_B074_the_most_specific_route_decides(tmp_path: Path) -> None:
    tables = "".join(
        route("{app}", keys).replace('path = "/"', f'path = "{path}"')
        for path, keys in {"/open": 'access = "public"', "/open/closed": 'roles = ["admin"]'}.items()
    )
    tables += route("{app}", 'host = "app.example.com"\naccess = "public"').replace(
        'path = "/"', 'path = "/host"'
    )
    async with scene(tmp_path, tables=tables) as at:
        for path, status in {
            "/open": 200,
            "/open/x": 200,
            "/open/closed": 401,
            "/open/closed/x": 401,
            "/open/closedx": 200,
            "/openx": 401,
            "/host": 200,
        }.items():
            assert (await at.raw(get(path, host=HOST))).status == status, path


async def explained(folder: Path, port: int, *arguments: str) -> dict[str, Any]:
    """Return what `gateway explain --json` prints for the first gateway of the folder."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "explain", *arguments, "--config", f"gateway-{port}.toml", "--json",
        cwd=folder, env={"ISSUER_SECRET": "x" * 44, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if not out:
        raise AssertionError(err.decode())
    found: dict[str, Any] = json.loads(out)
    return found


async def test_B076_explain_says_what_the_proxy_does(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=EDITORS) as at:
        alice = await editor(at)
        await alice.fetch(at.url + "/x")
        request = at.app.requests[-1]
        user_id = await at.user_id()
        yes = await explained(tmp_path, at.gate.port, "GET", at.url + "/x", "--user", user_id)
        await grant(at, revoke=("editor",))
        no = await explained(tmp_path, at.gate.port, "GET", at.url + "/x", "--user", user_id)
        assert (await alice.fetch(at.url + "/x")).status == 403
        assert (yes["status"], yes["outcome"], no["status"], no["outcome"]) == (200, "pass", 403, "deny")
        assert [rule["rule"] for rule in no["rules"] if rule["result"] == "miss"] == ["roles"]
        assert no["head"] == []
        for name in ("X-User-Id", "X-User-Email", "X-User-Name", "X-User-Roles", "X-Forwarded-Host", "Via"):
            assert f"{name}: {seen(request, name)[0]}" in yes["head"]


async def test_a_page_of_ours_is_governed_by_no_route(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys='roles = ["nobody"]') as at:
        assert (await at.raw(get(f"{PREFIX}/session", host=HOST))).status == 200
