"""`gateway users passwd`: a new password for somebody who signs in with one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import layout
from gateway.cli.configuration import config_option, consult_or_exit
from gateway.cli.desk import change_user, visit
from gateway.cli.user_table import show_user

if TYPE_CHECKING:
    from gateway.model.identity import User
    from gateway.store.database import Database


@click.command("passwd", epilog="Example: gateway users passwd ann@example.com")
@click.argument("user", metavar="ID|EMAIL")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password as one line of standard input.")
@click.option("--hash-stdin", is_flag=True, help="Read what `gateway hash-password` printed instead.")
@config_option
@layout.json_option
def change_password(config: Path, *, user: str, from_stdin: bool, hash_stdin: bool, as_json: bool) -> None:
    """Give a user a new password and end their sessions.

    Sessions end at once with `strategy = "stateful"` or `revocation = "strict"`, else at their next
    renewal.
    """
    if from_stdin and hash_stdin:
        raise click.UsageError("standard input holds either a password or a hash")
    found = visit(config, lambda database: database.users.find(user))
    new = _asked_for(config, found, from_stdin=from_stdin, hash_stdin=hash_stdin) if found else None

    async def changed(database: "Database", person: "User") -> "User | None":
        # Somebody else may have the address by now: the password is for whom it was asked for.
        if new is None or found is None or person.id != found.id:
            return None
        return await database.passwords.change(person.id, new)

    show_user(change_user(config, user, changed), as_json=as_json)


def _asked_for(config: Path, user: "User", *, from_stdin: bool, hash_stdin: bool) -> str:
    if hash_stdin:
        return _given_hash(config)
    names = [each for each in (user.email, user.name) if each]
    return new_hash(config, from_stdin=from_stdin, names=names)


def new_hash(config: Path, *, from_stdin: bool, names: Sequence[str]) -> str:
    """Return the hash of a new password; say why not, and exit, where it is not taken."""
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
    found = [each for each in consult_or_exit(config).providers if each.type == "password"]
    if not found:
        raise click.ClickException('a password is of no use without [[providers]] type = "password"')
    return found[0].min_length
