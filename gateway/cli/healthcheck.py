"""`gateway healthcheck`: what a container's probe runs, since slim images have no other client."""

import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import click

from gateway.cli.configuration import config_option, consult_or_exit

PATIENCE = 3.0


@click.command(
    "healthcheck",
    epilog="Example: HEALTHCHECK CMD gateway healthcheck --config /etc/vestibule/gateway.toml",
)
@config_option
def command(config: Path) -> None:
    """Ask the admin port of a running gateway whether it is ready; exit 0 if it is, else 1."""
    settings = consult_or_exit(config)
    from gateway.settings.addresses import listen_address

    address = listen_address(settings.admin_listen)
    if ready(address.host, address.port):
        click.echo("ready")
        return
    click.echo(f"not ready: {settings.admin_listen}", err=True)
    sys.exit(1)


def ready(host: str, port: int) -> bool:
    """Say whether `/readyz` answers 200 within PATIENCE seconds."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked, not bound
    connection = HTTPConnection(reachable, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
