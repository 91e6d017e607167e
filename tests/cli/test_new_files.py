"""Files of a command: all of them, or none."""

import errno
import os
from pathlib import Path

import click
import pytest

from gateway.cli.new_files import ROOM, NewFiles, unwritable


def test_what_is_not_kept_goes_away_with_its_folders(tmp_path: Path) -> None:
    with NewFiles() as files:
        files.folder(tmp_path / "a/b")
        files.claim(tmp_path / "a/b/one", mode=0o600)
        files.adopt(tmp_path / "a/two", tmp_path / "a/never")
        (tmp_path / "a/two").touch()
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_stays_and_so_does_its_folder(tmp_path: Path) -> None:
    with NewFiles() as files:
        files.folder(tmp_path / "a")
        for name in ("one", "two"):
            files.claim(tmp_path / "a" / name, mode=0o600)
        files.fill(tmp_path / "a/one", "ü\n")
        files.keep(tmp_path / "a/one")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["one"]
    assert (tmp_path / "a/one").read_text(encoding="utf-8") == "ü\n"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a/one").stat().st_mode & 0o777 == 0o600


def test_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("mine")
    with NewFiles() as files:
        files.folder(tmp_path)
        with pytest.raises(click.ClickException, match="File exists"):
            files.claim(tmp_path / "one", mode=0o600)
    assert (tmp_path / "one").read_text() == "mine"


def test_a_claim_has_room_and_what_is_longer_fits_too(tmp_path: Path) -> None:
    with NewFiles() as files:
        files.claim(tmp_path / "one", mode=0o600)
        assert (tmp_path / "one").stat().st_size == ROOM
        files.fill(tmp_path / "one", "x" * (ROOM + 1))
        assert (tmp_path / "one").stat().st_size == ROOM + 1


@pytest.mark.parametrize("how", ["gone", "link"])
def test_nothing_is_written_elsewhere(tmp_path: Path, how: str) -> None:
    (tmp_path / "theirs").touch()
    with NewFiles() as files:
        files.claim(tmp_path / "one", mode=0o600)
        (tmp_path / "one").unlink()
        if how == "link":
            (tmp_path / "one").symlink_to(tmp_path / "theirs")
        with pytest.raises(click.ClickException, match="one cannot be written"):
            files.fill(tmp_path / "one", "secret")
    assert (tmp_path / "theirs").read_text() == ""


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(click.ClickException, match="Not a directory; let this user"), NewFiles() as files:
        files.folder(tmp_path / "file" / "var")


def test_a_full_disk_has_advice_of_its_own() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "make room on that disk" in unwritable(Path("x"), full).message
    assert unwritable(Path("x"), OSError("?")).message.startswith("x cannot be written: OSError; ")
