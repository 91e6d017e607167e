"""How every command finds its configuration, and says what is wrong with it.

Exit codes are stable: 1 for faults, 2 where there is no configuration to look at.
"""

import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from gateway.errors import Fault, SettingsInvalid, SettingsUnreadable

if TYPE_CHECKING:
    from gateway.settings.loader import Loaded
    from gateway.settings.schema import Settings

FAULTS = 1
UNREADABLE = 2

Command = TypeVar("Command", bound=Callable[..., Any])
_NO_FLAGS: Mapping[str, str] = MappingProxyType({})


def config_option(command: Command) -> Command:
    """Give *command* the parameter `config`: the path of the configuration file."""
    option = click.option(
        "--config",
        type=click.Path(path_type=Path),
        default="gateway.toml",
        envvar="GATEWAY_CONFIG",
        show_default=True,
        show_envvar=True,
        metavar="FILE",
        help="The configuration file.",
    )
    return option(command)


def load_or_exit(path: Path, *, flags: Mapping[str, str] = _NO_FLAGS) -> "Loaded":
    """Return the configuration at *path* under this process's environment, or say why not and exit.

    Imports pydantic only now, so that `--help` need not wait for it.
    """
    try:
        return read(path, flags=flags)
    except SettingsInvalid as error:
        exit_with(error)


def read(path: Path, *, flags: Mapping[str, str] = _NO_FLAGS) -> "Loaded":
    """Return the configuration at *path* under this process's environment. Raises SettingsInvalid.

    What it is read into stays, so looking for garbage meanwhile would find none: with thousands of routes
    that takes as long as all the rest.
    """
    from gateway.settings.loader import load

    gc.disable()
    try:
        return load(path, environ=os.environ, flags=flags)
    finally:
        gc.enable()


def consult_or_exit(path: Path) -> "Settings":
    """Return the configuration at *path* without its secrets, or say why not and exit.

    Those who work beside the gateway, at its database or its routes, need not be where its secrets are.
    """
    from gateway.settings.loader import consult

    try:
        return consult(path, environ=os.environ)
    except SettingsInvalid as error:
        exit_with(error)


def exit_with(error: SettingsInvalid, *, loaded: "Loaded | None" = None) -> NoReturn:
    """Print every fault on standard error and end with the code that its kind has.

    Faults that were found in *loaded* later are told at their places in it.
    """
    print_faults(error.faults if loaded is None else loaded.placed(error.faults))
    sys.exit(exit_code(error))


def exit_code(error: SettingsInvalid) -> int:
    """Return 2 where there was nothing to look at, else 1."""
    return UNREADABLE if isinstance(error, SettingsUnreadable) else FAULTS


def print_faults(faults: Iterable[Fault]) -> None:
    """Print one line for each fault: `file:line: key: message (suggestion)`."""
    for fault in faults:
        click.echo(str(fault), err=True)
