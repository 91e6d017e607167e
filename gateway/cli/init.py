"""`gateway init`: a configuration to start from, a key, and the first administrator."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import config_option
from gateway.cli.new_files import NewFiles
from gateway.cli.registration import (
    MANAGEMENT_FILE,
    SECRET_FILE,
    Asked,
    kept,
    placed,
    registered,
    undone,
)

if TYPE_CHECKING:
    from gateway.relying_party.dynamic_registration import Registered

KEY_FILE = Path("var", "secret.key")
DATABASE = Path("var", "gateway.db")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/?")
_REGISTRATION = (SECRET_FILE, MANAGEMENT_FILE)

_TEMPLATE = """\
# Vestibule. `gateway check` reads this file and tells what is in force and where each value came from;
# `gateway schema --reference` prints every key with its default.

# What the browser types. Links, cookies and the issuer's redirect are made from it and from nothing else.
public_url = "https://wiki.example.com"
listen = "127.0.0.1:8080"       # a proxy in front ends TLS and passes requests on to here
admin_listen = "127.0.0.1:8081" # health and metrics, on a port that browsers never reach

# Seals the sessions; paths start at this file's directory. `gateway keys rotate` puts a new one first.
secret = { file = "var/secret.key" }

# Whose X-Forwarded-* are believed: the proxy on this machine.
trusted_proxies = ["127.0.0.1/32"]

[database] # who has signed in, their linked accounts and roles
url = "sqlite:///var/gateway.db"

# Where people sign in. Register there the redirect URI PUBLIC_URL/.gateway/callback/company.
[[providers]]
id = "company" # in the redirect URI and in accounts: never change it
name = "Company login"
issuer = "https://login.example.com"
client_id = "wiki"
client_secret = { env = "COMPANY_CLIENT_SECRET" } # or { file = "…" }, { credential = "…" }
@TRUST@

# What is behind. The longest path wins; what no rule opens is for people who are signed in.
[[routes]]
path = "/"
upstream = "http://127.0.0.1:3000"

# [[routes]]
# path = "/admin"
# upstream = "http://127.0.0.1:3000"
# roles = ["admin"]

# [[routes]]
# path = "/assets"
# upstream = "http://127.0.0.1:3000"
# access = "public" # for everybody, and no identity is sent
"""
_NOT_TRUSTED = "# trust_email = true # its verified e-mails find users that are there already"
_TRUSTED = "trust_email = true # its verified e-mail is how the first administrator is recognised"


@click.command("init", epilog="Example: gateway init --admin ann@example.com")
@config_option
@click.option("--admin", metavar="EMAIL", help="Who gets the role admin at their first login.")
@click.option("--public-url", metavar="URL", help="What the browser types; needed with --register.")
@click.option("--register", "issuer", metavar="ISSUER", help="Register at this issuer (RFC 7591).")
@click.option(
    "--registration-token",
    "token",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the initial access token that the issuer asks for.",
)
def command(
    config: Path, *, admin: str | None, public_url: str | None, issuer: str | None, token: Path | None
) -> None:
    """Write a commented gateway.toml and a key, and add the first administrator.

    What is there already is never touched: where the configuration, its var/secret.key or, with
    --admin, its var/gateway.db exists, nothing is written, and the exit status is 1; nor does anything
    stay where one of them cannot be written. With --register the issuer is asked once every file is
    there; the secret that it gives is in var/client.secret.
    """
    folder = config.parent
    if public_url is not None and not _ORIGIN.fullmatch(public_url):
        raise click.BadParameter("must be like https://wiki.example.com", param_hint="--public-url")
    asked = _asked(issuer, public_url, token)
    made = [config, folder / KEY_FILE, *([folder / DATABASE] if admin else [])]
    claimed = [config, *([folder / name for name in _REGISTRATION] if asked else [])]
    if taken := [str(path) for path in dict.fromkeys([*made, *claimed]) if os.path.lexists(path)]:
        raise click.ClickException(f"{', '.join(taken)}: there already, so nothing was written")
    if admin is not None:
        _check(admin)
    text = _configuration(public_url, trusted=admin is not None)
    with NewFiles() as files:
        files.folder((folder / KEY_FILE).parent)
        for path in claimed:
            files.claim(path, mode=0o666 if path == config else 0o600)
        _make_key(folder / KEY_FILE, files)
        if admin is not None:
            _add(admin, folder / DATABASE, files)
        found = None if asked is None else registered(asked)
        if asked is None or found is None:
            files.fill(config, text)
        else:
            made += _fill(files, config, text, asked, found)
        files.keep(*made, *_database_files(folder / DATABASE))
    for path in made:
        click.echo(f"Made {path}.")
    if found is not None and found.expires_at is not None:
        click.echo(f"The client secret ends on {datetime.fromtimestamp(found.expires_at, UTC):%d %B %Y}.")
    click.echo(f"Next: put your names into {config}, then run: gateway check --config {config}")


def _configuration(public_url: str | None, *, trusted: bool) -> str:
    text = _TEMPLATE.replace("@TRUST@", _TRUSTED if trusted else _NOT_TRUSTED)
    if public_url is None:
        return text
    return text.replace('"https://wiki.example.com"', f'"{public_url.rstrip("/")}"')


def _fill(files: NewFiles, config: Path, text: str, asked: Asked, found: "Registered") -> list[Path]:
    """Write the configuration and what is secret, and return the files of the latter.

    Where that fails after all, the registration is undone, for nobody knows its secret any more.
    """
    secrets = {config.parent / name: content for name, content in kept(found).items()}
    try:
        for path, content in {**secrets, config: placed(text, asked, found)}.items():
            files.fill(path, content)
    except click.ClickException as error:
        raise click.ClickException(f"{error.message}; {undone(asked, found)}") from error
    return list(secrets)


def _asked(issuer: str | None, public_url: str | None, token: Path | None) -> Asked | None:
    if issuer is None:
        if token is not None:
            raise click.UsageError("--registration-token means something with --register alone")
        return None
    if public_url is None:
        raise click.UsageError("--register needs --public-url: the issuer is told where it sends browsers")
    return Asked(issuer=issuer, public_url=public_url, token=token)


def _check(email: str) -> None:
    from gateway.model.email import email_key

    if email_key(email) is None:
        raise click.BadParameter("this is no plain e-mail address", param_hint="--admin")


def _make_key(path: Path, files: NewFiles) -> None:
    from gateway.errors import KeyFileRefused
    from gateway.keys.key_file import make

    try:
        if not make(path):
            raise click.ClickException(f"{path}: there already, so nothing was written")
    except KeyFileRefused as error:
        raise click.ClickException(str(error)) from error
    files.adopt(path)


def _add(email: str, database: Path, files: NewFiles) -> None:
    import asyncio

    from gateway.errors import SchemaMismatch, StoreUnavailable

    if os.path.lexists(database):
        raise click.ClickException(f"{database}: there already, so nothing was written")
    files.adopt(*_database_files(database))
    try:
        asyncio.run(_added(email, f"sqlite:///{database.absolute()}"))
    except (SchemaMismatch, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error


def _database_files(database: Path) -> list[Path]:
    """Return all that SQLite may keep of *database*; what is not written back yet is in the second."""
    return [database.with_name(f"{database.name}{more}") for more in ("", "-wal", "-shm")]


async def _added(email: str, url: str) -> None:
    from time import time

    from gateway.store.database import Database

    database = await Database.open(url, clock=time, create=True)
    try:
        await database.users.add(email, name=None, roles=("admin",))
    finally:
        await database.close()
