import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import database_url
from gateway.settings.database_url import SQLITE, has_password, verifies_its_server
from gateway.settings.production import production_faults
from tests.fakes.configuration import PROVIDER, SOUND, faults_by_key, loaded

POSTGRES = "postgresql://gateway:canary@db.example.com:5432/gateway?sslmode=verify-full"


def with_url(value: str) -> str:
    return f"{SOUND}\n[database]\nurl = {value}\n"


def test_a_sqlite_file_stands_beside_the_configuration_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, SOUND).settings.database.url == f"{SQLITE}{tmp_path}/var/gateway.db"
    absolute = SOUND.replace(PROVIDER, f'[database]\nurl = "sqlite:////srv/x.db"\n{PROVIDER}')
    assert loaded(tmp_path, absolute).settings.database.url == "sqlite:////srv/x.db"


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:", "sqlite:///a?mode=ro"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, url: str) -> None:
    assert "sqlite:///" in faults_by_key(tmp_path, with_url(f'"{url}"'))["database.url"]


@pytest.mark.parametrize(
    "url",
    [
        POSTGRES,
        "postgresql://gateway:p%40ss%2Fword@10.0.0.5/gateway",
        "postgresql://gateway@[::1]:5433/gateway?sslmode=disable",
        "postgresql://gateway@/gateway?host=/run/postgresql",
        "postgresql://gateway:x@db/gateway?sslmode=verify-ca&sslrootcert=/etc/ssl/db.pem",
    ],
)
def test_a_postgresql_is_taken_as_it_is_written(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, with_url(f'"{url}"')).settings.database.url == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://u:canary@h/n", "neither"),
        ("sqlite://", "neither"),
        ("var/gateway.db", "neither"),
        ("postgres://u:canary@h/n", "neither"),
        ("postgresql+asyncpg://u:canary@h/n", "neither"),
        ("postgresql://h/n", "name a user and a database"),
        ("postgresql://u:canary@h", "name a user and a database"),
        ("postgresql://u:canary@h/", "name a user and a database"),
        ("postgresql://u:canary@h/n/m", "name a user and a database"),
        ("postgresql://u:canary@/n", "exactly one host"),
        ("postgresql://u:canary@a,b/n", "exactly one host"),
        ("postgresql://u:canary@h:0/n", "port outside"),
        ("postgresql://u:canary@h:65536/n", "port outside"),
        ("postgresql://u:can@ary@h/n", "percent-encoded"),
        ("postgresql://u:can ary@h/n", "percent-encoded"),
        ("postgresql://u:canary@h/n#x", "percent-encoded"),
        ("postgresql://u:canary@h/n?ssl_mode=require", 'did you mean "sslmode"'),
        ("postgresql://u:canary@h/n?statement_timeout=0", "not served"),
        ("postgresql://u:canary@h/n?sslmode=canary", "unknown sslmode"),
        ("postgresql://u:canary@h/n?sslmode=require&sslmode=disable", "twice"),
        ("postgresql://u:canary@h/n?sslrootcert=ca.pem", "no absolute path"),
        ("postgresql://u:canary@h/n?host=/run", "besides it"),
        ("postgresql://u:canary@/n?host=h", "no directory"),
        ("postgresql://u:canary@h/n?sslmode", "not the URL"),
    ],
)
def test_D07_what_is_not_sound_is_refused_and_never_repeated(tmp_path: Path, url: str, why: str) -> None:
    told = faults_by_key(tmp_path, with_url(f'"{url}"'))["database.url"]
    assert why in told
    assert "canary" not in told


def test_without_its_driver_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(database_url, "find_spec", lambda name: None if name == "asyncpg" else find(name))
    assert "vestibule[postgres]" in faults_by_key(tmp_path, with_url(f'"{POSTGRES}"'))["database.url"]


def test_C05_a_password_is_masked_and_no_literal_in_production(tmp_path: Path) -> None:
    found = loaded(tmp_path, with_url(f'"{POSTGRES}"'))
    assert found.written["database.url"] == "********"
    assert found.secrets["database.url"] == "literal"
    assert "canary" not in f"{found.settings!r} {found.written} {found.warnings}"
    assert "database.url" in [fault.key for fault in production_faults(found)]


def test_C05_it_may_be_kept_elsewhere(tmp_path: Path) -> None:
    found = loaded(tmp_path, with_url('{ env = "DATABASE_URL" }'), environ={"DATABASE_URL": POSTGRES})
    assert found.settings.database.url == POSTGRES
    assert found.secrets["database.url"] == "environment DATABASE_URL"
    assert "database.url" not in [fault.key for fault in production_faults(found)]
    told = faults_by_key(tmp_path, with_url('{ env = "DATABASE_URL" }'))["database.url"]
    assert "DATABASE_URL is not set" in told


def test_a_url_without_a_password_is_shown(tmp_path: Path) -> None:
    url = "postgresql://gateway@/gateway?host=/run/postgresql"
    found = loaded(tmp_path, with_url(f'"{url}"'))
    assert found.written["database.url"] == url
    assert "database.url" not in found.secrets


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("sqlite:////srv/x.db", True),
        (POSTGRES, True),
        (POSTGRES.replace("verify-full", "require"), False),
        ("postgresql://u:p@db.example.com/n", False),
        ("postgresql://u:p@127.0.0.1/n", True),
        ("postgresql://u@/n?host=/run/postgresql", True),
    ],
)
def test_a_server_on_the_way_to_which_somebody_may_sit_is_told(url: str, safe: bool) -> None:
    assert verifies_its_server(url) is safe


@given(st.text(), st.text(min_size=1))
def test_no_password_is_overlooked(user: str, password: str) -> None:
    assert has_password(f"postgresql://{user}:{password}@host/name")
