"""A copy of the database while it is in use, by SQLite's own backup (https://sqlite.org/backup.html).

The law: a file of the name that was asked for is a whole backup or is not there.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from gateway.errors import SchemaMismatch, StoreUnavailable
from gateway.store.engine import file_uri, is_there, sqlite_file
from gateway.store.outage import damage_told, outages_told

_PAUSE = 0.25  # seconds before a locked database is tried again
_ATTEMPTS = 40
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def backup(url: str, target: Path) -> int:
    """Write the database at *url* to *target*, readable by its owner alone; return its size in bytes.

    It reads one moment of the database and keeps nobody from writing meanwhile. Raises SchemaMismatch
    where there is no sound database, StoreUnavailable where it cannot be read or *target* not be
    written, or is there.
    """
    path = sqlite_file(url)
    with outages_told(f"the database {path} cannot be reached"):
        if not is_there(path):
            raise SchemaMismatch(f"the database {path} does not exist")
    if os.path.lexists(target):
        raise StoreUnavailable(f"{target} is there already: name another file")
    part = target.with_name(f"{target.name}.part")
    with outages_told(f"the database {path} cannot be copied to {target}"):
        os.close(_claim(part))
        try:
            with damage_told(path):
                _copy(path, part)
            os.replace(part, target)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()
    return target.stat().st_size


def _claim(part: Path) -> int:
    try:
        return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise StoreUnavailable(
            f"{part} is there: another backup is under way, or one was cut off; then remove it"
        ) from None


def _patience() -> Callable[[int, int, int], None]:
    """Return what SQLite tells of each step; by itself it would try a locked database for ever."""
    left = _ATTEMPTS

    def step(status: int, _remaining: int, _total: int) -> None:
        nonlocal left
        left -= status in _LOCKED
        if left <= 0:
            raise TimeoutError

    return step


def _copy(path: Path, part: Path) -> None:
    with (
        closing(sqlite3.connect(file_uri(path), uri=True, timeout=_PAUSE)) as source,
        closing(sqlite3.connect(part)) as copy,
    ):
        source.backup(copy, sleep=_PAUSE, progress=_patience())
        # One file, without the write-ahead log that the database in use has beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        sound = copy.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    if not sound:
        raise SchemaMismatch(f"the database {path} is damaged: restore it from a backup")
    with part.open("rb") as file:
        os.fsync(file.fileno())
