"""A backup is one whole moment of the database, private, and in nobody's way (D09)."""

import sqlite3
from pathlib import Path

import pytest

from gateway.errors import SchemaMismatch, StoreUnavailable
from gateway.store import schema
from gateway.store.backup import backup
from gateway.store.database import Database
from tests.fakes.clock import FakeClock
from tests.fakes.databases import file_in, made_in, opened, raw, url_in


async def test_D09_a_database_in_use_is_copied_with_what_is_still_in_its_log(tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    async with opened(tmp_path) as database:
        ann = await database.users.add("ann@example.com", name="Ann", roles=("admin",))
        size = backup(url_in(tmp_path), target)
        await database.users.add("bob@example.com", name=None, roles=())
    assert size == target.stat().st_size
    assert target.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.glob("copy.db*")] == ["copy.db"]
    schema.check(f"sqlite:///{target}", thorough=True)
    copy = await Database.open(f"sqlite:///{target}", clock=FakeClock())
    try:
        assert await copy.users.everyone() == (ann,)
    finally:
        await copy.close()


async def test_D09_whoever_is_writing_is_neither_copied_nor_waited_for(tmp_path: Path) -> None:
    made_in(tmp_path)
    other = raw(tmp_path)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM users")
    backup(url_in(tmp_path), tmp_path / "copy.db")
    other.execute("COMMIT")
    other.close()


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    made_in(tmp_path)
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("taken", "dangling"):
        with pytest.raises(StoreUnavailable, match="there already"):
            backup(url_in(tmp_path), tmp_path / name)
    assert (tmp_path / "taken").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_one_that_was_cut_off_is_told(tmp_path: Path) -> None:
    made_in(tmp_path)
    (tmp_path / "copy.db.part").touch()
    with pytest.raises(StoreUnavailable, match=r"copy\.db\.part is there"):
        backup(url_in(tmp_path), tmp_path / "copy.db")
    assert (tmp_path / "copy.db.part").exists()


@pytest.mark.parametrize("content", [None, b"", b"no database at all\n" * 400])
def test_D11_what_is_no_database_gives_no_backup(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        file_in(tmp_path).write_bytes(content)
    with pytest.raises(SchemaMismatch):
        backup(url_in(tmp_path), tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy.db*"))


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    made_in(tmp_path)
    with pytest.raises(StoreUnavailable, match="cannot be copied"):
        backup(url_in(tmp_path), tmp_path / "nowhere" / "copy.db")


def test_a_database_that_is_locked_for_good_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.backup._PAUSE", 0.01)
    made_in(tmp_path)
    other = sqlite3.connect(file_in(tmp_path), isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable):
        backup(url_in(tmp_path), tmp_path / "copy.db")
    other.close()
    assert not list(tmp_path.glob("copy.db*"))
