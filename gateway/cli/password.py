"""How a password reaches a command: typed twice where nobody sees it, or as a line on standard input."""

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 4096


def line_of_input() -> str:
    """Return the one line that standard input holds, without its end."""
    raw = sys.stdin.buffer.read(_MOST + 1)
    if len(raw) > _MOST:
        raise click.ClickException("standard input holds more than one short line")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.ClickException("standard input is no UTF-8 text") from error
    line, _, rest = text.partition("\n")
    if rest:
        raise click.ClickException("standard input holds more than one line")
    return line.removesuffix("\r")


def new_password(*, from_stdin: bool) -> str:
    """Return the new password; on a terminal it is asked for twice."""
    if from_stdin:
        return line_of_input()
    return str(click.prompt("New password", hide_input=True, confirmation_prompt="Once more", err=True))


def hashed(password: str, *, shortest: int, names: "Iterable[str]" = ()) -> str:
    """Return the hash of a new *password*; say why not, and exit, where it is not taken."""
    import asyncio

    from gateway.flows.password_policy import PasswordPolicy
    from gateway.keys.password import prepared

    raw = prepared(password)
    fault = PasswordPolicy(shortest=shortest).fault(password, names=names)
    if fault or raw is None:
        raise click.ClickException(f"the password {fault}")
    return asyncio.run(_hash(raw))


async def _hash(raw: bytes) -> str:
    from gateway.keys.password import Passwords

    passwords = Passwords(workers=1)
    try:
        return await passwords.hash(raw)
    finally:
        await passwords.close()
