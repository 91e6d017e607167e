"""`gateway users`: who may sign in, and with which roles."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import layout
from gateway.cli.configuration import config_option
from gateway.cli.desk import change_user, nobody, record, visit
from gateway.cli.user_accounts import list_accounts, unlink_account
from gateway.cli.user_password import change_password, new_hash
from gateway.cli.user_table import show_user, show_users

if TYPE_CHECKING:
    from gateway.model.identity import User
    from gateway.store.database import Database
    from gateway.store.users import Users


def _checked_roles(_: click.Context, __: click.Parameter, roles: tuple[str, ...]) -> tuple[str, ...]:
    from gateway.model.role import is_role

    for role in roles:
        if not is_role(role):
            raise click.BadParameter("a role is up to 255 printable characters without spaces and commas")
    return roles


def _checked_email(_: click.Context, __: click.Parameter, email: str) -> str:
    from gateway.model.email import email_key

    if email_key(email) is None:
        raise click.BadParameter("this is no plain e-mail address")
    return email


user_argument = click.argument("user", metavar="ID|EMAIL")


@click.group("users", epilog="Example: gateway users add ann@example.com --role admin")
def command() -> None:
    """List, add, disable, enable and delete users; grant and revoke roles; unlink accounts; set passwords.

    What changes anything is recorded in the audit trail. Exit status: 0 done; 1 no such user, one
    already there, a password that is not taken, no database, or faults in the configuration; 2 wrong
    usage or an unreadable configuration.
    """


@command.command("list", epilog="Example: gateway users list --json")
@config_option
@layout.json_option
def list_users(config: Path, *, as_json: bool) -> None:
    """List every user, the oldest first."""
    show_users(visit(config, lambda database: database.users.everyone()), as_json=as_json)


@command.command("add", epilog='Example: gateway users add ann@example.com --name "Ann" --role admin')
@click.argument("email", callback=_checked_email)
@click.option("--name", help="Shown until a provider tells another.")
@click.option("--role", "roles", multiple=True, callback=_checked_roles, help="Granted by hand; repeatable.")
@click.option("--password", is_flag=True, help="Ask twice for a password to sign in with.")
@click.option("--password-stdin", is_flag=True, help="Read the password as one line of standard input.")
@config_option
@layout.json_option
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
        new = new_hash(config, from_stdin=password_stdin, names=names)

    async def added(database: "Database") -> "User | None":
        user = await database.users.add(email, name=name, roles=roles, password_hash=new)
        known, reason = (user.id, "") if user else ("", "email_in_use")
        await record(database, user_id=known, reason=reason, detail=f"{email} {_told(grant=roles)}".rstrip())
        return user

    user = visit(config, added, create=True)
    if user is None:
        raise click.ClickException(f"{email} belongs to a user already")
    show_user(user, as_json=as_json)


@command.command("disable", epilog="Example: gateway users disable ann@example.com")
@user_argument
@config_option
@layout.json_option
def disable_user(config: Path, *, user: str, as_json: bool) -> None:
    """Shut a user out and end their sessions.

    Sessions end at once with `strategy = "stateful"` or `revocation = "strict"`, else at their next
    renewal; enabling the user later revives none of them.
    """
    _change(config, user, lambda users, found: users.set_enabled(found, enabled=False), as_json=as_json)


@command.command("enable", epilog="Example: gateway users enable ann@example.com")
@user_argument
@config_option
@layout.json_option
def enable_user(config: Path, *, user: str, as_json: bool) -> None:
    """Let a disabled user sign in again."""
    _change(config, user, lambda users, found: users.set_enabled(found, enabled=True), as_json=as_json)


@command.command("delete", epilog="Example: gateway users delete ann@example.com --yes")
@user_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@layout.json_option
def delete_user(config: Path, *, user: str, yes: bool, as_json: bool) -> None:
    """Remove a user for good, with their accounts and roles, and end their sessions.

    Sessions end at once with `strategy = "stateful"` or `revocation = "strict"` and on routes that ask
    for roles, else at their next renewal. Whoever signs in with one of the accounts later is a new user,
    with another id. What the audit trail says of them stays. With --json they are printed as they were.
    """
    if not yes:
        click.confirm(f"Remove {user} for good?", abort=True, err=as_json)

    async def deleted(database: "Database", found: "User") -> "User | None":
        return found if await database.users.delete(found.id) else None

    gone = change_user(config, user, deleted)
    if as_json:
        show_user(gone, as_json=True)
    else:
        click.echo(f"{user} is removed.")


@command.command("roles", epilog="Example: gateway users roles ann@example.com --grant admin --revoke guest")
@user_argument
@click.option("--grant", multiple=True, callback=_checked_roles, help="Give a role; repeatable.")
@click.option("--revoke", multiple=True, callback=_checked_roles, help="Take a role; repeatable.")
@config_option
@layout.json_option
def change_roles(
    config: Path, *, user: str, grant: Sequence[str], revoke: Sequence[str], as_json: bool
) -> None:
    """Show a user's roles, after granting and revoking.

    Routes that ask for roles see the change at the next request. Only what was granted by hand can be
    revoked: what [[roles]] grants follows the provider.
    """
    if both := set(grant) & set(revoke):
        raise click.UsageError(f"granted and revoked at once: {', '.join(sorted(both))}")
    if not grant and not revoke:
        show_user(_found(config, user), as_json=as_json)
        return
    _change(
        config,
        user,
        lambda users, found: users.change_roles(found, grant=grant, revoke=revoke),
        as_json=as_json,
        detail=_told(grant=grant, revoke=revoke),
        stays=revoke,
    )


command.add_command(list_accounts)
command.add_command(unlink_account)
command.add_command(change_password)


def _change(
    config: Path,
    name: str,
    act: "Callable[[Users, str], Awaitable[User | None]]",
    *,
    as_json: bool,
    detail: str = "",
    stays: Sequence[str] = (),
) -> None:
    """Change the user called *name* by *act*, record it, and show them as they are then.

    Of *stays*, roles that they should have no more, those are told that a provider still grants.
    """

    async def changed(database: "Database", found: "User") -> "User | None":
        return await act(database.users, found.id)

    user = change_user(config, name, changed, detail=detail)
    show_user(user, as_json=as_json)
    for role in sorted(set(stays) & set(user.roles)):
        click.echo(f"{role} stays: a provider grants it, see [[roles]]", err=True)


def _found(config: Path, name: str) -> "User":
    async def found(database: "Database") -> "User":
        user = await database.users.find(name)
        if user is None:
            raise nobody(name)
        return user

    return visit(config, found)


def _told(*, grant: Sequence[str] = (), revoke: Sequence[str] = ()) -> str:
    """Return what changes in roles as one line of the audit trail."""
    parts = [("granted", grant), ("revoked", revoke)]
    return "; ".join(f"{verb} {', '.join(roles)}" for verb, roles in parts if roles)
