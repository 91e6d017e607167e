"""`gateway audit`: what was done, by whom, and what became of it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import layout
from gateway.cli.configuration import config_option
from gateway.cli.desk import nobody, visit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.model.event import AuditEntry
    from gateway.store.database import Database

_COLUMNS = ("TIME", "EVENT", "OUTCOME", "REASON", "USER", "SESSION", "BY", "FROM", "PROVIDER", "DETAIL")
_SINCE = 'a duration such as "24h" or "7d", or a date such as 2026-01-31 or 2026-01-31T08:00 (UTC)'


def _moment(_: click.Context, __: click.Parameter, text: str | None) -> int:
    """Return the Unix second that *text* means: so long ago, or a date."""
    from datetime import UTC, datetime
    from time import time

    from gateway.settings.quantities import duration
    from gateway.settings.refusal import Refused

    if text is None:
        return 0
    try:
        return int(time() - duration(text))
    except Refused:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"write {_SINCE}") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@click.group("audit", epilog="Example: gateway audit list --user ann@example.com --since 7d")
def command() -> None:
    """Read the audit trail.

    Exit status: 0 done; 1 no such user, no database, or faults in the configuration; 2 wrong usage or an
    unreadable configuration.
    """


@command.command("list", epilog="Example: gateway audit list --event admin --since 24h --json")
@click.option("--user", metavar="ID|EMAIL", help="Only what is about this user, deleted ones by id.")
@click.option("--event", metavar="NAME", help='One event, or all below a word: "auth.login", "admin".')
@click.option("--since", metavar="WHEN", callback=_moment, help=f"Not before: {_SINCE}.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="The newest.")
@config_option
@layout.json_option
def list_entries(
    config: Path, *, user: str | None, event: str | None, since: int, limit: int, as_json: bool
) -> None:
    """List the newest entries, the oldest of them first."""

    async def found(database: "Database") -> "Sequence[AuditEntry]":
        person = await database.users.find(user) if user else None
        if user and person is None and "@" in user:
            raise nobody(user)  # an id may be that of somebody who is gone
        return await database.audit.entries(
            user_id=person.id if person else user or "", event=event or "", since=since, limit=limit
        )

    entries = visit(config, found)
    if as_json:
        click.echo(layout.as_json([_described(entry) for entry in entries]))
    else:
        click.echo(layout.as_table(_COLUMNS, map(_row, entries)))


def _described(entry: "AuditEntry") -> dict[str, Any]:
    facts = asdict(entry.event)
    event = facts.pop("name")
    return {"id": entry.id, "ts": entry.ts, "event": event, **facts}


def _row(entry: "AuditEntry") -> tuple[str, ...]:
    event = entry.event
    return (
        _written(entry.ts),
        event.name,
        event.outcome,
        event.reason,
        event.user_id,
        event.session_id,
        event.actor,
        event.client_ip,
        event.provider,
        event.detail,
    )


def _written(ts: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
