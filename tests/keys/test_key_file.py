"""A key file is made once, rotated whole, and readable by its owner alone, whatever happens."""

import os
import threading
from pathlib import Path

import pytest

from gateway.errors import KeyFileRefused
from gateway.keys import key_file
from gateway.keys.key_file import make, rotate
from gateway.model.secret_file import secrets_in, written

OLD = b"the first secret of this gateway, long enough"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "secret.key"
    path.write_bytes(OLD + b"\n")
    path.chmod(0o600)
    return path


def ring(path: Path) -> tuple[bytes, ...]:
    return secrets_in(path.read_bytes())


def test_a_key_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret.key"
    assert make(path)
    [secret] = ring(path)
    assert len(secret) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_key_that_is_there_stays(key: Path) -> None:
    assert not make(key)
    assert key.read_bytes() == OLD + b"\n"


def test_no_two_keys_are_alike(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b")
    assert ring(tmp_path / "a") != ring(tmp_path / "b")


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_B129_a_rotation_puts_a_new_key_first_and_the_old_ones_stay(key: Path, end: bytes) -> None:
    key.write_bytes(OLD + end)
    assert (rotate(key).keys, rotate(key).keys) == (2, 3)
    first, second, third = ring(key)
    assert third == OLD
    assert len({first, second, third}) == 3
    assert len(first) == len(second) == 64


def test_B130_the_oldest_are_dropped_where_fewer_are_to_stay(key: Path) -> None:
    rotate(key)
    newer = ring(key)[0]
    done = rotate(key, keep=2)
    assert (done.file, done.keys, done.dropped) == (key, 2, 1)
    assert ring(key)[1] == newer
    assert rotate(key, keep=9).dropped == 0
    assert rotate(key, keep=1).dropped == 3


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_C05_mode_and_owner_stay(key: Path, mode: int) -> None:
    key.chmod(mode)
    if os.geteuid() == 0:
        os.chown(key, 12345, 54321)
    before = key.stat()
    rotate(key)
    after = key.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino, "a new file took the name"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_C05_a_file_that_others_can_read_is_not_rotated(key: Path, mode: int) -> None:
    key.chmod(mode)
    with pytest.raises(KeyFileRefused, match="chmod 600"):
        rotate(key)
    assert key.read_bytes() == OLD + b"\n"


def test_a_link_stays_one(key: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(key)
    rotate(link)
    assert link.is_symlink()
    assert len(ring(key)) == 2


def test_a_secret_of_several_lines_is_never_taken_apart(key: Path) -> None:
    key.write_bytes(b"\x00\n\xff" * 20)
    with pytest.raises(KeyFileRefused, match="file of its own"):
        rotate(key)
    assert key.read_bytes() == b"\x00\n\xff" * 20
    assert [each.name for each in key.parent.iterdir()] == [key.name]


def test_of_rotations_at_once_one_is_refused_or_both_are_whole(key: Path) -> None:
    done: list[int] = []

    def turn() -> None:
        try:
            done.append(rotate(key).keys)
        except KeyFileRefused:
            done.append(0)

    threads = [threading.Thread(target=turn) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rotations = sum(1 for each in done if each)
    assert rotations >= 1
    assert len(ring(key)) == rotations + 1, "no key was lost"


def test_one_that_was_cut_off_is_told_and_harms_nothing(key: Path) -> None:
    beside = key.with_name("secret.key.new")
    beside.touch()
    with pytest.raises(KeyFileRefused, match=r"secret\.key\.new is there"):
        rotate(key)
    assert beside.exists()
    assert key.read_bytes() == OLD + b"\n"


def test_a_fault_on_the_way_leaves_the_file_and_nothing_beside_it(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(key_file.os, "fsync", full)
    with pytest.raises(KeyFileRefused, match="No space left on device"):
        rotate(key)
    assert [each.name for each in key.parent.iterdir()] == [key.name]
    assert key.read_bytes() == OLD + b"\n"


@pytest.mark.parametrize("kind", ["missing", "directory", "huge", "no folder"])
def test_what_is_no_key_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "directory":
        path.mkdir(mode=0o700)
    if kind == "huge":
        path.write_bytes(b"a" * (64 * 1024 + 1))
        path.chmod(0o600)
    with pytest.raises(KeyFileRefused):
        rotate(path / "x" if kind == "no folder" else path)


def test_a_marked_file_without_a_key_gets_its_first(key: Path) -> None:
    key.write_bytes(written([]))
    assert rotate(key).keys == 1


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileRefused, match="cannot be written"):
        make(tmp_path / "file" / "secret.key")
