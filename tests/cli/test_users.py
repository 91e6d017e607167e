"""`gateway users` changes who may sign in, and says so."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.users import command
from tests.fakes.configuration import SOUND, write
from tests.fakes.databases import opened, raw
from tests.fakes.logins import ANN, earned

Run = Callable[..., Result]
DATABASE = '\n[database]\nurl = "sqlite:///gateway.db"\n'


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = write(tmp_path, SOUND + DATABASE)

    def run(verb: str, *arguments: str) -> Result:
        return CliRunner().invoke(command, [verb, "--config", str(config), *arguments])

    return run


def added(run: Run, email: str = "ann@example.com", *arguments: str) -> str:
    return str(json.loads(run("add", email, "--json", *arguments).stdout)["id"])


def test_a_user_is_added_with_name_and_roles_before_the_first_start(run: Run) -> None:
    result = run("add", "ann@example.com", "--name", "Ann", "--role", "admin", "--role", "editor", "--json")
    assert result.exit_code == 0, result.output
    user = json.loads(result.stdout)
    assert user == {
        "id": user["id"],
        "email": "ann@example.com",
        "email_verified": True,
        "name": "Ann",
        "enabled": True,
        "roles": ["admin", "editor"],
        "created_at": user["created_at"],
    }


def test_the_secrets_of_the_gateway_are_not_asked_for(tmp_path: Path) -> None:
    elsewhere = SOUND.replace('"not-so-secret"', '{ credential = "company-secret" }')
    config = write(tmp_path, elsewhere + DATABASE)
    result = CliRunner().invoke(command, ["add", "--config", str(config), "ann@example.com"])
    assert result.exit_code == 0, result.output


def test_users_are_listed_for_people_and_for_programs(run: Run) -> None:
    ann = added(run, "ann@example.com", "--role", "admin")
    bob = added(run, "bob@example.com")
    run("disable", bob)
    lines = [line.split() for line in run("list").stdout.splitlines()]
    assert lines[0] == ["ID", "E-MAIL", "NAME", "ROLES", "STATE"]
    assert [ann, "ann@example.com", "-", "admin", "enabled"] in lines
    assert [bob, "bob@example.com", "-", "-", "disabled"] in lines
    assert {user["id"] for user in json.loads(run("list", "--json").stdout)} == {ann, bob}


def test_an_e_mail_in_use_is_refused(run: Run) -> None:
    added(run)
    result = run("add", "ANN@example.com")
    assert result.exit_code == 1
    assert "ANN@example.com belongs to a user already" in result.stderr


@pytest.mark.parametrize("email", ["ann", "a@b@c", "ann@example.com.", ""])
def test_O36_what_is_no_plain_address_is_wrong_usage(run: Run, tmp_path: Path, email: str) -> None:
    result = run("add", email)
    assert result.exit_code == 2
    assert "no plain e-mail address" in result.stderr
    assert not (tmp_path / "gateway.db").exists()


@pytest.mark.parametrize("role", ["", "a,b", "a b", "a\nb", "a\x7f", "r" * 256])
def test_a_role_fits_a_header(run: Run, role: str) -> None:
    assert run("add", "ann@example.com", "--role", role).exit_code == 2


@pytest.mark.parametrize("named_by", ["id", "e-mail"])
def test_B82_disabling_shuts_out_and_raises_the_epoch(run: Run, tmp_path: Path, named_by: str) -> None:
    ann = added(run)
    name = ann if named_by == "id" else "Ann@Example.com"
    disabled = json.loads(run("disable", name, "--json").stdout)
    enabled = json.loads(run("enable", name, "--json").stdout)
    assert (disabled["enabled"], enabled["enabled"]) == (False, True)
    connection = raw(tmp_path)
    assert connection.execute("SELECT enabled, epoch FROM users").fetchone() == (1, 1)
    connection.close()


def test_roles_are_shown_granted_and_revoked(run: Run) -> None:
    ann = added(run, "ann@example.com", "--role", "guest")
    changed = run("roles", ann, "--grant", "admin", "--grant", "editor", "--revoke", "guest", "--json")
    assert json.loads(changed.stdout)["roles"] == ["admin", "editor"]
    assert json.loads(run("roles", "ann@example.com", "--json").stdout)["roles"] == ["admin", "editor"]


def test_a_role_granted_and_revoked_at_once_is_wrong_usage(run: Run) -> None:
    ann = added(run)
    result = run("roles", ann, "--grant", "admin", "--revoke", "admin")
    assert result.exit_code == 2
    assert "granted and revoked at once: admin" in result.stderr


@pytest.mark.parametrize("verb", [("disable",), ("enable",), ("roles",), ("delete", "--yes")])
def test_somebody_unknown_is_told(run: Run, verb: tuple[str, ...]) -> None:
    added(run)
    result = run(*verb, "nobody@example.com")
    assert result.exit_code == 1
    assert "no user has the id or e-mail nobody@example.com" in result.stderr


def test_only_add_makes_a_database(run: Run, tmp_path: Path) -> None:
    result = run("list")
    assert result.exit_code == 1
    assert "does not exist: run `gateway db upgrade`" in result.stderr
    assert not (tmp_path / "gateway.db").exists()


def test_a_locked_database_is_told_without_a_trace(run: Run, tmp_path: Path) -> None:
    added(run)
    other = raw(tmp_path)
    other.execute("BEGIN EXCLUSIVE")
    result = run("disable", "ann@example.com")
    other.close()
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "SQLITE_BUSY" in result.stderr


def test_a_configuration_that_cannot_be_read_is_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["list", "--config", str(tmp_path / "missing.toml")])
    assert result.exit_code == 2


def test_a_name_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    added(run, "ann@example.com", "--name", "\x1b[2JAnn")
    output = run("list").stdout
    assert "\x1b" not in output
    assert "?[2JAnn" in output


def test_A15_an_added_user_waits_for_their_first_login(run: Run, tmp_path: Path) -> None:
    ann = added(run)

    async def owner() -> str | None:
        async with opened(tmp_path) as database, database.users.ledger() as ledger:
            user = await ledger.user_with_email(ANN.email or "")
        return user.id if user and user.email_verified else None

    assert asyncio.run(owner()) == ann


@pytest.mark.parametrize("verb", ["list", "add", "disable", "enable", "delete", "roles", "passwd"])
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    result = CliRunner().invoke(command, [verb, "--help"])
    assert result.exit_code == 0
    assert f"Example: gateway users {verb}" in " ".join(result.stdout.split())


def told(directory: Path) -> list[tuple[str, ...]]:
    connection = raw(directory)
    found = connection.execute(
        "SELECT event, outcome, reason, user_id, detail FROM audit ORDER BY id"
    ).fetchall()
    connection.close()
    return found


def test_B144_every_change_is_in_the_audit_trail_and_a_look_is_not(run: Run, tmp_path: Path) -> None:
    ann = added(run, "ann@example.com", "--role", "guest")
    run("add", "ann@example.com")
    run("disable", ann)
    run("enable", "ann@example.com")
    run("roles", ann, "--grant", "admin", "--grant", "editor", "--revoke", "guest")
    run("roles", ann)
    run("list")
    run("disable", "nobody@example.com")
    run("delete", ann, "--yes")
    assert told(tmp_path) == [
        ("admin.users.add", "success", "", ann, "ann@example.com granted guest"),
        ("admin.users.add", "failure", "email_in_use", "", "ann@example.com"),
        ("admin.users.disable", "success", "", ann, ""),
        ("admin.users.enable", "success", "", ann, ""),
        ("admin.users.roles", "success", "", ann, "granted admin, editor; revoked guest"),
        ("admin.users.disable", "failure", "no_such_user", "", "nobody@example.com"),
        ("admin.users.delete", "success", "", ann, ""),
    ]


def test_a_user_is_deleted_only_when_asked_twice(run: Run) -> None:
    ann = added(run)
    assert run("delete", ann).exit_code == 1
    assert len(json.loads(run("list", "--json").stdout)) == 1
    result = run("delete", "ann@example.com", "--yes", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["id"] == ann
    assert json.loads(run("list", "--json").stdout) == []


def test_B75_what_a_provider_grants_is_not_revoked_by_hand_and_that_is_said(run: Run, tmp_path: Path) -> None:
    async def by_provider() -> str:
        async with opened(tmp_path) as database, database.users.ledger() as ledger:
            return (await ledger.create_user(replace(ANN, roles=earned("admin")))).id

    ann = asyncio.run(by_provider())
    result = run("roles", ann, "--revoke", "admin", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["roles"] == ["admin"]
    assert "admin stays: a provider grants it" in result.stderr
