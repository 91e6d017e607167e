"""`gateway init` lays down what a start needs, and never touches what is there."""

import asyncio
import sqlite3
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import init as module
from gateway.cli.init import command
from gateway.model.identity import User
from gateway.settings.loader import Loaded, load
from gateway.settings.production import production_faults
from gateway.store.database import Database
from tests.fakes.clock import FakeClock

ENVIRON = {"COMPANY_CLIENT_SECRET": "the secret that both sides know"}


def init(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--config", str(folder / "gateway.toml"), *arguments])


def read(folder: Path) -> Loaded:
    return load(folder / "gateway.toml", environ=ENVIRON)


def users(folder: Path) -> tuple[User, ...]:
    async def found() -> tuple[User, ...]:
        database = await Database.open(f"sqlite:///{folder}/var/gateway.db", clock=FakeClock())
        try:
            return tuple(await database.users.everyone())
        finally:
            await database.close()

    return asyncio.run(found())


@pytest.mark.parametrize("arguments", [[], ["--admin", "ann@example.com"]])
def test_what_is_written_loads_without_a_warning_and_is_fit_for_production(
    tmp_path: Path, arguments: list[str]
) -> None:
    result = init(tmp_path, *arguments)
    assert result.exit_code == 0, result.output
    found = read(tmp_path)
    assert not found.warnings
    assert not production_faults(found)
    assert found.settings.database.url == f"sqlite:///{tmp_path}/var/gateway.db"
    assert found.settings.providers[0].trust_email is bool(arguments)


def test_every_line_that_is_a_comment_of_toml_can_be_uncommented(tmp_path: Path) -> None:
    init(tmp_path)
    path = tmp_path / "gateway.toml"
    lines = path.read_text().splitlines()
    keys = tuple(
        f"# {start}" for start in ("[[", "path =", "upstream =", "roles =", "access =", "trust_email =")
    )
    assert sum(line.startswith(keys) for line in lines) == 9
    path.write_text("\n".join(line[2:] if line.startswith(keys) else line for line in lines))
    assert len(tomllib.loads(path.read_text())["routes"]) == 3
    assert not read(tmp_path).warnings


def test_C05_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    init(tmp_path)
    key = tmp_path / "var/secret.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.parent.stat().st_mode & 0o777 == 0o700
    assert key.read_text().splitlines()[-1] not in (tmp_path / "gateway.toml").read_text()


def test_the_first_administrator_is_there_before_the_first_login(tmp_path: Path) -> None:
    result = init(tmp_path, "--admin", "ann@example.com")
    assert f"Made {tmp_path}/var/gateway.db." in result.stdout
    [ann] = users(tmp_path)
    assert (ann.email, ann.roles) == ("ann@example.com", ("admin",))


@pytest.mark.parametrize("taken", ["gateway.toml", "var/secret.key", "var/gateway.db"])
def test_what_is_there_is_told_and_nothing_written(tmp_path: Path, taken: str) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / taken).write_text("mine")
    result = init(tmp_path, "--admin", "ann@example.com")
    assert result.exit_code == 1
    assert f"{tmp_path / taken}: there already" in result.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_a_link_to_nowhere_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").symlink_to(tmp_path / "elsewhere")
    assert init(tmp_path).exit_code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_what_somebody_wrote_into_the_new_database_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = module._added
    opened: list[sqlite3.Connection] = []

    async def added(email: str, url: str) -> None:
        await add(email, url)
        opened.append(sqlite3.connect(tmp_path / "var" / "gateway.db"))
        opened[0].execute("UPDATE users SET name = 'Ann'")
        opened[0].commit()

    monkeypatch.setattr(module, "_added", added)
    result = init(tmp_path, "--admin", "ann@example.com")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "var" / "gateway.db-wal").exists()
    opened[0].close()
    [ann] = users(tmp_path)
    assert ann.name == "Ann"


def test_without_an_administrator_a_database_may_be_there(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/gateway.db").write_text("mine")
    assert init(tmp_path).exit_code == 0


@pytest.mark.parametrize("admin", ["ann", "ann@", "Ann <ann@example.com>", ""])
def test_what_is_no_address_writes_nothing(tmp_path: Path, admin: str) -> None:
    result = init(tmp_path, "--admin", admin)
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = init(tmp_path / "file")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
