"""`gateway run`: serve until told to stop."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.configuration import config_option, exit_with, load_or_exit

if TYPE_CHECKING:
    import socket

    from gateway.activation import Activation
    from gateway.notify import Notify
    from gateway.observe.log import Log
    from gateway.predecessor import Predecessor
    from gateway.rooms import Surroundings
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

    SIGUSR2 replaces the process by a new one, as after an upgrade: it takes over the sockets once
    it serves, and no connection is refused. With several workers they are replaced one after the
    other.
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
    from gateway.predecessor import Predecessor
    from gateway.worker import Inheritance

    settings = loaded.settings
    shape = settings.log
    log = configure(form=shape.format, level=shape.level, stream=sys.stdout.buffer, clock=time.time)
    for warning in loaded.warnings:
        log.event("warning", "configuration.warning", {"detail": warning})
    inherited = Inheritance.of(os.environ)
    notify = Notify.of(os.environ, pid=os.getpid())
    status = 0
    try:
        activation = Activation.of(os.environ, pid=os.getpid())
        predecessor = Predecessor.of(os.environ, loaded)
        if inherited is not None:
            _serve(loaded, config, _around_a_worker(inherited, log))
        elif settings.processes > 1:
            status = _supervise(settings, config, log, activation, notify)
        else:
            _serve(loaded, config, _around_one_alone(log, activation, predecessor, notify))
    except SettingsInvalid as error:
        exit_with(error, loaded=loaded)
    except GatewayError as error:
        fail(f"the gateway cannot start: {error}")
    except OSError as error:
        where = error.filename or f"{settings.listen} or {settings.admin_listen}"
        fail(f"the gateway cannot listen on {where}: {error.strerror}")
    finally:
        log.close()
    sys.exit(status)


def _supervise(
    settings: "Settings", config: Path, log: "Log", activation: "Activation", notify: "Notify"
) -> int:
    from gateway.supervision import supervise

    workers = settings.processes
    return supervise(settings, config, workers=workers, log=log, activation=activation, notify=notify)


def _serve(loaded: "Loaded", config: Path, around: "Surroundings") -> None:
    from gateway.app import run
    from gateway.settings.loader import load

    run(loaded, around, read=lambda: load(config, environ=os.environ))


def _around_a_worker(inherited: "Inheritance", log: "Log") -> "Surroundings":
    from gateway.rooms import Surroundings

    return Surroundings(
        log=log,
        public_sockets=(inherited.public,),
        admin_sockets=(inherited.admin,),
        workers=inherited.workers,
        lifeline=inherited.lifeline,
    )


def _around_one_alone(
    log: "Log", activation: "Activation", predecessor: "Predecessor | None", notify: "Notify"
) -> "Surroundings":
    from gateway.rooms import Surroundings
    from gateway.successor import Start

    return Surroundings(
        log=log,
        public_sockets=_all(activation.public) if predecessor is None else predecessor.public,
        admin_sockets=_all(activation.admin) if predecessor is None else predecessor.admin,
        predecessor=predecessor,
        start=Start.of(sys.argv, original=sys.orig_argv, environ=os.environ, pid=os.getpid()),
        notify=notify,
    )


def _all(passed: "socket.socket | None") -> "tuple[socket.socket, ...]":
    return () if passed is None else (passed,)


def fail(sentence: str) -> None:
    """Print *sentence* on standard error and end with 1."""
    click.echo(sentence, err=True)
    sys.exit(1)
