"""The schema's revision: what a start demands, and the way there.

A start never changes a schema that holds something; only `gateway db upgrade` does, in one
transaction, under the database's own write lock, so that nodes may try it at the same time.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from gateway.errors import SchemaMismatch
from gateway.store.outage import outages_told
from gateway.store.place import Place, place_at
from gateway.store.tables import REVISIONS

HEAD = REVISIONS[-1]

_MIGRATIONS = Path(__file__).parent / "migrations"


def check(url: str, *, thorough: bool = False) -> str:
    """Return the schema's revision, which is the one this release needs, else raise SchemaMismatch.

    *thorough* also reads every page for damage, where the database knows how. Raises StoreUnavailable
    where it cannot be read.
    """
    place = place_at(url)
    if place.is_empty():
        raise SchemaMismatch(f"the database {place} {place.emptiness}: run `gateway db upgrade`")

    def looked(connection: Connection) -> tuple[str | None, bool]:
        return _revision(connection, place), not thorough or place.is_sound(connection)

    with outages_told(f"the database {place} cannot be read"):
        found, sound = place.run(looked)
    if not sound:
        raise SchemaMismatch(f"the database {place} is damaged: restore it from a backup")
    if found != HEAD:
        raise SchemaMismatch(
            f"the database {place} has schema {found or 'none'}, this release needs {HEAD}:"
            " run `gateway db upgrade`"
        )
    return found


def make_fit(url: str, *, create: bool) -> None:
    """Check the database; one that is empty is made first where *create* says so. Raises as `check`."""
    if create and place_at(url).is_empty():
        upgrade(url)
    check(url)


def upgrade(url: str) -> str | None:
    """Bring the database to this release's schema, made where it is missing; return what it had.

    None stands for an empty database. Nothing changes where it raises: SchemaMismatch for a newer
    or foreign database, StoreUnavailable where it cannot be written.
    """
    place = place_at(url)

    def upgraded(connection: Connection) -> str | None:
        found = _revision(connection, place)
        if found != HEAD:
            _migrate(connection, place)
        return found

    with outages_told(f"the database {place} cannot be upgraded"):
        place.prepare()
        found = place.run(upgraded, writes=True)
        place.settle()
    return found


def _revision(connection: Connection, place: Place) -> str | None:
    names = set(inspect(connection).get_table_names())
    if not names:
        return None
    found = None
    if "alembic_version" in names and "users" in names:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is None:
        raise SchemaMismatch(f"the database {place} is not a gateway's: name another")
    if found not in REVISIONS:
        raise SchemaMismatch(
            f"the database {place} has schema {found}, which is newer than this release"
            f" ({HEAD}): run the release that upgraded it, or restore a backup"
        )
    return str(found)


def _migrate(connection: Connection, place: Place) -> None:
    from alembic import command  # noqa: PLC0415 - 0.2 s that a start with a fitting schema saves
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
    if place.has_orphans(connection):
        raise SchemaMismatch(f"the database {place} has rows without their user: restore a backup")
