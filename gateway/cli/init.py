"""`gateway init`: a configuration to start from, a key, and the first administrator."""

from pathlib import Path

import click

from gateway.cli.configuration import config_option

KEY_FILE = Path("var", "secret.key")
DATABASE = Path("var", "gateway.db")

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
def command(config: Path, *, admin: str | None) -> None:
    """Write a commented gateway.toml and a key, and add the first administrator.

    What is there already is never touched: where the configuration, its var/secret.key or, with
    --admin, its var/gateway.db exists, nothing is written, and the exit status is 1.
    """
    folder = config.parent
    made = [config, folder / KEY_FILE, *([folder / DATABASE] if admin else [])]
    if taken := [str(path) for path in made if path.exists() or path.is_symlink()]:
        raise click.ClickException(f"{', '.join(taken)}: there already, so nothing was written")
    if admin is not None:
        _check(admin)
    _make_key(folder / KEY_FILE)
    _write(config, _TEMPLATE.replace("@TRUST@", _NOT_TRUSTED if admin is None else _TRUSTED))
    if admin is not None:
        _add(admin, folder / DATABASE)
    for path in made:
        click.echo(f"Made {path}.")
    click.echo(f"Next: put your names into {config}, then run: gateway check --config {config}")


def _check(email: str) -> None:
    from gateway.model.email import email_key

    if email_key(email) is None:
        raise click.BadParameter("this is no plain e-mail address", param_hint="--admin")


def _make_key(path: Path) -> None:
    from gateway.errors import KeyFileRefused
    from gateway.keys.key_file import make

    try:
        make(path)
    except KeyFileRefused as error:
        raise click.ClickException(str(error)) from error


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from error


def _add(email: str, database: Path) -> None:
    import asyncio

    from gateway.errors import SchemaMismatch, StoreUnavailable

    try:
        asyncio.run(_added(email, f"sqlite:///{database.absolute()}"))
    except (SchemaMismatch, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error


async def _added(email: str, url: str) -> None:
    from time import time

    from gateway.store.database import Database

    database = await Database.open(url, clock=time, create=True)
    try:
        await database.users.add(email, name=None, roles=("admin",))
    finally:
        await database.close()
