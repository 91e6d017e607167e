"""`[redis]`: what is refused, what is told, what becomes of it."""

from pathlib import Path

import pytest

from gateway.assembly.sessions import redis_account
from tests.fakes.configuration import SOUND, loaded

PEM = "-----BEGIN CERTIFICATE-----"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('url = "rediss://h"\ntls = { ca = "ca.pem" }', 0),
        ('url = "redis://h"\ntls = { ca = "ca.pem" }', 1),
        ('url = "redis+sentinel://h/main"\nsentinel_password = { env = "WORD" }', 0),
        ('url = "redis+cluster://h"\nsentinel_password = { env = "WORD" }', 1),
    ],
)
def test_what_has_no_effect_is_told(tmp_path: Path, lines: str, told: int) -> None:
    (tmp_path / "ca.pem").write_text(PEM)
    found = loaded(tmp_path, f"{SOUND}[redis]\n{lines}\n", environ={"WORD": "canary"})
    assert len([each for each in found.warnings if each.startswith("redis.")]) == told


def test_sentinels_have_a_login_of_their_own_and_files_count_for_both(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(PEM)
    text = f"""{SOUND}[redis]
url = "rediss+sentinel://h/main/3"
password = {{ env = "WORD" }}
sentinel_username = "watcher"
sentinel_password = {{ env = "OTHER" }}
[redis.tls]
ca = "ca.pem"
"""
    found = loaded(tmp_path, text, environ={"WORD": "canary-1", "OTHER": "canary-2"})
    account = redis_account(found.settings)
    assert (account.login.number, account.login.username, account.login.password) == (3, None, "canary-1")
    asker = account.sentinel_login
    assert (asker.number, asker.username, asker.password) == (0, "watcher", "canary-2")
    assert account.login.tls == asker.tls
    assert asker.tls is not None
    assert asker.tls.ca == str(tmp_path / "ca.pem")
    assert "canary" not in repr(account)


def test_without_rediss_there_is_no_tls(tmp_path: Path) -> None:
    assert redis_account(loaded(tmp_path, SOUND).settings).login.tls is None
