"""`gateway users` changes who may sign in, and says so."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.cli.users import command
from gateway.keys.password import Passwords, prepared
from tests.fakes.configuration import ROUTE, SOUND, TOP, write
from tests.fakes.databases import opened, raw
from tests.fakes.logins import ANN
from tests.fakes.passwords import RIGHT

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


@pytest.mark.parametrize("verb", ["disable", "enable", "roles"])
def test_somebody_unknown_is_told(run: Run, verb: str) -> None:
    added(run)
    result = run(verb, "nobody@example.com")
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


@pytest.mark.parametrize("verb", ["list", "add", "disable", "enable", "roles", "passwd"])
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    result = CliRunner().invoke(command, [verb, "--help"])
    assert result.exit_code == 0
    assert f"Example: gateway users {verb}" in " ".join(result.stdout.split())


LOCAL = '\n[[providers]]\nid = "local"\ntype = "password"\nmin_length = 14\n'


@pytest.fixture
def run_local(tmp_path: Path) -> Callable[..., Result]:
    """`gateway users` with input, where passwords are configured."""
    config = write(tmp_path, TOP + LOCAL + ROUTE + DATABASE)

    def run(verb: str, *arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(command, [verb, "--config", str(config), *arguments], input=typed)

    return run


def holds(directory: Path, email: str, password: str) -> bool:
    """Say whether *password* is the one that the database has a hash of."""

    async def matched() -> bool:
        passwords = Passwords(workers=1)
        try:
            async with opened(directory) as database:
                found = await database.passwords.find(email)
            return await passwords.matches(found.hash if found else None, prepared(password))
        finally:
            await passwords.close()

    return asyncio.run(matched())


NEW = "a new password of hers"


@pytest.mark.parametrize(
    ("option", "typed"), [("--password-stdin", f"{RIGHT}\n"), ("--password", f"{RIGHT}\n{RIGHT}\n")]
)
def test_B19_a_user_is_added_with_a_password(
    run_local: Callable[..., Result], tmp_path: Path, option: str, typed: str
) -> None:
    result = run_local("add", "ann@example.com", option, "--json", typed=typed)
    assert result.exit_code == 0, result.output
    assert RIGHT not in result.output
    assert json.loads(result.stdout)["email"] == "ann@example.com"
    assert holds(tmp_path, "ann@example.com", RIGHT)
    assert not holds(tmp_path, "ann@example.com", NEW)


@pytest.mark.parametrize("named_by", ["id", "e-mail"])
def test_B114_a_password_is_changed_and_the_epoch_raised(
    run_local: Callable[..., Result], tmp_path: Path, named_by: str
) -> None:
    made = run_local("add", "ann@example.com", "--password-stdin", "--json", typed=RIGHT)
    name = json.loads(made.stdout)["id"] if named_by == "id" else "ann@example.com"
    result = run_local("passwd", name, "--stdin", typed=NEW)
    assert result.exit_code == 0, result.output
    assert holds(tmp_path, "ann@example.com", NEW)
    assert not holds(tmp_path, "ann@example.com", RIGHT)
    connection = raw(tmp_path)
    assert connection.execute("SELECT epoch FROM users").fetchone() == (1,)
    connection.close()


def test_a_hash_made_elsewhere_is_taken(run_local: Callable[..., Result], tmp_path: Path) -> None:
    run_local("add", "ann@example.com")
    made = CliRunner().invoke(main, ["hash-password", "--stdin"], input=NEW).stdout
    result = run_local("passwd", "ann@example.com", "--hash-stdin", typed=made)
    assert result.exit_code == 0, result.output
    assert holds(tmp_path, "ann@example.com", NEW)


@pytest.mark.parametrize(
    "given", ["", "password", "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=9999999"]
)
def test_what_is_no_hash_is_not(run_local: Callable[..., Result], given: str) -> None:
    run_local("add", "ann@example.com")
    result = run_local("passwd", "ann@example.com", "--hash-stdin", typed=given)
    assert result.exit_code == 1
    assert "no argon2id hash" in result.stderr


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("thirteen char", "at least 14 characters"),
        ("password123456", "tried first"),
        ("annemiller2024", "name or the e-mail"),
    ],
)
def test_the_policy_of_the_configuration_holds(
    run_local: Callable[..., Result], tmp_path: Path, password: str, told: str
) -> None:
    email = "annemiller@example.com"
    refused = run_local("add", email, "--password-stdin", typed=password)
    assert refused.exit_code == 1
    assert told in refused.stderr
    assert not (tmp_path / "gateway.db").exists()
    run_local("add", email, "--password-stdin", typed=RIGHT)
    assert told in run_local("passwd", email, "--stdin", typed=password).stderr
    assert holds(tmp_path, email, RIGHT)


def test_a_password_is_of_no_use_without_its_provider(run: Run) -> None:
    result = run("add", "ann@example.com", "--password-stdin")
    assert result.exit_code == 1
    assert 'without [[providers]] type = "password"' in result.stderr


def test_a_password_for_nobody_is_told_before_it_is_asked_for(run_local: Callable[..., Result]) -> None:
    run_local("add", "ann@example.com")
    result = run_local("passwd", "nobody@example.com", typed=NEW)
    assert result.exit_code == 1
    assert "no user has the id or e-mail nobody@example.com" in result.stderr
    assert "New password" not in result.output


def test_standard_input_is_one_thing(run_local: Callable[..., Result]) -> None:
    run_local("add", "ann@example.com")
    assert run_local("passwd", "ann@example.com", "--stdin", "--hash-stdin").exit_code == 2
