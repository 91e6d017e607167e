import shutil
import subprocess
import sys
from pathlib import Path
from stat import S_IMODE

import pytest

from gateway.errors import SchemaMismatch, StoreUnavailable
from gateway.store import schema
from tests.fakes.databases import file_in, hand, made_in, raw, url_in
from tests.fakes.releases import schema_of

USER = "INSERT INTO users VALUES ('u_1', NULL, NULL, FALSE, FALSE, 'Ann', NULL, TRUE, 0, 0)"
ROLES = [("u_1", "admin", "", ""), ("u_1", "admin", "corp", ""), ("u_1", "admin", "corp", "r")]


def test_upgrade_makes_a_private_database_and_its_directory(tmp_path: Path) -> None:
    home = tmp_path / "var" / "lib"
    assert schema.upgrade(url_in(home)) is None
    assert S_IMODE(file_in(home).stat().st_mode) == 0o600
    assert S_IMODE(home.stat().st_mode) == 0o700
    assert schema.check(url_in(home), thorough=True) == schema.HEAD


def test_upgrade_leaves_a_write_ahead_log(tmp_path: Path) -> None:
    schema.upgrade(url_in(tmp_path))
    connection = raw(tmp_path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_upgrade_of_a_fitting_database_changes_nothing(tmp_path: Path) -> None:
    url = made_in(tmp_path)
    before = file_in(tmp_path).read_bytes()
    assert schema.upgrade(url) == schema.HEAD
    assert file_in(tmp_path).read_bytes() == before


def test_an_upgrade_keeps_roles_and_knows_their_rules_apart_from_then_on(tmp_path: Path) -> None:
    url = url_in(tmp_path)
    with schema_of("0009_account_claims", tmp_path):
        schema.upgrade(url)
    for statement in (USER, "INSERT INTO user_roles VALUES ('u_1', 'admin', ''), ('u_1', 'admin', 'corp')"):
        hand(tmp_path, statement)
    assert schema.upgrade(url) == "0009_account_claims"
    hand(tmp_path, "INSERT INTO user_roles VALUES ('u_1', 'admin', 'corp', 'r')")
    assert sorted(hand(tmp_path, "SELECT * FROM user_roles")) == ROLES
    [key] = hand(tmp_path, "SELECT \"table\", on_delete FROM pragma_foreign_key_list('user_roles')")
    assert key == ("users", "CASCADE")
    assert schema.check(url, thorough=True) == schema.HEAD


@pytest.mark.parametrize("content", [None, b""])
def test_D11_a_missing_or_empty_database_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        file_in(tmp_path).write_bytes(content)
    with pytest.raises(SchemaMismatch, match="does not exist: run `gateway db upgrade`"):
        schema.check(url_in(tmp_path))


def test_D11_a_newer_database_is_refused_and_kept(tmp_path: Path) -> None:
    url = made_in(tmp_path)
    connection = raw(tmp_path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = file_in(tmp_path).read_bytes()
    for verb in (schema.check, schema.upgrade):
        with pytest.raises(SchemaMismatch, match="schema 9999, which is newer than this release"):
            verb(url)
    assert file_in(tmp_path).read_bytes() == before


def test_D11_an_older_database_is_told_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = made_in(tmp_path)
    monkeypatch.setattr(schema, "HEAD", "9999")
    with pytest.raises(SchemaMismatch, match="needs 9999: run `gateway db upgrade`"):
        schema.check(url)


def test_D11_garbage_is_refused_and_kept(tmp_path: Path) -> None:
    file_in(tmp_path).write_bytes(b"this is a text file, no database\n" * 200)
    before = file_in(tmp_path).read_bytes()
    for verb in (schema.check, schema.upgrade):
        with pytest.raises(SchemaMismatch, match="damaged or no SQLite file"):
            verb(url_in(tmp_path))
    assert file_in(tmp_path).read_bytes() == before


def test_D11_a_damaged_page_is_found_by_a_thorough_check(tmp_path: Path) -> None:
    url = made_in(tmp_path)
    content = bytearray(file_in(tmp_path).read_bytes())
    content[-4096:] = b"\xff" * 4096
    file_in(tmp_path).write_bytes(content)
    with pytest.raises(SchemaMismatch, match="damaged"):
        schema.check(url, thorough=True)


def test_D11_another_program_s_database_is_not_touched(tmp_path: Path) -> None:
    connection = raw(tmp_path)
    connection.execute("CREATE TABLE users (id INTEGER)")
    connection.close()
    for verb in (schema.check, schema.upgrade):
        with pytest.raises(SchemaMismatch, match="not a gateway's"):
            verb(url_in(tmp_path))


def test_D11_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, before = made_in(tmp_path), schema.HEAD
    migrations = tmp_path / "migrations"
    shutil.copytree(schema._MIGRATIONS, migrations, ignore=shutil.ignore_patterns("__pycache__"))
    (migrations / "versions" / "r9999_half.py").write_text(
        "from alembic import op\n"
        "revision = '9999'\n"
        f"down_revision = '{before}'\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE half (id INTEGER)')\n"
        "    op.execute('SELECT * FROM nowhere')\n"
    )
    monkeypatch.setattr(schema, "_MIGRATIONS", migrations)
    monkeypatch.setattr(schema, "HEAD", "9999")
    with pytest.raises(StoreUnavailable, match="cannot be upgraded"):
        schema.upgrade(url)
    connection = raw(tmp_path)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    connection.close()
    assert "half" not in tables
    assert version == (before,)


def test_D11_nodes_may_upgrade_at_the_same_time(tmp_path: Path) -> None:
    script = "import sys; from gateway.store import schema; schema.upgrade(sys.argv[1])"
    command = [sys.executable, "-c", script, url_in(tmp_path)]
    nodes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    for node in nodes:
        assert node.communicate()[1] == b""
        assert node.returncode == 0
    assert schema.check(url_in(tmp_path), thorough=True) == schema.HEAD


def test_a_directory_in_the_place_of_the_file_is_an_outage(tmp_path: Path) -> None:
    file_in(tmp_path).mkdir()
    with pytest.raises(StoreUnavailable):
        schema.upgrade(url_in(tmp_path))


def test_a_start_with_a_fitting_schema_does_not_load_the_migrations(tmp_path: Path) -> None:
    script = (
        "import sys; from gateway.store import schema; schema.check(sys.argv[1]);"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, made_in(tmp_path)], check=False).returncode == 0
