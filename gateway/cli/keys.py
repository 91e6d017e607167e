"""`gateway keys`: which keys there are, a new one, and those that apps verify with."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import config_option, exit_with, load_or_exit
from gateway.cli.desk import record_beside

if TYPE_CHECKING:
    from gateway.keys.key_file import Rotated
    from gateway.keys.keyring import KeyRing
    from gateway.keys.request_keys import SharedKey
    from gateway.request_keys import Published
    from gateway.settings.loader import Loaded
    from gateway.settings.schema import Settings

_COLUMNS = ("KEY", "USE", "SESSIONS", "ASSERTIONS", "FROM")
_RELOAD = "Now reload the gateway: kill -HUP PID, or systemctl reload vestibule."


@click.group("keys", epilog="Example: gateway keys rotate && systemctl reload vestibule")
def command() -> None:
    """List the keys, put a new one first, or print those for apps.

    Every key is derived from `secret`. Exit status: 0 done; 1 a file that cannot be rotated, or faults
    in the configuration; 2 wrong usage or an unreadable configuration.
    """


@command.command("list", epilog="Example: gateway keys list --json")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(config: Path, *, as_json: bool) -> None:
    """List the keys by the ids that sessions and assertions carry; never the secrets.

    The first seals and signs; all others only open, and are published for what they signed. Those of
    identity.assertion_keys come after them: then the first of these signs.
    """
    found = list(described(load_or_exit(config), config))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    rows = [_COLUMNS, *(tuple(str(cell or "-") for cell in each.values()) for each in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@command.command("rotate", epilog="Example: gateway keys rotate --keep 2 && systemctl reload vestibule")
@config_option
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Rotate this file, without a look at the configuration: for a credential's source.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="How many keys stay in the file, the new one counted; older ones go, and their sessions end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rotate(config: Path, *, file: Path | None, keep: int | None, as_json: bool) -> None:
    """Put a new random key first in the file that `secret` names.

    The keys before it stay and open what they sealed: nobody is signed out. The gateway takes the
    new one at its next reload. It is recorded in the audit trail, without --file.
    """
    done = _rotated(file, keep) if file is not None else _rotated_and_recorded(config, keep)
    if as_json:
        click.echo(json.dumps({"file": str(done.file), "keys": done.keys, "dropped": done.dropped}))
        return
    click.echo("\n".join(_told(done)))


@command.command("export", epilog="Example: gateway keys export --upstream wiki > wiki.jwks")
@config_option
@click.option("--pem", is_flag=True, help="Print PEM instead of a JWK set.")
@click.option("--client", metavar="PROVIDER", help="Print the keys that this provider's issuer is to know.")
@click.option(
    "--upstream",
    metavar="NAME|URL",
    help="Print the SECRET keys of this one's requests, signed with hmac-sha256, for it alone to read.",
)
def export(config: Path, *, pem: bool, client: str | None, upstream: str | None) -> None:
    """Print the public keys that apps verify assertions and ed25519 requests with, the present ones first.

    The same set is served as /.gateway/jwks.json; this is for apps that cannot fetch it. With --client
    it is the JWK set to register at an issuer, served as /.gateway/client-jwks/PROVIDER. The keys of
    hmac-sha256 are published nowhere: --upstream prints those that one app shares with the gateway.
    """
    if client is not None and upstream is not None:
        raise click.UsageError("an issuer is told other keys than an app: leave one of the two out")
    loaded = load_or_exit(config)
    if client is not None:
        _print_client_keys(loaded, client, pem=pem)
    elif upstream is not None:
        _print_shared_keys(config, loaded.settings, upstream, pem=pem)
    else:
        keys = _published(loaded.settings)
        click.echo(keys.pem() if pem else json.dumps(keys.jwks(), indent=2), nl=not pem)


def _rotated(file: Path, keep: int | None) -> "Rotated":
    from gateway.errors import KeyFileRefused
    from gateway.keys import key_file

    try:
        return key_file.rotate(file, keep=keep)
    except KeyFileRefused as error:
        raise click.ClickException(str(error)) from error


def _rotated_and_recorded(config: Path, keep: int | None) -> "Rotated":
    file = _first_file(config)
    try:
        done = _rotated(file, keep)
    except click.ClickException:
        record_beside(config, reason="refused", detail=str(file))
        raise
    record_beside(config, detail=f"{done.keys} keys in {file}, {done.dropped} dropped")
    return done


def _print_shared_keys(config: Path, settings: "Settings", upstream: str, *, pem: bool) -> None:
    if pem:
        raise click.UsageError("a shared key has no PEM: leave --pem out")
    secrets = [key.secret_jwk() for key in _shared(settings, upstream)]
    record_beside(config, detail=f"secret keys of {upstream}")
    click.echo(json.dumps({"keys": secrets}, indent=2))


def _published(settings: "Settings") -> "Published":
    from gateway.assembly.routes import build_routes
    from gateway.errors import SettingsInvalid
    from gateway.request_keys import Published, request_keys, signing_keys

    ring = _ring(settings)
    try:
        signing = signing_keys(settings, ring)
    except SettingsInvalid as error:
        exit_with(error)
    return Published(signing, request_keys(settings, ring).published(build_routes(settings)))


def _shared(settings: "Settings", name: str) -> "Sequence[SharedKey]":
    from gateway.assembly.routes import build_routes
    from gateway.request_keys import request_keys

    found = (route.upstream for route in build_routes(settings))
    upstreams = {upstream.name: upstream for upstream in found if upstream is not None}
    if name not in upstreams:
        raise click.ClickException(f"no route leads to {name!r}: one of {', '.join(upstreams)}")
    return request_keys(settings, _ring(settings)).shared(upstreams[name])


def _print_client_keys(loaded: "Loaded", provider: str, *, pem: bool) -> None:
    from gateway.errors import SettingsInvalid
    from gateway.issuers import client_key_sets, registrations

    if pem:
        raise click.UsageError("the keys for an issuer are a JWK set: leave --pem out")
    try:
        found = client_key_sets(registrations(loaded.settings)).get(provider)
    except SettingsInvalid as error:
        exit_with(error, loaded=loaded)
    if found is None:
        raise click.ClickException(f"no provider {provider} has keys in the configuration")
    click.echo(json.dumps(found, indent=2))


def described(loaded: "Loaded", config: Path) -> "Iterator[dict[str, object]]":
    """Yield each key as `--json` prints it, in the order of the ring."""
    from gateway.settings.loader import ring

    places = [
        loaded.secrets.get(source.key, source.told)
        for source in ring(config, environ=os.environ)
        for _ in range(source.keys)
    ]
    names = _ring(loaded.settings).names()
    for position, (name, place) in enumerate(zip(names, places, strict=True), start=1):
        yield {
            "position": position,
            "use": "seals" if position == 1 else "opens",
            "session_kid": name.session,
            "assertion_kid": name.assertion,
            "source": place,
        }
    yield from _given(loaded, after=len(names))


def _given(loaded: "Loaded", *, after: int) -> "Iterator[dict[str, object]]":
    """Yield the keys that the configuration gives for assertions alone."""
    from gateway.errors import SettingsInvalid
    from gateway.request_keys import assertion_keys

    try:
        keys = assertion_keys(loaded.settings)
    except SettingsInvalid as error:
        exit_with(error)
    places = [place for key, place in loaded.secrets.items() if key.startswith("identity.assertion_keys")]
    for index, (key, place) in enumerate(zip(keys, places, strict=True)):
        yield {
            "position": after + index + 1,
            "use": "signs" if index == 0 else "published",
            "session_kid": None,
            "assertion_kid": key.kid,
            "source": place,
        }


def _ring(settings: "Settings") -> "KeyRing":
    from gateway.keys.keyring import KeyRing

    return KeyRing(settings.secret, scope=settings.public_url)


def _first_file(config: Path) -> Path:
    """Return the file that the first reference of `secret` names, or say what to do instead."""
    from gateway.settings.loader import ring

    loaded = load_or_exit(config)
    first = ring(config, environ=os.environ)[0]
    if first.file is None:
        place = loaded.secrets.get(first.key, first.told)
        raise click.ClickException(
            f"secret comes from {place}, which is no file of the configuration: put a new secret first"
            " there, before the old one, or name the file behind it with --file FILE"
        )
    return first.file


def _told(done: "Rotated") -> Sequence[str]:
    lines = [f"{done.file} has a new key, which seals; {done.keys - 1} before it still open."]
    if done.dropped:
        lines.append(f"{done.dropped} dropped: who has a session made with it signs in again.")
    return [*lines, _RELOAD]
