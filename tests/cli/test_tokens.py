"""`gateway tokens`: made, shown once, listed, used and revoked beside a running gateway."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.tokens import command
from tests.fakes.gateway import HOST
from tests.fakes.scene import Scene, scene, seen

TABLE = """
[[routes]]
path = "/api"
upstream = "{app}"
personal_tokens = true
[[routes]]
path = "/other"
upstream = "{app}"
personal_tokens = true
"""


async def run(at: Scene, *arguments: str) -> Result:
    [config] = at.folder.glob("gateway-*.toml")
    runner = CliRunner(env={"ISSUER_SECRET": at.issuer.client_secret})
    return await asyncio.to_thread(runner.invoke, command, [*arguments, "--config", str(config)])


async def call(at: Scene, token: str, path: str = "/api/x", *more: str) -> int:
    lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", f"Authorization: Bearer {token}", *more]
    return (await at.raw("\r\n".join([*lines, "", ""]).encode())).status


async def test_a_token_lives_from_add_to_revoke(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        await at.signed_in("alice")
        made = await run(at, "add", "alice@example.com", "--name", "nightly", "--route", "/api")
        raw = made.output.strip()
        assert (made.exit_code, raw[:4]) == (0, "vst_")
        assert await call(at, raw) == 200
        assert seen(at.app.requests[-1], "X-User-Id") == [await at.user_id()]
        assert seen(at.app.requests[-1], "Authorization") == []
        assert await call(at, raw, "/other") == 403
        assert await call(at, raw[:-1] + ("A" if raw[-1] != "A" else "B")) == 401
        [told] = json.loads((await run(at, "list", "--json")).output)
        assert (told["name"], told["routes"]) == ("nightly", ["/api"])
        assert told["user_id"] == await at.user_id()
        assert "nightly" in (await run(at, "list", "--user", "alice@example.com")).output
        assert raw[4:] not in (await run(at, "list")).output
        revoked = json.loads((await run(at, "revoke", str(told["id"]), "--json")).output)
        assert revoked["id"] == told["id"]
        assert await call(at, raw) == 401
    assert raw not in at.gate.log


async def test_B062_disabling_the_user_ends_the_token_for_good(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        await at.signed_in("alice")
        raw = (await run(at, "add", "alice@example.com", "--name", "n", "--route", "*")).output.strip()
        assert await call(at, raw, "/other") == 200
        async with at.store() as store:
            for enabled in (False, True):
                await store.users.set_enabled(await at.user_id(), enabled=enabled)
                assert await call(at, raw) == 401


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("add", "nobody@example.com", "--name", "n", "--route", "/api"), 1),
        (("add", "alice@example.com", "--name", "n", "--route", "/"), 1),
        (("add", "alice@example.com", "--name", "n", "--route", "/nothing"), 1),
        (("add", "alice@example.com", "--name", "n"), 2),
        (("add", "alice@example.com", "--name", "", "--route", "/api"), 2),
        (("add", "alice@example.com", "--name", "n", "--route", "/api", "--expires", "10y"), 2),
        (("add", "alice@example.com", "--name", "n", "--route", "/api", "--expires", "400d"), 2),
        (("list", "--user", "nobody@example.com"), 1),
        (("revoke", "0123456789abcdef"), 1),
    ],
)
async def test_what_cannot_be_done_is_said(tmp_path: Path, arguments: tuple[str, ...], status: int) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        await at.signed_in("alice")
        result = await run(at, *arguments)
        assert (result.exit_code, "vst_" in result.output) == (status, False)


async def test_a_token_is_shown_once_to_programs_too(tmp_path: Path) -> None:
    async with scene(tmp_path, tables=TABLE) as at:
        await at.signed_in("alice")
        asked = ("alice@example.com", "--name", "nightly", "--route", "/api", "--json")
        made = json.loads((await run(at, "add", *asked)).output)
        assert await call(at, made.pop("token")) == 200
        [told] = json.loads((await run(at, "list", "--json")).output)
        assert made == {**told, "used_at": None}
