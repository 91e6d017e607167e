"""The schema's revision: what a start demands, and the way there.

A start never changes a schema that holds something; only `gateway db upgrade` does, in one
transaction, under the database's own write lock, so that nodes may try it at the same time.
"""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from time import sleep

from sqlalchemy import Connection, Engine, inspect, text

from gateway.errors import SchemaMismatch
from gateway.store.engine import open_for_migration, sqlite_file
from gateway.store.outage import damage_told, outages_told
from gateway.store.tables import REVISIONS

HEAD = REVISIONS[-1]

_MIGRATIONS = Path(__file__).parent / "migrations"
_ATTEMPTS = 200
_PAUSE = 0.05


def check(url: str, *, thorough: bool = False) -> str:
    """Return the schema's revision, which is the one this release needs, else raise SchemaMismatch.

    *thorough* also reads every page for damage. Raises StoreUnavailable where the file cannot be read.
    """
    path = sqlite_file(url)
    if not is_there(path):
        raise SchemaMismatch(f"the database {path} does not exist: run `gateway db upgrade`")
    engine = open_for_migration(path)
    with (
        outages_told(f"the database {path} cannot be read"),
        damage_told(path),
        engine.execution_options(writes=False).begin() as connection,
    ):
        found = _revision(connection, path)
        sound = not thorough or connection.scalar(text("PRAGMA quick_check(1)")) == "ok"
    if not sound:
        raise SchemaMismatch(f"the database {path} is damaged: restore it from a backup")
    if found != HEAD:
        raise SchemaMismatch(
            f"the database {path} has schema {found or 'none'}, this release needs {HEAD}:"
            " run `gateway db upgrade`"
        )
    return found


def upgrade(url: str) -> str | None:
    """Bring the database to this release's schema, made where it is missing; return what it had.

    None stands for an empty database. Nothing changes where it raises: SchemaMismatch for a newer
    or foreign database, StoreUnavailable where it cannot be written.
    """
    path = sqlite_file(url)
    with outages_told(f"the database {path} cannot be upgraded"), damage_told(path):
        _make_private(path)
        engine = open_for_migration(path)
        with engine.begin() as connection:
            found = _revision(connection, path)
            if found != HEAD:
                _migrate(connection, path)
        _write_ahead(engine)
    return found


def is_there(path: Path) -> bool:
    """Say whether *path* holds a database at all: an empty file is none."""
    with outages_told(f"the database {path} cannot be reached"):
        try:
            return path.stat().st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _revision(connection: Connection, path: Path) -> str | None:
    names = set(inspect(connection).get_table_names())
    if not names:
        return None
    found = None
    if "alembic_version" in names and "users" in names:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is None:
        raise SchemaMismatch(f"the database {path} is not a gateway's: name another file")
    if found not in REVISIONS:
        raise SchemaMismatch(
            f"the database {path} has schema {found}, which is newer than this release"
            f" ({HEAD}): run the release that upgraded it, or restore a backup"
        )
    return str(found)


def _migrate(connection: Connection, path: Path) -> None:
    from alembic import command  # noqa: PLC0415 - 0.2 s that a start with a fitting schema saves
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
    if connection.execute(text("PRAGMA foreign_key_check")).first() is not None:
        raise SchemaMismatch(f"the database {path} has rows without their user: restore a backup")


def _write_ahead(engine: Engine) -> None:
    """Switch the file to a write-ahead log, once and for all; SQLite does not wait for this lock."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(sqlite3.OperationalError):
            return _set_journal(engine)
        sleep(_PAUSE)
    return _set_journal(engine)


def _set_journal(engine: Engine) -> None:
    with closing(engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
