"""`gateway sessions`: who is signed in where, and the end of it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import layout
from gateway.cli.configuration import config_option, consult_or_exit
from gateway.cli.desk import Refusal, nobody, record, visit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.model.session import SignIn
    from gateway.store.database import Database

_COLUMNS = ("ID", "USER", "PROVIDER", "STARTED", "LAST SEEN", "ADDRESS", "BROWSER")
_SKEW = 60  # seconds that a node's clock may be ahead of this one
_ID = re.compile(r"[0-9a-f]{8,16}")


@click.group("sessions", epilog="Example: gateway sessions end --user ann@example.com")
def command() -> None:
    """List sessions and end them.

    Sessions end at once with `strategy = "stateful"` or `revocation = "strict"`, else at their next
    renewal.

    Exit status: 0 done; 1 no such session or user, several that the ID may mean, no database, or faults
    in the configuration; 2 wrong usage or an unreadable configuration.
    """


@command.command("list", epilog="Example: gateway sessions list --user ann@example.com --json")
@click.option("--user", metavar="ID|EMAIL", help="Those of one user.")
@layout.json_option
@config_option
def list_sessions(config: Path, *, user: str | None, as_json: bool) -> None:
    """List the sessions that hold, the newest first; times are UTC."""
    begun_after = _now() - _max_age(config)

    async def listed(database: "Database") -> "Sequence[SignIn]":
        user_id = None
        if user is not None:
            found = await database.users.find(user)
            if found is None:
                raise nobody(user)
            user_id = found.id
        return await database.sign_ins.listed(user_id, begun_after=begun_after)

    sign_ins = visit(config, listed)
    if as_json:
        click.echo(layout.as_json([_described(sign_in) for sign_in in sign_ins]))
    else:
        click.echo(layout.as_table(_COLUMNS, map(_row, sign_ins)))


@command.command("end", epilog="Example: gateway sessions end --all")
@click.argument("session", metavar="[ID]", required=False)
@click.option("--user", metavar="ID|EMAIL", help="End every session of one user.")
@click.option("--all", "everybody", is_flag=True, help="End every session that began before now.")
@layout.json_option
@config_option
def end_sessions(
    config: Path, *, session: str | None, user: str | None, everybody: bool, as_json: bool
) -> None:
    """End one session by the ID that `list` shows, those of a user, or all.

    Of an ID the first eight digits will do, as the log has them, where they name one session alone.
    """
    if [session is not None, user is not None, everybody].count(True) != 1:
        raise click.UsageError("name one of ID, --user and --all")
    max_age = _max_age(config)

    async def ended(database: "Database") -> tuple[str, dict[str, Any]]:
        if session is not None:
            return await _end_one(database, session.lower())
        if user is not None:
            return await _end_of_user(database, user)
        count = await database.endings.end_everybody(_now() + max_age + _SKEW)
        await record(database, detail="all")
        return "All sessions that began before now are ended.", {"ended": count}

    told, facts = visit(config, ended)
    click.echo(layout.as_json(facts) if as_json else told)


async def _end_one(database: "Database", name: str) -> tuple[str, dict[str, Any]]:
    found = await database.sign_ins.named(name) if _ID.fullmatch(name) else ()
    if len(found) > 1:
        await record(database, reason="ambiguous", detail=name)
        ids = ", ".join(sign_in.public_id for sign_in in found)
        raise Refusal("ambiguous", f"several sessions have ids that begin with {name}: {ids}")
    if not found or not await database.endings.end(found[0].public_id):
        await record(database, reason="no_such_session", detail=name[:64])
        raise Refusal("no_such_session", f"no session has the id {name}: see `gateway sessions list`")
    public_id, user_id = found[0].public_id, found[0].user_id
    await record(database, user_id=user_id, session_id=public_id, provider=found[0].provider)
    return f"The session {public_id} is ended.", {"ended": 1, "session": public_id, "user_id": user_id}


async def _end_of_user(database: "Database", name: str) -> tuple[str, dict[str, Any]]:
    found = await database.users.find(name)
    if found is None:
        await record(database, reason="no_such_user", detail=name)
        raise nobody(name)
    count = len(await database.sign_ins.listed(found.id))
    await database.endings.end_sessions_of(found.id)
    await record(database, user_id=found.id)
    return f"The sessions of {name} are ended.", {"ended": count, "user_id": found.id}


def _max_age(config: Path) -> int:
    return int(consult_or_exit(config).session.max_age)


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


def _row(sign_in: "SignIn") -> tuple[str, ...]:
    return (
        sign_in.public_id,
        sign_in.user_id,
        sign_in.provider,
        _moment(sign_in.started_at),
        _moment(sign_in.last_seen_at),
        sign_in.address,
        sign_in.browser[:60],
    )


def _moment(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
