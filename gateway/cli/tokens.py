"""`gateway tokens`: personal access tokens, with which programs of a user's call."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import layout
from gateway.cli.configuration import config_option, load_or_exit
from gateway.cli.desk import Refusal, nobody, record, visit
from gateway.errors import AccessDenied

if TYPE_CHECKING:
    from gateway.flows.personal import Minted
    from gateway.model.personal import PersonalToken
    from gateway.settings.schema import Settings
    from gateway.store.database import Database

_COLUMNS = ("ID", "USER", "NAME", "ROUTES", "EXPIRES", "LAST USED")
_YEAR = 366 * 86400


@click.group("tokens", epilog="Example: gateway tokens add ann@example.com --name nightly --route /reports")
def command() -> None:
    """Make, list and revoke personal access tokens.

    A token speaks for its user on the routes that it names, where those say personal_tokens = true.

    Exit status: 0 done; 1 no such user, route or token, no database, or faults in the configuration;
    2 wrong usage or an unreadable configuration.
    """


@command.command("add", epilog="Example: gateway tokens add ann@example.com --name nightly --route /reports")
@click.argument("user", metavar="ID|EMAIL")
@click.option("--name", required=True, help="What it is for, as lists show it.")
@click.option("--route", "routes", multiple=True, required=True, help="A route by its name. Repeatable.")
@click.option("--expires", default="90d", show_default=True, metavar="DURATION", help="At most 366 days.")
@layout.json_option
@config_option
def add(config: Path, *, user: str, name: str, routes: tuple[str, ...], expires: str, as_json: bool) -> None:
    """Make a token for a user and print it: it is shown this once, and only its hash is kept."""
    settings = load_or_exit(config).settings
    life = _life(expires)
    _check(settings, routes)
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise click.BadParameter("must be 1 to 100 printable characters", param_hint="--name")

    async def acted(database: "Database") -> "Minted":
        found = await database.users.find(user)
        if found is None:
            await record(database, reason="no_such_user", detail=user)
            raise nobody(user)
        try:
            made = await _made(settings, database, found.id, name=name.strip(), routes=routes, life=life)
        except AccessDenied:
            await record(database, user_id=found.id, reason="user_disabled")
            raise Refusal("user_disabled", f"{user} is disabled") from None
        if made is None:
            await record(database, user_id=found.id, reason="too_many")
            raise Refusal("too_many", f"{user} has too many tokens that are good still: revoke some first")
        await record(database, user_id=found.id, detail=made.token.public_id)
        return made

    made = visit(config, acted)
    click.echo(layout.as_json({"token": made.shown, **_described(made.token)}) if as_json else made.shown)


@command.command("list", epilog="Example: gateway tokens list --user ann@example.com --json")
@click.option("--user", metavar="ID|EMAIL", help="Those of one user.")
@layout.json_option
@config_option
def list_tokens(config: Path, *, user: str | None, as_json: bool) -> None:
    """List tokens, the newest first; times are UTC. None can be told from this.

    Expired ones are there too, until new ones need their room.
    """

    async def acted(database: "Database") -> "list[PersonalToken]":
        user_id = None
        if user is not None:
            found = await database.users.find(user)
            if found is None:
                raise nobody(user)
            user_id = found.id
        return list(await database.personal_tokens.listed(user_id))

    tokens = visit(config, acted)
    click.echo(
        layout.as_json(list(map(_described, tokens)))
        if as_json
        else layout.as_table(_COLUMNS, map(_row, tokens))
    )


@command.command("revoke", epilog="Example: gateway tokens revoke 0123456789abcdef")
@click.argument("token", metavar="ID")
@layout.json_option
@config_option
def revoke(config: Path, *, token: str, as_json: bool) -> None:
    """Revoke a token by the ID that `list` shows; it is refused from the next request on."""

    async def acted(database: "Database") -> "PersonalToken":
        revoked = await database.personal_tokens.revoke(token)
        if revoked is None:
            await record(database, reason="no_such_token", detail=token[:64])
            raise Refusal("no_such_token", f"no token has the id {token}")
        await record(database, user_id=revoked.user_id, detail=token)
        return revoked

    gone = visit(config, acted)
    click.echo(layout.as_json(_described(gone)) if as_json else f"The token {token} is revoked.")


async def _made(
    settings: "Settings",
    database: "Database",
    user_id: str,
    *,
    name: str,
    routes: tuple[str, ...],
    life: int,
) -> "Minted | None":
    import secrets
    import time

    from gateway.bearer_rooms import PURPOSE
    from gateway.flows.personal import Mint
    from gateway.keys.keyring import KeyRing

    mac = KeyRing(settings.secret, scope=settings.public_url).mac(PURPOSE)
    mint = Mint(database.personal_tokens, mac=mac, randomness=secrets.token_bytes, clock=time.time)
    return await mint.make(user_id, name=name, routes=routes, life=life)


def _check(settings: "Settings", routes: tuple[str, ...]) -> None:
    """Refuse names of routes that take no personal tokens, which would be a token for nothing."""
    from gateway.assembly.routes import name_of
    from gateway.model.personal import EVERYWHERE

    known = [name_of(route) for route in settings.routes if route.personal_tokens]
    for route in routes:
        if route not in known and not (route == EVERYWHERE and known):
            listed = ", ".join(known) or "none has personal_tokens = true"
            raise click.ClickException(f"{route} is no route that takes personal tokens: {listed}")


def _life(text: str) -> int:
    from gateway.settings.quantities import duration
    from gateway.settings.refusal import Refused

    try:
        life = int(duration(text))
    except Refused as refusal:
        raise click.BadParameter(f"{text!r} {refusal}", param_hint="--expires") from None
    if not 60 <= life <= _YEAR:
        raise click.BadParameter("must be a minute to 366 days", param_hint="--expires")
    return life


def _described(token: "PersonalToken") -> dict[str, object]:
    return {
        "id": token.public_id,
        "user_id": token.user_id,
        "name": token.name,
        "routes": token.routes,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
    }


def _row(token: "PersonalToken") -> tuple[str, ...]:
    used = "" if token.used_at is None else _moment(token.used_at)
    routes = " ".join(token.routes)
    return token.public_id, token.user_id, token.name, routes, _moment(token.expires_at), used


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
