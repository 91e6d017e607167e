"""`gateway users passwd`, and passwords of users that are added."""

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
from tests.fakes.passwords import RIGHT

DATABASE = '\n[database]\nurl = "sqlite:///gateway.db"\n'
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


def test_a_password_is_of_no_use_without_its_provider(tmp_path: Path) -> None:
    config = str(write(tmp_path, SOUND + DATABASE))
    result = CliRunner().invoke(command, ["add", "--config", config, "ann@example.com", "--password-stdin"])
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


def test_B144_a_new_password_is_in_the_audit_trail_without_it(
    run_local: Callable[..., Result], tmp_path: Path
) -> None:
    made = run_local("add", "ann@example.com", "--json")
    run_local("passwd", "ann@example.com", "--stdin", typed=NEW)
    run_local("passwd", "nobody@example.com", "--stdin", typed=NEW)
    connection = raw(tmp_path)
    query = "SELECT event, outcome, reason, user_id, detail FROM audit ORDER BY id"
    found = connection.execute(query).fetchall()
    connection.close()
    assert found[1:] == [
        ("admin.users.passwd", "success", "", json.loads(made.stdout)["id"], ""),
        ("admin.users.passwd", "failure", "no_such_user", "", "nobody@example.com"),
    ]
