"""Registering at an issuer from the command line, for `gateway init --register`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gateway.relying_party.dynamic_registration import Registered

PROVIDER = "company"
SECRET_FILE = Path("var", "client.secret")
MANAGEMENT_FILE = Path("var", "client.registration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where to register, and for which public URL; *token* is the file of an initial access token."""

    issuer: str
    public_url: str
    token: Path | None


def registered(asked: Asked) -> "Registered":
    """Return as whom the issuer knows us from now on, or say why it does not."""
    import asyncio

    from gateway.errors import IssuerUnavailable
    from gateway.relying_party.endpoint import is_endpoint

    if not is_endpoint(asked.issuer, plain_http=True) or "?" in asked.issuer:
        raise click.BadParameter("must be an https URL, or http on loopback", param_hint="--register")
    try:
        return asyncio.run(_registered(asked))
    except IssuerUnavailable as error:
        raise click.ClickException(f"no registration, and nothing was written: {error}") from error


def kept(found: "Registered") -> dict[Path, str]:
    """Return the files for what is secret of *found*, and what is in each."""
    kept = {SECRET_FILE: f"{found.client_secret}\n"}
    if found.management is not None:
        kept[MANAGEMENT_FILE] = json.dumps(found.management) + "\n"
    return kept


def undone(asked: Asked, found: "Registered") -> str:
    """Delete the registration again, if the issuer lets us; return what is left of it and what to do."""
    import asyncio

    from gateway.errors import IssuerUnavailable

    try:
        asyncio.run(_withdrawn(asked, found))
    except IssuerUnavailable as error:
        return (
            f"{asked.issuer} knows the client {found.client_id} from now on, whose secret is lost,"
            f" and it could not be deleted ({error}): delete it there by hand, then begin anew"
        )
    return f"the client {found.client_id} was deleted at {asked.issuer} again, so just begin anew"


def placed(template: str, asked: Asked, found: "Registered") -> str:
    """Return *template* with our registration in place of its example."""
    from gateway.settings.notation import toml

    secret = f'client_secret = {{ file = "{SECRET_FILE}" }}\nclient_auth = {toml(found.client_auth)}'
    changes = {
        'issuer = "https://login.example.com"': f"issuer = {toml(asked.issuer)}",
        'client_id = "wiki"': f"client_id = {toml(found.client_id)}",
        'client_secret = { env = "COMPANY_CLIENT_SECRET" } # or { file = "…" }, { credential = "…" }': secret,
    }
    for example, ours in changes.items():
        template = template.replace(example, ours)
    return template


async def _registered(asked: Asked) -> "Registered":
    from gateway.relying_party.dynamic_registration import Wishes, register
    from gateway.relying_party.http import IssuerHttp

    root = f"{asked.public_url.rstrip('/')}/.gateway"
    wishes = Wishes(
        name="Vestibule",
        redirect_uri=f"{root}/callback/{PROVIDER}",
        post_logout_redirect_uri=f"{root}/signout",
        backchannel_logout_uri=f"{root}/backchannel-logout/{PROVIDER}",
        initiate_login_uri=f"{root}/initiate/{PROVIDER}",
    )
    http = IssuerHttp()
    try:
        return await register(asked.issuer, wishes, http=http, initial_token=_token(asked.token))
    finally:
        await http.close()


async def _withdrawn(asked: Asked, found: "Registered") -> None:
    from gateway.relying_party.dynamic_registration import withdraw
    from gateway.relying_party.http import IssuerHttp

    http = IssuerHttp()
    try:
        await withdraw(asked.issuer, found.management, http=http)
    finally:
        await http.close()


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    token = path.read_text(encoding="utf-8", errors="replace").strip()
    if not token.isascii() or not token.isprintable() or not token:
        raise click.BadParameter("the file holds no token", param_hint="--registration-token")
    return token
