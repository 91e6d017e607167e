"""An administrator's visit to the database: open, act, say so in the audit trail, close.

Law: what was asked for is in the trail with its outcome and with the name that the operating system
knows its author by; what could not be recorded is said on standard error.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.cli.configuration import consult_or_exit

if TYPE_CHECKING:
    from gateway.model.event import AuditEvent
    from gateway.model.identity import User
    from gateway.store.database import Database

T = TypeVar("T")


class Refusal(Exception):
    """What was asked for is not done: *reason* is a stable word, *text* is for who asked."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def visit(config: Path, act: "Callable[[Database], Awaitable[T]]", *, create: bool = False) -> T:
    """Return what *act* returns on the open database; an outage or a Refusal ends the command with 1.

    *create* makes a database where there is none.
    """
    import asyncio

    from gateway.errors import SchemaMismatch, StoreUnavailable

    url = consult_or_exit(config).database.url
    try:
        return asyncio.run(_visited(url, act, create=create))
    except (SchemaMismatch, StoreUnavailable, Refusal) as error:
        raise click.ClickException(str(error)) from error


def change_user(
    config: Path,
    name: str,
    act: "Callable[[Database, User], Awaitable[User | None]]",
    *,
    provider: str = "",
    detail: str = "",
) -> "User":
    """Return what *act* makes of the user whose id or e-mail is *name*; it is recorded, done or not.

    *act* returns None where the user is gone by then, and may raise Refusal.
    """

    async def acted(database: "Database") -> "User":
        found = await database.users.find(name)
        try:
            user = await act(database, found) if found else None
            if user is None:
                raise nobody(name)
        except Refusal as refusal:
            whom = {"user_id": found.id, "detail": detail} if found else {"detail": name}
            await record(database, reason=refusal.reason, provider=provider, **whom)
            raise
        await record(database, user_id=user.id, provider=provider, detail=detail)
        return user

    return visit(config, acted)


def nobody(name: str) -> Refusal:
    return Refusal("no_such_user", f"no user has the id or e-mail {name}")


def record_beside(config: Path, *, reason: str = "", detail: str = "") -> None:
    """Record a command that was not about the database, and was given whether or not there is one."""
    try:
        visit(config, lambda database: record(database, reason=reason, detail=detail))
    except click.ClickException as fault:
        _tell_unrecorded(fault.message)


async def record(
    database: "Database",
    *,
    user_id: str = "",
    session_id: str = "",
    reason: str = "",
    provider: str = "",
    detail: str = "",
) -> None:
    """Write that the present command was given, as `admin.` and its words; *reason* is why it failed."""
    from gateway.model.event import AuditEvent

    event = AuditEvent(
        name=f"admin.{_words()}",
        outcome="failure" if reason else "success",
        reason=reason,
        actor=actor(),
        user_id=user_id,
        session_id=session_id,
        provider=provider,
        detail=detail,
    )
    await _append(database, event)


def actor() -> str:
    """Return the name of the operating system's user who runs this; their number where none is known."""
    import pwd

    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _words() -> str:
    """Return the present verb and its subcommand: `users.disable`."""
    context = click.get_current_context()
    around = context.parent.command.name if context.parent else ""
    return f"{around}.{context.command.name}"


async def _append(database: "Database", event: "AuditEvent") -> None:
    from time import time

    from gateway.errors import StoreUnavailable
    from gateway.observe.trail import fit

    try:
        await database.audit.append([(int(time()), fit(event))])
    except StoreUnavailable as outage:
        _tell_unrecorded(str(outage))


def _tell_unrecorded(why: str) -> None:
    click.echo(f"Not recorded in the audit trail: {why}", err=True)


async def _visited(url: str, act: "Callable[[Database], Awaitable[T]]", *, create: bool) -> T:
    from time import time

    from gateway.store.database import Database

    database = await Database.open(url, clock=time, create=create)
    try:
        return await act(database)
    finally:
        await database.close()
