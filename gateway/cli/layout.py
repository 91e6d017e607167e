"""How commands print what they found: JSON for programs, columns for people."""

from collections.abc import Iterable, Sequence

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def as_json(value: object) -> str:
    """Return *value* as JSON to read."""
    import json

    return json.dumps(value, indent=2)


def as_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return *rows* below *head* in columns; an empty cell is a dash, and none can steer a terminal."""
    lines = [tuple(head), *(tuple(map(_cell, row)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text) or "-"
