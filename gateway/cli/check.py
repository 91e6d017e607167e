"""`gateway check`: every fault at once, or the configuration in force and where each value came from."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import FAULTS, config_option, exit_code, print_faults, read
from gateway.errors import Fault, SettingsInvalid

if TYPE_CHECKING:
    from gateway.settings.loader import Loaded


@click.command("check", epilog="Example: gateway check --production --config /etc/vestibule/gateway.toml")
@config_option
@click.option("--production", is_flag=True, help="Also refuse what is for trying only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(config: Path, *, production: bool, as_json: bool) -> None:
    """Read the configuration; tell every fault, or what is in force and where it came from.

    Secrets are masked. Exit code: 0 sound, 1 faults, 2 unreadable.
    """
    from gateway.introspection_rooms import clients
    from gateway.issuers import registrations
    from gateway.request_keys import assertion_keys
    from gateway.settings.production import production_faults

    try:
        loaded = read(config)
    except SettingsInvalid as error:
        _tell(None, error.faults, as_json=as_json)
        sys.exit(exit_code(error))
    try:
        registrations(loaded.settings)
        clients(loaded.settings)
        assertion_keys(loaded.settings)
    except SettingsInvalid as error:
        _tell(None, loaded.placed(error.faults), as_json=as_json)
        sys.exit(exit_code(error))
    faults = production_faults(loaded) if production else ()
    _tell(loaded, faults, as_json=as_json)
    sys.exit(FAULTS if faults else 0)


def _tell(loaded: "Loaded | None", faults: Sequence[Fault], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_report(loaded, faults), indent=2, ensure_ascii=False))
        return
    if loaded is not None:
        _print(loaded)
    print_faults(faults)


def _print(loaded: "Loaded") -> None:
    from gateway.settings.notation import toml

    for key, value in loaded.written.items():
        origin = loaded.origins[key]
        if key in loaded.secrets:
            click.echo(f"{key} = {value}  # {origin}, {loaded.secrets[key]}")
        else:
            click.echo(f"{key} = {toml(value)}  # {origin}")
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)


def _report(loaded: "Loaded | None", faults: Sequence[Fault]) -> dict[str, object]:
    values = {} if loaded is None else loaded.written
    return {
        "ok": loaded is not None and not faults,
        "faults": [asdict(fault) for fault in faults],
        "warnings": [] if loaded is None else list(loaded.warnings),
        "values": {
            key: {"value": value, "origin": loaded.origins[key]} for key, value in values.items() if loaded
        },
    }
