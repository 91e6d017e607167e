"""`gateway demo`: everything of ours on this machine, to try out, without an account anywhere."""

import asyncio
import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import config_option, load_or_exit

if TYPE_CHECKING:
    from gateway.demo.run import Plan
    from gateway.settings.schema import Settings

SECRET_NAME = "DEMO_CLIENT_SECRET"  # noqa: S105 - the name of a variable
KEY_FILE = Path("var", "secret.key")


@click.command("demo", epilog="Example: gateway demo --config gateway.toml")
@config_option
def command(config: Path) -> None:
    """Try the gateway: a sample app, a local OpenID issuer, and the gateway in front of them.

    Makes var/secret.key beside the configuration where there is none. Ctrl-C stops all of it.
    """
    from gateway.demo.run import DemoFailed, run
    from gateway.keys.key_file import make

    if not config.is_file():
        raise click.ClickException(f"{config} does not exist: run the demo where gateway.toml is")
    if make(config.parent / KEY_FILE):
        click.echo(f"Made {config.parent / KEY_FILE}.")
    plan = _plan(config)
    try:
        asyncio.run(run(plan, clock=time.time, ready=lambda: click.echo(_welcome(plan, config))))
    except DemoFailed as failed:
        raise click.ClickException(str(failed)) from failed
    click.echo("Stopped.")


def _plan(config: Path) -> "Plan":
    """Read *config* with a client secret that lives as long as this process."""
    os.environ[SECRET_NAME] = secrets.token_urlsafe(32)
    try:
        return plan_of(load_or_exit(config).settings, config, client_secret=os.environ[SECRET_NAME])
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def plan_of(settings: "Settings", config: Path, *, client_secret: str) -> "Plan":
    """Return where the parts of the demo live; raise `ValueError` where the configuration is no demo's."""
    from gateway.assembly.providers import registration
    from gateway.assembly.routes import build_routes
    from gateway.demo.issuer import Client
    from gateway.demo.run import Plan, Port, gateway_command
    from gateway.settings.addresses import Address, listen_address, socket_path, url

    def port(part: str, address: Address, key: str) -> Port:
        host = "127.0.0.1" if address.host == "localhost" else address.host
        return Port(part=part, host=host, port=address.port, key=f"{key} in {config}")

    if [each.type for each in settings.providers] != ["oidc"] or not settings.routes:
        raise ValueError(f"{config} is no demo's: it needs one issuer, and a route to the sample app")
    if socket_path(settings.listen):
        raise ValueError(f"{config} is no demo's: it listens on a Unix socket, which no browser opens")
    provider = registration(settings.providers[0])
    upstream = build_routes(settings)[0].upstream
    if upstream is None:
        raise ValueError(f"{config} is no demo's: its first route leads to no app")
    place = upstream.members[0]
    callback = f"{settings.public_url}{settings.prefix}/callback/{provider.id}"
    return Plan(
        app=port("the sample app", Address(host=place.host, port=place.port), "routes.upstream"),
        issuer=port("the demo issuer", url(provider.issuer).address, "providers.issuer"),
        gateway=port("the gateway", listen_address(settings.listen), "listen"),
        admin=port("its admin port", listen_address(settings.admin_listen), "admin_listen"),
        public_url=settings.public_url,
        issuer_url=provider.issuer,
        own_url=f"{settings.public_url}{settings.prefix}",
        audience=upstream.audience,
        client=Client(
            id=provider.client_id,
            secret=client_secret,
            redirect_uris=frozenset({callback}),
            home=settings.public_url,
        ),
        command=gateway_command(config),
        environ=dict(os.environ),
    )


def _welcome(plan: "Plan", config: Path) -> str:
    grant = f"{_gateway()} users roles alice@example.com --grant admin"
    if config != Path("gateway.toml"):
        grant += f" --config {config}"
    return f"""
  Open      {plan.public_url}
  Sign in   as alice or bob at the local issuer ({plan.issuer_url}); it asks for no password
  Also      {plan.public_url}/public   for everybody
            {plan.public_url}/admin    for the role admin: once alice has signed in, run
                {grant}
            {plan.own_url}/admin/    the console, for the same role
  Stop      Ctrl-C
"""


def _gateway() -> str:
    """Return how the person at the terminal calls this very program."""
    script = Path(sys.executable).with_name("gateway")
    return os.path.relpath(script) if script.exists() else f"{os.path.relpath(sys.executable)} -m gateway"
