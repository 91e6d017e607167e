"""`gateway explain`: what would become of one request, and why."""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import config_option, load_or_exit

if TYPE_CHECKING:
    from gateway.model.session import Session
    from gateway.rehearsal import Rehearsal
    from gateway.settings.schema import Settings


_WHOLE = re.compile(r"https?://[^/?#]", re.IGNORECASE)


@click.command(
    "explain",
    epilog="Example: gateway explain GET https://gateway.example.com/wiki --user alice@example.com",
)
@config_option
@click.argument("method")
@click.argument("url")
@click.option("--user", metavar="ID|EMAIL", help="Who is signed in; left out: nobody.")
@click.option("--group", "groups", multiple=True, help="A group that the issuer names. Repeatable.")
@click.option("--claim", "claims", multiple=True, metavar="NAME=VALUE", help="A kept claim. Repeatable.")
@click.option(
    "--auth-age",
    default="0",
    show_default=True,
    metavar="DURATION",
    help="How long ago they signed in.",
)
@click.option("--acr", help="How they did, as the issuer's claim acr says it.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME:VALUE", help="A request header. Repeatable."
)
@click.option("--from", "peer", default="127.0.0.1", show_default=True, help="The caller's address.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(  # noqa: PLR0917 - click gives every option by name
    config: Path,
    method: str,
    url: str,
    user: str | None,
    groups: tuple[str, ...],
    claims: tuple[str, ...],
    auth_age: str,
    acr: str | None,
    headers: tuple[str, ...],
    peer: str,
    as_json: bool,
) -> None:
    """Tell the route that would govern a request, each rule's hit or miss, and the head sent on.

    Decided by the code that decides real requests; nothing is sent. A token in --header Authorization
    is verified by its issuer's keys where the route takes it. Exit 0 where the request would
    pass or the gateway answers it by a page of its own, 1 where it would not pass.
    """
    if not _WHOLE.match(url):
        raise click.BadParameter("write it whole, as https://gateway.example.com/wiki", param_hint="URL")
    settings = load_or_exit(config).settings
    from gateway.rehearsal import as_of

    session = asyncio.run(signed_in(settings, user)) if user else None
    if session is not None:
        session = as_of(
            session,
            groups=groups,
            claims=[pair(each, "=") for each in claims],
            acr=acr,
            auth_age=seconds(auth_age),
        )
    given = [pair(each, ":") for each in headers]
    told = asyncio.run(rehearsed(settings, method, url, given, peer=peer, session=session))
    click.echo(json.dumps(document(told), indent=2) if as_json else text(told))
    sys.exit(0 if told.status == 200 else 1)


async def rehearsed(
    settings: "Settings",
    method: str,
    url: str,
    headers: list[tuple[str, str]],
    *,
    peer: str,
    session: "Session | None",
) -> "Rehearsal":
    """Rehearse a request; a token in its `Authorization` is judged by issuer and database as it would be."""
    from gateway.bearer_rooms import judging
    from gateway.errors import GatewayError
    from gateway.rehearsal import Rehearsals

    if not any(name.lower() == "authorization" for name, _ in headers):
        rehearsals = Rehearsals(settings, clock=time.time)
        return await rehearsals.rehearse(method, url, headers=headers, peer=peer, session=session)
    try:
        async with judging(settings, clock=time.time) as bearers:
            rehearsals = Rehearsals(settings, clock=time.time, bearers=bearers)
            return await rehearsals.rehearse(method, url, headers=headers, peer=peer, session=session)
    except GatewayError as error:
        raise click.ClickException(str(error)) from None


async def signed_in(settings: "Settings", name: str) -> "Session":
    """Return a session as if *name* had just signed in, or say that nobody is called so."""
    from gateway.errors import GatewayError
    from gateway.rehearsal import session_of
    from gateway.store.database import Database

    try:
        database = await Database.open(settings.database.url, clock=time.time)
        try:
            user = await database.users.find(name)
        finally:
            await database.close()
    except GatewayError as error:
        raise click.ClickException(str(error)) from None
    if user is None:
        raise click.ClickException(f"there is no user {name!r}: see gateway users list")
    return session_of(user, now=int(time.time()))


def pair(text: str, mark: str) -> tuple[str, str]:
    """Split `NAME=VALUE` or `NAME: VALUE`."""
    name, found, value = text.partition(mark)
    if not found or not name.strip():
        raise click.BadParameter(f"{text!r} is not NAME{mark}VALUE")
    return name.strip(), value.strip()


def seconds(text: str) -> int:
    """Read `15m` or whole seconds."""
    from gateway.settings.quantities import duration
    from gateway.settings.refusal import Refused

    try:
        return 0 if text == "0" else int(duration(int(text) if text.isdecimal() else text))
    except Refused as refusal:
        raise click.BadParameter(f"{text!r} {refusal}") from None


def document(told: "Rehearsal") -> dict[str, object]:
    """Return what was told, for programs."""
    from gateway.rehearsal import hidden

    explanation = told.explanation
    shown: dict[str, object] = {
        "status": None if told.ours else told.status,
        "error": told.code or None,
        "detail": told.why or None,
        "ours": told.ours,
    }
    if explanation is not None:
        route = explanation.route
        shown["route"] = route.name
        shown["upstream"] = route.upstream.name if route.upstream else None
        shown["beaten"] = [each.name for each in explanation.beaten]
        shown["outcome"] = explanation.verdict.outcome.value
        shown["reason"] = explanation.verdict.reason
        shown["rules"] = [
            {
                "rule": each.rule,
                "wanted": list(each.wanted),
                "result": each.result,
                "decides": each.decides,
            }
            for each in explanation.rules
        ]
        shown["head"] = list(hidden(told.head, route.identity))
    return shown


def text(told: "Rehearsal") -> str:
    """Return what was told, for people."""
    from gateway.rehearsal import hidden

    explanation = told.explanation
    if told.ours:
        return "ours      the gateway answers this itself, and asks no route"
    if explanation is None:
        return f"{told.status} {told.code}: {told.why}; no route is asked"
    route = explanation.route
    leads = route.upstream.name if route.upstream else "off (forward-auth)"
    lines = [f"route     {route.name} -> {leads}"]
    lines += [f"beats     {each.name}" for each in explanation.beaten]
    for each in explanation.rules:
        wanted = f" {', '.join(each.wanted)}" if each.wanted else ""
        lines.append(f"{'rule':<10}{each.rule}{wanted}: {each.result}{' <- decides' if each.decides else ''}")
    lines.append(f"outcome   {explanation.verdict.outcome.value} ({explanation.verdict.reason})")
    if told.status != 200:
        return "\n".join([*lines, f"answer    {told.status} {told.code}"])
    sent = "sent" if route.upstream else "told to the proxy in front"
    return "\n".join([*lines, sent, *(f"  {line}" for line in hidden(told.head, route.identity))])
