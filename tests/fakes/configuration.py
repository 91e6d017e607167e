"""Configuration files for tests: a sound one, and what is wrong with others."""

from collections.abc import Mapping
from pathlib import Path

from gateway.errors import Fault, SettingsInvalid
from gateway.settings.loader import Loaded, load

SECRET = "a-secret-of-more-than-32-bytes-for-tests"
TOP = f"""\
public_url = "https://gateway.example.com"
secret = "{SECRET}"
"""
PROVIDER = """
[[providers]]
id = "company"
issuer = "https://login.example.com"
client_id = "gateway"
client_secret = "not-so-secret"
"""
ROUTE = """
[[routes]]
upstream = "http://127.0.0.1:3000"
"""
SOUND = TOP + PROVIDER + ROUTE


def write(directory: Path, text: str) -> Path:
    """Write *text* as gateway.toml and return its path."""
    path = directory / "gateway.toml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(
    directory: Path, text: str, *, environ: Mapping[str, str] = {}, flags: Mapping[str, str] = {}
) -> Loaded:
    """Return what *text* loads to."""
    return load(write(directory, text), environ=environ, flags=flags)


def faults_of(
    directory: Path, text: str, *, environ: Mapping[str, str] = {}, flags: Mapping[str, str] = {}
) -> tuple[Fault, ...]:
    """Return every fault of *text*; none where it loads."""
    try:
        loaded(directory, text, environ=environ, flags=flags)
    except SettingsInvalid as error:
        return error.faults
    return ()


def faults_by_key(directory: Path, text: str) -> dict[str, str]:
    """Return the message and suggestion of each fault of *text*, by key path."""
    return {fault.key: f"{fault.message} ({fault.suggestion})" for fault in faults_of(directory, text)}
