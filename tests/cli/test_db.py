"""`gateway db` makes and judges the schema, and nothing else does to a database that holds something."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.db import command
from gateway.store.schema import HEAD
from tests.fakes.configuration import SOUND, write
from tests.fakes.databases import file_in, raw

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = write(tmp_path, SOUND + '\n[database]\nurl = "sqlite:///gateway.db"\n')

    def run(verb: str, *arguments: str) -> Result:
        return CliRunner().invoke(command, [verb, "--config", str(config), *arguments])

    return run


def test_upgrade_makes_the_database_and_then_has_nothing_to_do(run: Run) -> None:
    first, second = run("upgrade"), run("upgrade")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == f"The schema went from none to {HEAD}.\n"
    assert second.stdout == f"The schema was {HEAD} already.\n"


def test_upgrade_tells_programs_from_where_it_came(run: Run) -> None:
    assert json.loads(run("upgrade", "--json").stdout) == {"was": None, "schema": HEAD}
    assert json.loads(run("upgrade", "--json").stdout) == {"was": HEAD, "schema": HEAD}


def test_check_of_a_sound_database(run: Run) -> None:
    run("upgrade")
    assert run("check").stdout == f"The database is sound and has schema {HEAD}.\n"
    assert json.loads(run("check", "--json").stdout) == {"ok": True, "schema": HEAD, "fault": None}


def test_D11_check_of_a_missing_database(run: Run, tmp_path: Path) -> None:
    result = run("check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["ok"] is False
    assert "run `gateway db upgrade`" in result.stderr
    assert not file_in(tmp_path).exists()


@pytest.mark.parametrize("verb", ["check", "upgrade"])
def test_D11_a_newer_database_is_refused(run: Run, tmp_path: Path, verb: str) -> None:
    run("upgrade")
    connection = raw(tmp_path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    result = run(verb)
    assert result.exit_code == 1
    assert "newer than this release" in result.stderr


@pytest.mark.parametrize("verb", ["check", "upgrade"])
def test_D11_a_file_that_is_no_database_is_refused(run: Run, tmp_path: Path, verb: str) -> None:
    file_in(tmp_path).write_text("these are not the tables you are looking for\n" * 100)
    result = run(verb)
    assert result.exit_code == 1
    assert "no SQLite file" in result.stderr
    assert "Traceback" not in result.output


def test_a_configuration_that_cannot_be_read_is_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["check", "--config", str(tmp_path / "missing.toml")])
    assert result.exit_code == 2


def test_D09_backup_writes_a_private_copy_and_never_over_anything(run: Run, tmp_path: Path) -> None:
    run("upgrade")
    target = tmp_path / "copy.db"
    first, second = run("backup", str(target), "--json"), run("backup", str(target))
    assert json.loads(first.stdout) == {"file": str(target), "bytes": target.stat().st_size}
    assert target.stat().st_mode & 0o777 == 0o600
    assert second.exit_code == 1
    assert second.stderr == f"Error: {target} is there already: name another file\n"
    assert run("backup", str(tmp_path / "other.db")).stdout.startswith(f"Wrote {tmp_path}/other.db: ")


def test_D11_there_is_no_backup_of_nothing(run: Run, tmp_path: Path) -> None:
    result = run("backup", str(tmp_path / "copy.db"))
    assert result.exit_code == 1
    assert not (tmp_path / "copy.db").exists()


@pytest.mark.parametrize("verb", ["upgrade", "check", "backup"])
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    result = CliRunner().invoke(command, [verb, "--help"])
    assert result.exit_code == 0
    assert f"Example: gateway db {verb}" in result.stdout
