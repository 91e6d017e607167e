import sqlite3

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway.errors import SchemaMismatch, StoreUnavailable, UserRefused
from gateway.store.outage import damage_told, outages_told


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database is locked"),
        sqlite3.DatabaseError("disk image is malformed"),
        OperationalError("SELECT secret", {"a": "canary"}, sqlite3.OperationalError("locked")),
        IntegrityError("INSERT", {}, sqlite3.IntegrityError("unique")),
        TimeoutError(),
        OSError(28, "No space left"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_failure_of_the_database_is_an_outage(error: Exception) -> None:
    with pytest.raises(StoreUnavailable) as told, outages_told("reading"):
        raise error
    assert "canary" not in str(told.value)
    assert "SELECT" not in str(told.value)


def test_our_own_errors_pass_untouched() -> None:
    with pytest.raises(UserRefused), outages_told("reading"):
        raise UserRefused("disabled")


def test_the_kind_of_failure_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="SQLITE_CANTOPEN"), outages_told("reading"):
        sqlite3.connect("/nonexistent/file.db")


def test_damage_is_told_apart_by_code(tmp_path) -> None:
    path = tmp_path / "garbage.db"
    path.write_bytes(b"not a database at all" * 100)
    connection = sqlite3.connect(path)
    with pytest.raises(SchemaMismatch, match="damaged"), damage_told(path):
        connection.execute("SELECT 1 FROM sqlite_master")
    connection.close()
    with pytest.raises(sqlite3.OperationalError), damage_told(path):
        raise sqlite3.OperationalError("database is locked")
