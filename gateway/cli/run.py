"""`gateway run`: serve until told to stop."""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import config_option, exit_with, load_or_exit

if TYPE_CHECKING:
    from gateway.activation import Activation
    from gateway.notify import Notify
    from gateway.observe.log import Log
    from gateway.settings.loader import Loaded
    from gateway.settings.schema import Settings
    from gateway.worker import Inheritance


@click.command(
    "run",
    epilog="Example: gateway run --config /etc/vestibule/gateway.toml",
)
@config_option
def command(config: Path) -> None:
    """Serve what the configuration says until SIGTERM or Ctrl-C.

    SIGHUP reads the configuration again and takes it over between two requests; if anything is
    wrong with it, the log says what, and the one in force stays.

    Sockets that systemd passes are served in the place of `listen` and `admin_listen`; with
    Type=notify it hears when the gateway serves, and with WatchdogSec= that it still does.

    SIGTERM turns /readyz red, lets running requests finish for at most 30 seconds, and ends with
    0; a second one ends at once.

    With several workers SIGUSR2 replaces them one after the other by new processes, as after an
    upgrade, and no connection is refused meanwhile.
    """
    # One that comes before the gateway listens for it must not be the end.
    for number in (signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    from gateway.memory import forbid_dumps

    forbid_dumps()
    loaded = load_or_exit(config)
    from gateway.activation import Activation
    from gateway.errors import GatewayError, SettingsInvalid
    from gateway.notify import Notify
    from gateway.observe.log import configure
    from gateway.worker import Inheritance

    settings = loaded.settings
    shape = settings.log
    log = configure(form=shape.format, level=shape.level, stream=sys.stdout.buffer, clock=time.time)
    for warning in loaded.warnings:
        log.event("warning", "configuration.warning", {"detail": warning})
    inherited = Inheritance.of(os.environ)
    notify = Notify.of(os.environ, pid=os.getpid()) if inherited is None else Notify()
    status = 0
    try:
        activation = Activation.of(os.environ, pid=os.getpid())
        if inherited is None and settings.processes > 1:
            status = _supervise(settings, config, log, activation, notify)
        else:
            _serve(loaded, config, log, inherited or activation, notify)
    except SettingsInvalid as error:
        exit_with(error, loaded=loaded)
    except GatewayError as error:
        fail(f"the gateway cannot start: {error}")
    except OSError as error:
        fail(f"the gateway cannot listen on {settings.listen} or {settings.admin_listen}: {error.strerror}")
    finally:
        log.close()
    sys.exit(status)


def _supervise(
    settings: "Settings", config: Path, log: "Log", activation: "Activation", notify: "Notify"
) -> int:
    from gateway.supervision import supervise

    workers = settings.processes
    return supervise(settings, config, workers=workers, log=log, activation=activation, notify=notify)


def _serve(
    loaded: "Loaded", config: Path, log: "Log", given: "Inheritance | Activation", notify: "Notify"
) -> None:
    from gateway.app import run
    from gateway.rooms import Surroundings
    from gateway.settings.loader import load
    from gateway.worker import Inheritance

    around = Surroundings(log=log, public_socket=given.public, admin_socket=given.admin, notify=notify)
    if isinstance(given, Inheritance):
        around = replace(around, workers=given.workers, lifeline=given.lifeline)
    run(loaded, around, read=lambda: load(config, environ=os.environ))


def fail(sentence: str) -> None:
    """Print *sentence* on standard error and end with 1."""
    click.echo(sentence, err=True)
    sys.exit(1)
