"""`gateway routes`: which rule governs what, the most specific first."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import config_option, consult_or_exit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@click.command("routes", epilog="Example: gateway routes --config gateway.toml")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config: Path, *, as_json: bool) -> None:
    """List the routes in the order in which they are tried: the first that covers a request governs it."""
    from gateway.assembly.routes import build_routes
    from gateway.routing.listing import COLUMNS, described, row
    from gateway.routing.table import Table

    listed = [described(route) for route in Table(build_routes(consult_or_exit(config))).ordered]
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    rows = [COLUMNS, *(row(route) for route in listed)]
    for line in _aligned(rows):
        click.echo(line)


def _aligned(rows: "Sequence[Sequence[str]]") -> "Iterable[str]":
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
