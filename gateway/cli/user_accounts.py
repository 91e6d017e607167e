"""`gateway users accounts` and `gateway users unlink`: with what a user signs in."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import layout
from gateway.cli.configuration import config_option, consult_or_exit
from gateway.cli.desk import Refusal, change_user, nobody, visit
from gateway.cli.user_table import show_user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.model.identity import Account, User
    from gateway.store.database import Database

_COLUMNS = ("PROVIDER", "SUBJECT", "E-MAIL", "ISSUER")


@click.command("accounts", epilog="Example: gateway users accounts ann@example.com --json")
@click.argument("user", metavar="ID|EMAIL")
@config_option
@layout.json_option
def list_accounts(config: Path, *, user: str, as_json: bool) -> None:
    """List the accounts that a user signs in with, the oldest first."""

    async def found(database: "Database") -> "Sequence[Account]":
        person = await database.users.find(user)
        if person is None:
            raise nobody(user)
        return await database.users.accounts_of(person.id)

    accounts = visit(config, found)
    if as_json:
        click.echo(layout.as_json([_described(each) for each in accounts]))
    else:
        rows = [(each.provider, each.subject, each.email or "", each.issuer) for each in accounts]
        click.echo(layout.as_table(_COLUMNS, rows))


@click.command("unlink", epilog="Example: gateway users unlink ann@example.com company")
@click.argument("user", metavar="ID|EMAIL")
@click.argument("provider")
@click.option("--subject", help="Which one, where the user has several accounts at the provider.")
@config_option
@layout.json_option
def unlink_account(config: Path, *, user: str, provider: str, subject: str | None, as_json: bool) -> None:
    """Take an account from a user, with the roles that its provider granted; all their sessions end.

    The last way to sign in stays: disable or delete the user instead.
    """
    passwords = any(each.type == "password" for each in consult_or_exit(config).providers)

    async def unlinked(database: "Database", found: "User") -> "User | None":
        accounts = await database.users.accounts_of(found.id)
        return await _unlinked(database, _chosen(accounts, provider, subject), passwords=passwords)

    now = change_user(config, user, unlinked, provider=provider)
    if as_json:
        show_user(now, as_json=True)
    else:
        click.echo(f"{user} no longer signs in at {provider}.")


def _chosen(accounts: "Sequence[Account]", provider: str, subject: str | None) -> "Account":
    chosen = [each for each in accounts if each.provider == provider and subject in (None, each.subject)]
    if not chosen:
        raise Refusal("no_such_account", f"the user has no such account at {provider}")
    if len(chosen) > 1:
        raise Refusal("ambiguous", f"the user has several accounts at {provider}: name one with --subject")
    return chosen[0]


async def _unlinked(database: "Database", account: "Account", *, passwords: bool) -> "User | None":
    from gateway.errors import AccountKept
    from gateway.flows.unlink import Unlinking, handle_of

    try:
        unlinking = Unlinking(database.users, passwords=passwords)
        done = await unlinking.unlink(account.user_id, handle_of(account))
    except AccountKept as kept:
        raise Refusal(kept.code, "it is the only way in which the user signs in") from kept
    return done.user if done else None


def _described(account: "Account") -> dict[str, Any]:
    return {
        "provider": account.provider,
        "issuer": account.issuer,
        "subject": account.subject,
        "email": account.email,
        "linked_at": account.linked_at,
        "last_login_at": account.last_login_at,
    }
