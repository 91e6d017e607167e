"""`gateway db`: the database's schema, and copies of it."""

from pathlib import Path

import click

from gateway.cli.configuration import config_option, consult_or_exit
from gateway.cli.layout import json_option


@click.group("db", epilog="Example: gateway db upgrade")
def command() -> None:
    """Check, upgrade and copy the database.

    Exit status: 0 the schema fits; 1 it does not, the database cannot be used, or the configuration
    has faults; 2 wrong usage or an unreadable configuration.
    """


@command.command(epilog="Example: gateway db upgrade --config /etc/vestibule/gateway.toml")
@json_option
@config_option
def upgrade(config: Path, *, as_json: bool) -> None:
    """Bring the database to this release's schema, making it where there is none.

    All or nothing. Make a copy first: an upgraded database cannot be used by older releases.
    """
    from gateway.errors import SchemaMismatch, StoreUnavailable
    from gateway.store import schema

    url = consult_or_exit(config).database.url
    try:
        found = schema.upgrade(url)
    except (SchemaMismatch, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        import json

        click.echo(json.dumps({"was": found or None, "schema": schema.HEAD}))
        return
    if found == schema.HEAD:
        click.echo(f"The schema was {found} already.")
        return
    click.echo(f"The schema went from {found or 'none'} to {schema.HEAD}.")


@command.command(epilog="Example: gateway db check --json")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(config: Path, *, as_json: bool) -> None:
    """Say whether the database is sound and has this release's schema."""
    import json

    from gateway.errors import SchemaMismatch, StoreUnavailable
    from gateway.store import schema

    url = consult_or_exit(config).database.url
    fault = ""
    try:
        schema.check(url, thorough=True)
    except (SchemaMismatch, StoreUnavailable) as error:
        fault = str(error)
    if as_json:
        click.echo(json.dumps({"ok": not fault, "schema": schema.HEAD, "fault": fault or None}))
    elif not fault:
        click.echo(f"The database is sound and has schema {schema.HEAD}.")
    if fault:
        raise click.ClickException(fault)


@command.command(epilog="Example: gateway db backup /var/backups/gateway-$(date +%F).db")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backup(config: Path, *, file: Path, as_json: bool) -> None:
    """Copy the database to FILE while the gateway runs, readable by you alone.

    FILE must not exist. It is a database like the original: to restore it, stop the gateway and put
    it in the place of the old one, without its -wal and -shm.
    """
    import json

    from gateway.errors import SchemaMismatch, StoreUnavailable
    from gateway.store.place import place_at

    url = consult_or_exit(config).database.url
    try:
        size = place_at(url).copy(file)
    except (SchemaMismatch, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps({"file": str(file), "bytes": size}) if as_json else f"Wrote {file}: {size} bytes.")
