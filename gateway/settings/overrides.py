"""What stands above the file: `GATEWAY_SESSION__MAX_AGE` and flags.

Lists of tables cannot be set from here: half a route is no route. Secrets inside them are reached by
`{ env = "NAME" }`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from gateway.settings.notation import KeyPath, nearest, render
from gateway.settings.refusal import Finding
from gateway.settings.schema import Settings
from gateway.settings.shape import is_text, settable

PREFIX = "GATEWAY_"
CONFIG_VARIABLE = "GATEWAY_CONFIG"
"""Names the file itself, so it is no key."""

_LINK = re.compile(
    r"GATEWAY_(?:\w+_)?(?:SERVICE_(?:HOST|PORT(?:_\w+)?)|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)\w*)?)"
)
_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://.*|[0-9a-fA-F:.]+|TCP|UDP|SCTP|tcp|udp|sctp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A value set from outside the file, and by what."""

    path: KeyPath
    value: object
    origin: str


def from_environment(environ: Mapping[str, str]) -> Iterator[Override | Finding]:
    """Yield what `GATEWAY_*` variables set; a name that is no key is a finding, without its value."""
    keys = {variable(path): (path, field) for path, field in settable()}
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE or _is_service_link(name, text):
            continue
        origin = f"environment {name}"
        if name in keys:
            path, field = keys[name]
            yield Override(path=path, value=read(text, field), origin=origin)
        else:
            yield Finding(
                path=(), message="unknown key", suggestion=_meant_variable(name, keys), place=origin
            )


def from_flags(flags: Mapping[str, str]) -> Iterator[Override | Finding]:
    """Yield what flags set, by dotted key path."""
    keys = {render(path): (path, field) for path, field in settable()}
    for name, text in flags.items():
        if name in keys:
            path, field = keys[name]
            yield Override(path=path, value=read(text, field), origin="flag")
        else:
            meant = nearest(name, keys)
            suggestion = f"did you mean {meant}?" if meant else ""
            yield Finding(path=(name,), message="unknown key", suggestion=suggestion, place="flag")


def variable(path: KeyPath) -> str:
    """Return the environment variable that sets the key at *path*."""
    return PREFIX + "__".join(str(part).upper() for part in path)


def read(text: str, field: FieldInfo) -> object:
    """Return *text* as the value of *field*: text stays text, anything else is read as TOML where it is."""
    if is_text(field):
        return text
    try:
        values = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return values["value"] if len(values) == 1 else text


def _meant_variable(name: str, keys: Mapping[str, object]) -> str:
    parts = name.removeprefix(PREFIX).lower().split("__")
    lists = set(Settings.model_fields) - {path[0] for path, _ in settable()}
    if parts[0] in lists:
        return f'{parts[0]} are set in the file; refer to variables there by {{ env = "NAME" }}'
    if parts[0] in Settings.model_fields and len(parts) == 1:
        return f"set its keys one by one, for example {next(key for key in keys if key.startswith(name))}"
    meant = nearest(name, keys)
    return (
        f"did you mean {meant}?" if meant else f"every {PREFIX}* variable except {CONFIG_VARIABLE} sets a key"
    )


def _is_service_link(name: str, text: str) -> bool:
    """Kubernetes sets such variables for a Service that happens to be called gateway: not meant for us."""
    return bool(_LINK.fullmatch(name) and _ADDRESS.fullmatch(text))
