"""`gateway users accounts` and `unlink`: with what somebody signs in."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.users import command
from gateway.model.identity import User
from tests.fakes.configuration import SOUND, write
from tests.fakes.databases import opened, raw
from tests.fakes.logins import ANN, at_other_provider

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = write(tmp_path, SOUND + '\n[database]\nurl = "sqlite:///gateway.db"\n')

    def run(verb: str, *arguments: str) -> Result:
        return CliRunner().invoke(command, [verb, "--config", str(config), *arguments])

    return run


def person(directory: Path, *providers: str) -> User:
    """Put Ann into the database, with an account at corp and one at each of *providers*."""

    async def put() -> User:
        async with opened(directory) as database, database.users.ledger() as ledger:
            user = await ledger.create_user(ANN)
            for number, provider in enumerate(providers):
                await ledger.link(user.id, at_other_provider(ANN, provider=provider, subject=f"s-{number}"))
            return user

    return asyncio.run(put())


def epoch(directory: Path) -> int:
    connection = raw(directory)
    found = connection.execute("SELECT epoch FROM users").fetchone()[0]
    connection.close()
    return int(found)


def last(directory: Path) -> tuple[str, ...]:
    connection = raw(directory)
    query = "SELECT event, outcome, reason, user_id, provider FROM audit ORDER BY id DESC LIMIT 1"
    found: tuple[str, ...] = connection.execute(query).fetchone()
    connection.close()
    return found


def test_accounts_are_listed_for_people_and_for_programs(run: Run, tmp_path: Path) -> None:
    person(tmp_path, "other")
    lines = [line.split() for line in run("accounts", "ann@example.com").stdout.splitlines()]
    assert lines[0] == ["PROVIDER", "SUBJECT", "E-MAIL", "ISSUER"]
    assert ["corp", "ann-1", "ann@example.com", "https://issuer.example"] in lines
    listed = json.loads(run("accounts", "ann@example.com", "--json").stdout)
    assert [(each["provider"], each["subject"]) for each in listed] == [("corp", "ann-1"), ("other", "s-0")]


def test_G114_unlinking_ends_every_session_and_is_recorded(run: Run, tmp_path: Path) -> None:
    ann = person(tmp_path, "other")
    result = run("unlink", "ann@example.com", "other")
    assert result.exit_code == 0, result.output
    assert "no longer signs in at other" in result.stdout
    assert [each["provider"] for each in json.loads(run("accounts", ann.id, "--json").stdout)] == ["corp"]
    assert epoch(tmp_path) == 1
    assert last(tmp_path) == ("admin.users.unlink", "success", "", ann.id, "other")


def test_G114_the_last_way_to_sign_in_stays(run: Run, tmp_path: Path) -> None:
    ann = person(tmp_path)
    result = run("unlink", ann.id, "corp")
    assert result.exit_code == 1
    assert "the only way" in result.stderr
    assert epoch(tmp_path) == 0
    assert last(tmp_path) == ("admin.users.unlink", "failure", "account_kept", ann.id, "corp")


def test_one_of_several_accounts_at_a_provider_is_named_by_its_subject(run: Run, tmp_path: Path) -> None:
    ann = person(tmp_path, "other", "other")
    result = run("unlink", ann.id, "other")
    assert result.exit_code == 1
    assert "--subject" in result.stderr
    result = run("unlink", ann.id, "other", "--subject", "s-1", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["id"] == ann.id
    listed = json.loads(run("accounts", ann.id, "--json").stdout)
    assert [each["subject"] for each in listed] == ["ann-1", "s-0"]


@pytest.mark.parametrize("arguments", [("nobody", "corp"), ("ann@example.com", "elsewhere")])
def test_what_is_not_there_is_told(run: Run, tmp_path: Path, arguments: tuple[str, str]) -> None:
    person(tmp_path, "other")
    assert run("unlink", *arguments).exit_code == 1
    assert run("accounts", "nobody").exit_code == 1
    assert last(tmp_path)[1] == "failure"


@pytest.mark.parametrize("verb", ["accounts", "unlink"])
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    result = CliRunner().invoke(command, [verb, "--help"])
    assert result.exit_code == 0
    assert f"Example: gateway users {verb}" in " ".join(result.stdout.split())
