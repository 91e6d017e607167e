"""Files that a command makes: all of them, or none.

The law: each is made under its own name and with room on its disk before anything is done that cannot
be undone; whatever was made goes away again unless the command says that it stays.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import click

ROOM = 16 * 1024
"""Bytes that a file has from the start, so that a full disk tells of itself early."""

_ADVICE = "let this user write there, or name another place with --config"
_ADVICE_FOR: Mapping[int | None, str] = {
    errno.ENOSPC: "make room on that disk, or name another place with --config",
    errno.EDQUOT: "make room in this user's quota, or name another place with --config",
}


class NewFiles:
    """What a command makes on the disk; at the end of the block all is removed that it does not `keep`.

    What cannot be written is a ClickException with the file, the reason and what to do.
    """

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._folders: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in reversed(self._files):
            with suppress(OSError):
                path.unlink(missing_ok=True)
        for folder in reversed(self._folders):
            with suppress(OSError):  # somebody else has put something in
                folder.rmdir()

    def folder(self, path: Path) -> None:
        """Have the folder *path*; one that is made is its owner's alone."""
        missing = [each for each in (path, *path.parents) if not os.path.lexists(each)]
        for each in reversed(missing):
            try:
                each.mkdir(mode=0o700 if each == path else 0o777)
            except OSError as error:
                raise unwritable(each, error) from error
            self._folders.append(each)

    def claim(self, path: Path, *, mode: int) -> None:
        """Make the file *path*, which is not there yet, with room for `ROOM` bytes."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            self._files.append(path)
            with os.fdopen(descriptor, "wb") as file:
                file.write(b" " * ROOM)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            raise unwritable(path, error) from error

    def adopt(self, *paths: Path) -> None:
        """Count files as made here that somebody else makes, or may make, for the command."""
        self._files += paths

    def fill(self, path: Path, text: str) -> None:
        """Write *text* into a file that was claimed, and onto the disk."""
        try:
            # Not made anew: if it is gone, or a link by now, whoever did that is not to be trusted with it.
            descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
                file.truncate()
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            raise unwritable(path, error) from error

    def keep(self, *paths: Path) -> None:
        """Let *paths* stay, and the folders that they are in."""
        self._files = [each for each in self._files if each not in paths]


def unwritable(path: Path, error: OSError) -> click.ClickException:
    """Return what is told where *path* cannot be written."""
    reason = error.strerror or type(error).__name__
    return click.ClickException(
        f"{path} cannot be written: {reason}; {_ADVICE_FOR.get(error.errno, _ADVICE)}"
    )
