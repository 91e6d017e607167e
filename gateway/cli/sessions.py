"""`gateway sessions`: who is signed in where, and the end of it."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gateway.cli.configuration import config_option, load_or_exit
from gateway.cli.desk import record

if TYPE_CHECKING:
    from gateway.model.session import SignIn
    from gateway.settings.schema import Settings
    from gateway.store.database import Database

T = TypeVar("T")

_COLUMNS = ("ID", "USER", "PROVIDER", "STARTED", "LAST SEEN", "ADDRESS", "BROWSER")
_SKEW = 60  # seconds that a node's clock may be ahead of this one


@click.group("sessions", epilog="Example: gateway sessions end --user ann@example.com")
def command() -> None:
    """List sessions and end them.

    Sessions end at once with `strategy = "stateful"` or `revocation = "strict"`, else at their next
    renewal.

    Exit status: 0 done; 1 no such session or user, no database, or faults in the configuration;
    2 wrong usage or an unreadable configuration.
    """


@command.command("list", epilog="Example: gateway sessions list --user ann@example.com --json")
@click.option("--user", metavar="ID|EMAIL", help="Those of one user.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_option
def list_sessions(config: Path, *, user: str | None, as_json: bool) -> None:
    """List the sessions that hold, the newest first; times are UTC."""

    async def listed(database: "Database", settings: "Settings") -> "Sequence[SignIn]":
        begun_after = _now() - int(settings.session.max_age)
        user_id = await _user_id(database, user) if user is not None else None
        return await database.sign_ins.listed(user_id, begun_after=begun_after)

    sign_ins = _run(config, listed)
    click.echo(_as_json([_described(sign_in) for sign_in in sign_ins]) if as_json else _as_table(sign_ins))


@command.command("end", epilog="Example: gateway sessions end --all")
@click.argument("session", metavar="[ID]", required=False)
@click.option("--user", metavar="ID|EMAIL", help="End every session of one user.")
@click.option("--all", "everybody", is_flag=True, help="End every session that began before now.")
@config_option
def end_sessions(config: Path, *, session: str | None, user: str | None, everybody: bool) -> None:
    """End one session by the ID that `list` shows, those of a user, or all."""
    if [session is not None, user is not None, everybody].count(True) != 1:
        raise click.UsageError("name one of ID, --user and --all")

    async def ended(database: "Database", settings: "Settings") -> str:
        if session is not None:
            return await _end_one(database, session)
        if user is not None:
            return await _end_of_user(database, user)
        until = _now() + int(settings.session.max_age) + _SKEW
        await database.endings.end_everybody(until)
        await record(database, detail="all")
        return "All sessions that began before now are ended."

    click.echo(_run(config, ended))


async def _end_one(database: "Database", session: str) -> str:
    if not await database.endings.end(session):
        await record(database, reason="no_such_session", detail=session)
        raise click.ClickException(f"no session has the id {session}")
    await record(database, detail=session)
    return f"The session {session} is ended."


async def _end_of_user(database: "Database", name: str) -> str:
    found = await database.users.find(name)
    if found is None:
        await record(database, reason="no_such_user", detail=name)
        raise _nobody(name)
    await database.endings.end_sessions_of(found.id)
    await record(database, user_id=found.id)
    return f"The sessions of {name} are ended."


async def _user_id(database: "Database", name: str) -> str:
    found = await database.users.find(name)
    if found is None:
        raise _nobody(name)
    return found.id


def _nobody(name: str) -> click.ClickException:
    return click.ClickException(f"no user has the id or e-mail {name}")


def _run(config: Path, act: "Callable[[Database, Settings], Awaitable[T]]") -> T:
    import asyncio

    from gateway.errors import SchemaMismatch, StoreUnavailable

    settings = load_or_exit(config).settings
    try:
        return asyncio.run(_acted(settings, act))
    except (SchemaMismatch, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error


async def _acted(settings: "Settings", act: "Callable[[Database, Settings], Awaitable[T]]") -> T:
    from time import time

    from gateway.store.database import Database

    database = await Database.open(settings.database.url, clock=time)
    try:
        return await act(database, settings)
    finally:
        await database.close()


def _now() -> int:
    from time import time

    return int(time())


def _described(sign_in: "SignIn") -> dict[str, Any]:
    return {
        "id": sign_in.public_id,
        "user_id": sign_in.user_id,
        "provider": sign_in.provider,
        "started_at": sign_in.started_at,
        "last_seen_at": sign_in.last_seen_at,
        "ends_at": sign_in.ends_at,
        "address": sign_in.address,
        "browser": sign_in.browser,
    }


def _as_json(value: object) -> str:
    import json

    return json.dumps(value, indent=2)


def _as_table(sign_ins: "Sequence[SignIn]") -> str:
    rows = [_COLUMNS, *map(_row, sign_ins)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(sign_in: "SignIn") -> tuple[str, ...]:
    cells = (
        sign_in.public_id,
        sign_in.user_id,
        sign_in.provider,
        _moment(sign_in.started_at),
        _moment(sign_in.last_seen_at),
        sign_in.address or "-",
        sign_in.browser[:60] or "-",
    )
    return tuple("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)


def _moment(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
