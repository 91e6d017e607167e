"""The URL of the database: a SQLite file, or one database of a PostgreSQL.

Law: the URL of a PostgreSQL may hold a password, so no message repeats any of it.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from gateway.settings.addresses import is_loopback
from gateway.settings.notation import nearest, one_of
from gateway.settings.references import REFERENCE, Hidden, Surroundings, resolve
from gateway.settings.refusal import Refused

SQLITE = "sqlite:///"
POSTGRESQL = "postgresql://"

TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = ("sslrootcert", "sslcert", "sslkey")
_OPTIONS = ("host", "sslmode", *_FILES)
_FORM = 'write it as "postgresql://user:password@host:5432/name"'
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def has_password(text: str) -> bool:
    """Say whether *text* is the URL of a PostgreSQL that holds a password, sound or not."""
    return text.startswith("postgres") and ":" in text.partition("://")[2].rpartition("@")[0]


def verifies_its_server(text: str) -> bool:
    """Whether what goes to the database of this sound URL stays here, or its server proves who it is."""
    if not text.startswith(POSTGRESQL):
        return True
    parts = urlsplit(text)
    mode = dict(parse_qsl(parts.query)).get("sslmode")
    return not parts.hostname or is_loopback(parts.hostname) or mode == "verify-full"


class HiddenPassword(Hidden):
    """Marks a URL that is shown unless it holds a password, or is kept elsewhere."""

    def hides(self, written: object) -> bool:
        return isinstance(written, Mapping) or (isinstance(written, str) and has_password(written))


def _database_url(value: object, info: ValidationInfo) -> str:
    around = info.context if isinstance(info.context, Surroundings) else None
    if not isinstance(value, str | Mapping):
        raise Refused("must be a URL, or a reference to one")
    text = value if isinstance(value, str) else _fetched(value, around)
    if text.startswith(SQLITE):
        return _sqlite(text.removeprefix(SQLITE), around.directory if around else Path())
    if text.startswith(POSTGRESQL):
        return _postgresql(text)
    raise Refused(
        "is neither a SQLite file nor a PostgreSQL",
        'write "sqlite:///var/gateway.db" or "postgresql://user:password@host:5432/name"',
    )


def _fetched(value: Mapping[str, object], around: Surroundings | None) -> str:
    if around is None:
        raise TypeError("references are resolved by the loader")
    try:
        return resolve(value, around).decode()
    except UnicodeDecodeError:
        raise Refused("is not UTF-8 text") from None


def _sqlite(path: str, directory: Path) -> str:
    """Return the URL with an absolute path; a relative one starts at the configuration file."""
    if not path or path == ":memory:" or set("?#\0") & set(path):
        raise Refused("must name a plain file", 'for example "sqlite:///var/gateway.db"')
    return f"{SQLITE}{(directory / path).absolute()}"


def _postgresql(text: str) -> str:
    try:
        parts = urlsplit(text)
        options = parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True) if parts.query else []
    except ValueError:
        raise Refused("is not the URL of a PostgreSQL", _FORM) from None
    if parts.fragment or not text.isprintable() or " " in text or text.count("@") > 1:
        raise Refused("holds characters that must be percent-encoded", 'in a password "@" is "%40"')
    if not parts.username or not unquote(parts.path).strip("/") or parts.path.count("/") != 1:
        raise Refused("must name a user and a database", _FORM)
    _check_options(options)
    _check_host(parts.netloc.rpartition("@")[2], dict(options).get("host", ""))
    if find_spec("asyncpg") is None:
        raise Refused("needs a driver that is not installed", 'install "vestibule[postgres]"')
    return text


def _check_host(host: str, directory: str) -> None:
    if directory.startswith("/") and not host:
        return
    if directory:
        raise Refused(
            "has a host option that is no directory of sockets, or a host besides it",
            'for a socket write "postgresql://user@/name?host=/run/postgresql"',
        )
    if not _HOST.fullmatch(host):
        raise Refused("must name exactly one host", _FORM)
    port = host.rpartition("]")[2].partition(":")[2]
    if port and not 1 <= int(port) <= 65535:
        raise Refused("has a port outside 1 to 65535")


def _check_options(options: list[tuple[str, str]]) -> None:
    for name, value in options:
        if name not in _OPTIONS:
            meant = nearest(name, _OPTIONS)
            raise Refused(
                "has an option that is not served", f'did you mean "{meant}"?' if meant else one_of(_OPTIONS)
            )
        if name == "sslmode" and value not in TLS_MODES:
            raise Refused("has an unknown sslmode", f"one of {one_of(TLS_MODES)}")
        if name in _FILES and not value.startswith("/"):
            raise Refused(f"has a {name} that is no absolute path")
    if len({name for name, _ in options}) != len(options):
        raise Refused("has an option twice")


DatabaseUrl = Annotated[
    str, BeforeValidator(_database_url), HiddenPassword(), WithJsonSchema({"anyOf": REFERENCE["anyOf"]})
]
