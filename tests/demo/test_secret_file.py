"""The key is made once, random, and readable by its owner alone."""

from pathlib import Path

from gateway.demo.secret_file import make_secret


def test_a_key_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret.key"
    assert make_secret(path)
    assert len(bytes.fromhex(path.read_text().strip())) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_key_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text("mine")
    assert not make_secret(path)
    assert path.read_text() == "mine"


def test_no_two_keys_are_alike(tmp_path: Path) -> None:
    make_secret(tmp_path / "a")
    make_secret(tmp_path / "b")
    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()
