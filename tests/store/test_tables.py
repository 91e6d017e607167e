import re
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from gateway.store import schema
from gateway.store.engine import open_for_migration
from gateway.store.tables import REVISIONS, metadata
from tests.fakes.databases import file_in, made_in, raw


def test_the_migrations_lead_to_exactly_these_tables(tmp_path: Path) -> None:
    made_in(tmp_path)
    with open_for_migration(file_in(tmp_path)).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_revisions_listed_are_those_that_exist() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))
    config.set_main_option("path_separator", "os")
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(walked)) == REVISIONS


def test_D13_no_column_takes_its_time_from_the_database(tmp_path: Path) -> None:
    made_in(tmp_path)
    connection = raw(tmp_path)
    statements = " ".join(row[0] or "" for row in connection.execute("SELECT sql FROM sqlite_master"))
    connection.close()
    assert not re.search(r"CURRENT_|DEFAULT|now\(", statements, re.IGNORECASE)


def test_the_tables_are_sound_on_postgresql_too() -> None:
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=postgresql.dialect()))
