from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.errors import SchemaMismatch
from gateway.store.engine import file_uri, open_engine, open_for_migration, place_watch, sqlite_file
from tests.fakes.databases import file_in, made_in, raw


@pytest.mark.parametrize("url", ["sqlite:////var/lib/a b%20.db", "sqlite:////var/lib/ä.db"])
def test_the_file_is_read_from_the_url_as_it_is(url: str) -> None:
    assert sqlite_file(url) == Path(url.removeprefix("sqlite:///"))


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "postgresql://u:canary@host/db", "canary", ""]
)
def test_what_is_no_sqlite_file_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SchemaMismatch) as told:
        sqlite_file(url)
    assert "canary" not in str(told.value)


def test_a_path_cannot_smuggle_parameters_into_the_uri() -> None:
    assert file_uri(Path("/a?mode=memory&cache=shared#x")) == (
        "file:/a%3Fmode%3Dmemory%26cache%3Dshared%23x?mode=rw"
    )


@pytest.mark.hurried(0.25)
async def test_F12_every_connection_is_prepared_alike(tmp_path: Path) -> None:
    made_in(tmp_path)
    engine = open_engine(file_in(tmp_path))
    wanted = {"journal_mode": "wal", "busy_timeout": 250, "synchronous": 1, "foreign_keys": 1}
    for _ in range(2):
        async with engine.connect() as connection:
            for pragma, value in wanted.items():
                assert (await connection.execute(text(f"PRAGMA {pragma}"))).scalar() == value
    await engine.dispose()


async def test_a_write_takes_the_lock_at_once_and_a_read_never_does(tmp_path: Path) -> None:
    made_in(tmp_path)
    engine = open_engine(file_in(tmp_path))
    other = raw(tmp_path)
    other.execute("PRAGMA busy_timeout = 0")
    async with engine.connect() as reading:
        await reading.execute(text("SELECT count(*) FROM users"))
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    async with engine.execution_options(writes=True).begin():
        with pytest.raises(Exception, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.close()
    await engine.dispose()


def test_migrations_run_without_foreign_keys(tmp_path: Path) -> None:
    made_in(tmp_path)
    with open_for_migration(file_in(tmp_path)).connect() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 0


async def test_a_lost_file_is_not_made_anew(tmp_path: Path) -> None:
    engine = open_engine(tmp_path / "missing.db")
    with pytest.raises(Exception, match="unable to open"):
        async with engine.connect():
            pass
    await engine.dispose()
    assert not (tmp_path / "missing.db").exists()


def test_a_moved_or_replaced_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert not place_watch(file)()
    file.write_bytes(b"one")
    still = place_watch(file)
    file.write_bytes(b"written in place")
    assert still()
    file.rename(tmp_path / "away")
    assert not still()
    file.write_bytes(b"another")
    assert not still()
