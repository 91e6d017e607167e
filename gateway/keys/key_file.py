"""Files of secrets: made once, rotated in place, never readable by anybody but their owner.

The law: whoever reads the file sees the old keys or the new ones, whole; owner and mode stay.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import KeyFileRefused
from gateway.model.secret_file import secrets_in, written

_BYTES = 48
_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """How many keys the file holds now, the new one among them, and how many were dropped."""

    file: Path
    keys: int
    dropped: int


def make(path: Path) -> bool:
    """Make a file with one random key at *path*, unless something is there; say whether it was made.

    Raises KeyFileRefused where it cannot be written; then no half of it stays.
    """
    with _outage_told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return False
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(written([_new_key()]))
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
    return True


def rotate(path: Path, *, keep: int | None = None) -> Rotated:
    """Put a new random key first in the file at *path*; of all keys the first *keep* stay.

    A link is followed, so that it stays one. Raises KeyFileRefused, and then nothing has changed.
    """
    with _outage_told(path):
        target = Path(os.path.realpath(path, strict=True))
        beside = target.with_name(f"{target.name}.new")
        descriptor = _claim(beside)
        try:
            with os.fdopen(descriptor, "wb") as file:
                former = _read(target)
                ring = (_new_key(), *former)[:keep]
                file.write(_text(target, ring))
                file.flush()
                _dress_as(target, file.fileno())
                os.fsync(file.fileno())
            os.replace(beside, target)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
        _settle(target.parent)
    return Rotated(file=path, keys=len(ring), dropped=len(former) + 1 - len(ring))


def _new_key() -> bytes:
    return secrets.token_urlsafe(_BYTES).encode("ascii")


def _claim(beside: Path) -> int:
    """Make the file that will take the place; that it is new is the lock among rotations."""
    try:
        return os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise KeyFileRefused(
            f"{beside} is there: another rotation is under way, or one was cut off; then remove it"
        ) from None


def _read(target: Path) -> tuple[bytes, ...]:
    found = target.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
        raise KeyFileRefused(f"{target} is no file of keys")
    if found.st_mode & 0o077:
        raise KeyFileRefused(f"{target} can be read by others: chmod 600 {target}")
    content = target.read_bytes()
    plain = content.removesuffix(b"\r\n") if content.endswith(b"\r\n") else content.removesuffix(b"\n")
    return secrets_in(plain)


def _text(target: Path, ring: tuple[bytes, ...]) -> bytes:
    try:
        return written(ring)
    except ValueError:
        raise KeyFileRefused(
            f"{target} holds a secret that is not one line of text, so no other can stand beside it:"
            ' make a file of its own and write secret = [{ file = "NEW" }, { file = "OLD" }]'
        ) from None


def _dress_as(target: Path, descriptor: int) -> None:
    """Give the open file the owner and mode of *target*."""
    found, now = target.stat(), os.fstat(descriptor)
    if (found.st_uid, found.st_gid) != (now.st_uid, now.st_gid):
        os.fchown(descriptor, found.st_uid, found.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(found.st_mode))


def _settle(folder: Path) -> None:
    """Let the new name outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _outage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeyFileRefused(f"the key file {path} cannot be written: {error.strerror}") from error
