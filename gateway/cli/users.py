"""`gateway users`: who may sign in, and with which roles."""

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gateway.cli.configuration import config_option, load_or_exit

if TYPE_CHECKING:
    from gateway.model.identity import User
    from gateway.store.database import Database
    from gateway.store.users import Users

T = TypeVar("T")

_ROLE = re.compile(r"[^\s,\x00-\x1f\x7f]{1,255}")
_COLUMNS = ("ID", "E-MAIL", "NAME", "ROLES", "STATE")


def _checked_roles(_: click.Context, __: click.Parameter, roles: tuple[str, ...]) -> tuple[str, ...]:
    for role in roles:
        if _ROLE.fullmatch(role) is None or not role.isprintable():
            raise click.BadParameter("a role is up to 255 printable characters without spaces and commas")
    return roles


def _checked_email(_: click.Context, __: click.Parameter, email: str) -> str:
    from gateway.model.email import email_key

    if email_key(email) is None:
        raise click.BadParameter("this is no plain e-mail address")
    return email


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("users", epilog="Example: gateway users add ann@example.com --role admin")
def command() -> None:
    """List, add, disable and enable users; grant and revoke roles; set passwords.

    Exit status: 0 done; 1 no such user, one already there, a password that is not taken, no
    database, or faults in the configuration; 2 wrong usage or an unreadable configuration.
    """


@command.command("list", epilog="Example: gateway users list --json")
@config_option
@json_option
def list_users(config: Path, *, as_json: bool) -> None:
    """List every user, the oldest first."""
    users = _run(config, lambda database: database.users.everyone())
    click.echo(_as_json([_described(user) for user in users]) if as_json else _as_table(users))


