"""`gateway run`: serve until told to stop."""

import os
import signal
import sys
import time
from pathlib import Path

import click

from gateway.cli.configuration import config_option, load_or_exit


@click.command(
    "run",
    epilog="Example: gateway run --config /etc/vestibule/gateway.toml",
)
@config_option
def command(config: Path) -> None:
    """Serve what the configuration says until SIGTERM or Ctrl-C.

    SIGHUP reads the configuration again and takes it over between two requests; if anything is
    wrong with it, the log says what, and the one in force stays.

    SIGTERM turns /readyz red, lets running requests finish for at most 30 seconds, and ends with
    0; a second one ends at once.
    """
    # One that comes before the gateway listens for it must not be the end.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from gateway.memory import forbid_dumps

    forbid_dumps()
    loaded = load_or_exit(config)
    from gateway.app import run
    from gateway.errors import GatewayError
    from gateway.observe.log import configure
    from gateway.rooms import Surroundings
    from gateway.settings.loader import load

    settings = loaded.settings
    shape = settings.log
    log = configure(form=shape.format, level=shape.level, stream=sys.stdout.buffer, clock=time.time)
    for warning in loaded.warnings:
        log.event("warning", "configuration.warning", {"detail": warning})
    try:
        run(loaded, Surroundings(log=log), read=lambda: load(config, environ=os.environ))
    except GatewayError as error:
        fail(f"the gateway cannot start: {error}")
    except OSError as error:
        fail(f"the gateway cannot listen on {settings.listen} or {settings.admin_listen}: {error.strerror}")
    finally:
        log.close()


def fail(sentence: str) -> None:
    """Print *sentence* on standard error and end with 1."""
    click.echo(sentence, err=True)
    sys.exit(1)
