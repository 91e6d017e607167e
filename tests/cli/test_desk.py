"""What an administrator does at the command line is in the audit trail, done or not."""

import os
import pwd
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.cli.desk import Refusal, actor, change_user, record, visit
from gateway.model.identity import User
from gateway.store.database import Database
from tests.fakes.configuration import SOUND, write
from tests.fakes.databases import made_in, raw

DATABASE = '\n[database]\nurl = "sqlite:///gateway.db"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    made_in(tmp_path)
    return write(tmp_path, SOUND + DATABASE)


def told(directory: Path) -> list[tuple[str, ...]]:
    connection = raw(directory)
    found = connection.execute(
        "SELECT event, outcome, reason, actor, detail FROM audit ORDER BY id"
    ).fetchall()
    connection.close()
    return found


def given(command: click.Command, *arguments: str) -> int:
    """Run *command* as the subcommand of a verb called `users`; return the exit status."""
    group = click.Group("users", commands=[command])
    return CliRunner().invoke(group, [command.name or "", *arguments]).exit_code


def me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def test_the_actor_is_whom_the_operating_system_knows_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody-else")
    assert actor() == me()


def test_an_actor_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    assert actor() == "987654"


def test_B144_a_change_is_recorded_under_the_words_of_its_command(config: Path, tmp_path: Path) -> None:
    @click.command("frob")
    def frob() -> None:
        async def add(database: Database) -> None:
            await database.users.add("ann@example.com")

        async def same(_: Database, user: User) -> User:
            return user

        visit(config, add)
        change_user(config, "ann@example.com", same, detail="as asked")

    assert given(frob) == 0
    assert told(tmp_path) == [("admin.users.frob", "success", "", me(), "as asked")]


@pytest.mark.parametrize("why", ["nobody", "gone", "refused"])
def test_B144_what_was_not_done_is_recorded_with_its_reason(config: Path, tmp_path: Path, why: str) -> None:
    @click.command("frob")
    def frob() -> None:
        async def add(database: Database) -> None:
            await database.users.add("ann@example.com")

        async def act(_: Database, __: User) -> User | None:
            if why == "refused":
                raise Refusal("not_today", "not today")
            return None

        visit(config, add)
        change_user(config, "bob@example.com" if why == "nobody" else "ann@example.com", act)

    assert given(frob) == 1
    reason = "not_today" if why == "refused" else "no_such_user"
    detail = "bob@example.com" if why == "nobody" else ""
    assert told(tmp_path) == [("admin.users.frob", "failure", reason, me(), detail)]


def test_D10_what_cannot_be_recorded_is_said_and_done_nevertheless(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command("frob")
    def frob() -> None:
        async def locked(database: Database) -> None:
            other = raw(tmp_path)
            other.execute("BEGIN IMMEDIATE")
            await record(database, detail="x")
            other.close()
            click.echo("done")

        visit(config, locked)

    group = click.Group("users", commands=[frob])
    result = CliRunner().invoke(group, ["frob"])
    assert result.exit_code == 0
    assert result.stdout == "done\n"
    assert "Not recorded in the audit trail" in result.stderr
    assert told(tmp_path) == []


def test_without_a_database_nothing_is_done(tmp_path: Path) -> None:
    config = write(tmp_path, SOUND + DATABASE)

    async def ask(database: Database) -> tuple[User, ...]:
        return await database.users.everyone()

    with pytest.raises(click.ClickException, match="does not exist"):
        visit(config, ask)
    assert not (tmp_path / "gateway.db").exists()
    assert visit(config, ask, create=True) == ()
