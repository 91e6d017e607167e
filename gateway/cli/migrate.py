"""`gateway migrate`: another gateway's configuration in our words."""

import json
import sys
from pathlib import Path

import click

from gateway.cli.configuration import exit_with
from gateway.cli.layout import json_option
from gateway.errors import SettingsInvalid


@click.group("migrate", epilog="Example: gateway migrate oauth2-proxy oauth2-proxy.cfg > gateway.toml")
def command() -> None:
    """Say in our words what the configuration of another gateway says.

    Exit status: 0 done; 2 wrong usage or an unreadable configuration.
    """


@command.command(
    "oauth2-proxy", epilog="Example: gateway migrate oauth2-proxy /etc/oauth2-proxy.cfg > gateway.toml"
)
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def oauth2_proxy(file: Path, *, as_json: bool) -> None:
    """Print a gateway.toml for what FILE says; tell on standard error what has no counterpart.

    No secret is carried over, and nobody passes who did not pass before: a rule that cannot be said here
    closes the routes until you decide. Flags and variables of oauth2-proxy are not looked at.
    """
    from gateway.settings.document import read
    from gateway.settings.oauth2_proxy import migrate

    try:
        document = read(file, absent="")
    except SettingsInvalid as error:
        exit_with(error)
    done = migrate(document.values, source=file.name)
    told = [
        {"key": note.key, "line": document.lines.of((note.key,)), "note": note.text} for note in done.notes
    ]
    if as_json:
        click.echo(json.dumps({"toml": done.text, "notes": told}, indent=2, ensure_ascii=False))
        sys.exit(0)
    click.echo(done.text, nl=False)
    for each in told:
        place = f"{file}:{each['line']}: {each['key']}" if each["line"] else each["key"] or "note"
        click.echo(f"{place}: {each['note']}", err=True)