@command.command("add", epilog='Example: gateway users add ann@example.com --name "Ann" --role admin')
@click.argument("email", callback=_checked_email)
@click.option("--name", help="Shown until a provider tells another.")
@click.option("--role", "roles", multiple=True, callback=_checked_roles, help="Granted by hand; repeatable.")
@click.option("--password", is_flag=True, help="Ask twice for a password to sign in with.")
@click.option("--password-stdin", is_flag=True, help="Read the password as one line of standard input.")
@config_option
@json_option
def add_user(
    config: Path,
    *,
    email: str,
    name: str | None,
    roles: Sequence[str],
    password: bool,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Add a user before their first login.

    With a password they sign in by it. Without, the first login by a provider with `trust_email`
    and this verified e-mail takes the user over. Any other provider that brings this e-mail is
    refused.
    """
    new = None
    if password or password_stdin:
        names = [email, *([name] if name else [])]
        new = _new_hash(config, from_stdin=password_stdin, names=names)
    user = _run(
        config,
        lambda database: database.users.add(email, name=name, roles=roles, password_hash=new),
        create=True,
    )
    if user is None:
        raise click.ClickException(f"{email} belongs to a user already")
    _show(user, as_json=as_json)


@command.command("disable", epilog="Example: gateway users disable ann@example.com")
@click.argument("user", metavar="ID|EMAIL")
@config_option
@json_option
def disable_user(config: Path, *, user: str, as_json: bool) -> None:
    """Shut a user out and end their sessions.

    Sessions end at their next renewal, at once where `revocation` is "strict"; enabling the user
    later revives none of them.
    """
    _change(config, user, lambda users, found: users.set_enabled(found, enabled=False), as_json=as_json)


@command.command("enable", epilog="Example: gateway users enable ann@example.com")
@click.argument("user", metavar="ID|EMAIL")
@config_option
@json_option
def enable_user(config: Path, *, user: str, as_json: bool) -> None:
    """Let a disabled user sign in again."""
    _change(config, user, lambda users, found: users.set_enabled(found, enabled=True), as_json=as_json)


@command.command("roles", epilog="Example: gateway users roles ann@example.com --grant admin --revoke guest")
@click.argument("user", metavar="ID|EMAIL")
@click.option("--grant", multiple=True, callback=_checked_roles, help="Give a role; repeatable.")
@click.option("--revoke", multiple=True, callback=_checked_roles, help="Take a role; repeatable.")
@config_option
@json_option
def change_roles(
    config: Path, *, user: str, grant: Sequence[str], revoke: Sequence[str], as_json: bool
) -> None:
    """Show a user's roles, after granting and revoking.

    Routes that ask for roles see the change at the next request.
    """
    if both := set(grant) & set(revoke):
        raise click.UsageError(f"granted and revoked at once: {', '.join(sorted(both))}")
    _change(
        config,
        user,
        lambda users, found: users.change_roles(found, grant=grant, revoke=revoke),
        as_json=as_json,
    )


@command.command("passwd", epilog="Example: gateway users passwd ann@example.com")
@click.argument("user", metavar="ID|EMAIL")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password as one line of standard input.")
@click.option("--hash-stdin", is_flag=True, help="Read what `gateway hash-password` printed instead.")
@config_option
@json_option
def change_password(config: Path, *, user: str, from_stdin: bool, hash_stdin: bool, as_json: bool) -> None:
    """Give a user a new password and end their sessions.

    Sessions end at their next renewal, at once where `revocation` is "strict".
    """
    if from_stdin and hash_stdin:
        raise click.UsageError("standard input holds either a password or a hash")
    found = _run(config, lambda database: database.users.find(user))
    if found is None:
        raise click.ClickException(f"no user has the id or e-mail {user}")
    names = [each for each in (found.email, found.name) if each]
    new = _given_hash(config) if hash_stdin else _new_hash(config, from_stdin=from_stdin, names=names)
    changed = _run(config, lambda database: database.passwords.change(found.id, new))
    if changed is None:
        raise click.ClickException(f"no user has the id or e-mail {user}")
    _show(changed, as_json=as_json)


def _new_hash(config: Path, *, from_stdin: bool, names: Sequence[str]) -> str:
    from gateway.cli.password import hashed, new_password

    shortest = _shortest(config)
    return hashed(new_password(from_stdin=from_stdin), shortest=shortest, names=names)


def _given_hash(config: Path) -> str:
    from gateway.cli.password import line_of_input
    from gateway.keys.password import is_hash

    _shortest(config)
    given = line_of_input()
    if not is_hash(given):
        raise click.ClickException("this is no argon2id hash as `gateway hash-password` prints it")
    return given


def _shortest(config: Path) -> int:
    """Return the least length of a password; where nobody can sign in with one, say so and exit."""
    found = [each for each in load_or_exit(config).settings.providers if each.type == "password"]
    if not found:
        raise click.ClickException('a password is of no use without [[providers]] type = "password"')
    return found[0].min_length


def _change(
    config: Path, name: str, act: "Callable[[Users, str], Awaitable[User | None]]", *, as_json: bool
) -> None:
    async def found_and_changed(database: "Database") -> "User | None":
        found = await database.users.find(name)
        return await act(database.users, found.id) if found else None

    user = _run(config, found_and_changed)
    if user is None:
        raise click.ClickException(f"no user has the id or e-mail {name}")
    _show(user, as_json=as_json)


def _run(config: Path, act: "Callable[[Database], Awaitable[T]]", *, create: bool = False) -> T:
    import asyncio

    from gateway.errors import SchemaMismatch, StoreUnavailable

    url = load_or_exit(config).settings.database.url
    try:
        return asyncio.run(_acted(url, act, create=create))
    except (SchemaMismatch, StoreUnavailable) as error:
        raise click.ClickException(str(error)) from error


async def _acted(url: str, act: "Callable[[Database], Awaitable[T]]", *, create: bool) -> T:
    from time import time

    from gateway.store.database import Database

    database = await Database.open(url, clock=time, create=create)
    try:
        return await act(database)
    finally:
        await database.close()


def _show(user: "User", *, as_json: bool) -> None:
    click.echo(_as_json(_described(user)) if as_json else _as_table([user]))


def _described(user: "User") -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "email_verified": user.email_verified,
        "name": user.name,
        "enabled": user.enabled,
        "roles": list(user.roles),
        "created_at": user.created_at,
    }


def _as_json(value: object) -> str:
    import json

    return json.dumps(value, indent=2)


def _as_table(users: "Sequence[User]") -> str:
    rows = [_COLUMNS, *map(_row, users)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(user: "User") -> tuple[str, ...]:
    state = "enabled" if user.enabled else "disabled"
    cells = (user.id, user.email or "-", user.name or "-", ",".join(user.roles) or "-", state)
    return tuple("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)
