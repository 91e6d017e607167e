"""`gateway hash-password`: the hash of a password, made where nobody but its owner sees it."""

import click

from gateway.cli.password import hashed, new_password


@click.command(
    "hash-password",
    epilog="Example: gateway hash-password | gateway users passwd ann@example.com --hash-stdin",
)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read one line instead of asking twice.")
@click.option("--min-length", type=click.IntRange(8, 128), default=12, show_default=True, help="Characters.")
def command(*, from_stdin: bool, min_length: int) -> None:
    """Print the argon2id hash of a password, which `gateway users passwd --hash-stdin` takes.

    Exit status: 0 done; 1 a password that is not taken; 2 wrong usage.
    """
    click.echo(hashed(new_password(from_stdin=from_stdin), shortest=min_length))
