"""What one configuration says otherwise than another: told key by key, a secret never."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from pydantic import BaseModel

from gateway.errors import Fault
from gateway.settings.effective import MASK
from gateway.settings.loader import Loaded
from gateway.settings.notation import KeyPath, render, toml
from gateway.settings.shape import is_hidden

FIXED = (
    "listen",
    "admin_listen",
    "proxy_protocol",
    "workers",
    "limits.connections",
    "limits.connections_per_address",
    "database.url",
    "log.format",
)
"""Keys of what is there for as long as the process lives: ports, workers, the database, the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key that differs. `was` and `now` are as the file would write them, empty for an unset key."""

    key: str
    was: str
    now: str


def changes(before: Loaded, after: Loaded) -> tuple[Change, ...]:
    """Return every key in which *after* differs from *before*, in the order of the schema."""
    secrets = [dict(_secrets(each.settings)) for each in (before, after)]
    keys = list(dict.fromkeys([*after.written, *before.written]))
    return tuple(_change(key, before, after) for key in keys if _differs(key, before, after, secrets))


def fixed_faults(before: Loaded, after: Loaded) -> tuple[Fault, ...]:
    """Return a fault for each key that only a restart can change, and that *after* changes."""
    changed = [key for key in FIXED if attrgetter(key)(before.settings) != attrgetter(key)(after.settings)]
    if (before.settings.tls is None) is not (after.settings.tls is None):
        changed.append("tls")  # another certificate is taken over, another protocol is not
    return tuple(
        after.fault(key, "cannot change while the gateway runs", "restart it, or put the old value back")
        for key in changed
    )


def _differs(key: str, before: Loaded, after: Loaded, secrets: list[dict[str, object]]) -> bool:
    if before.written.get(key) != after.written.get(key) or before.secrets.get(key) != after.secrets.get(key):
        return True
    was, now = secrets
    whole = key.partition("[")[0] if key.startswith("secret[") else key
    return was.get(whole) != now.get(whole)


def _change(key: str, before: Loaded, after: Loaded) -> Change:
    return Change(key=key, was=_told(before, key), now=_told(after, key))


def _told(loaded: Loaded, key: str) -> str:
    if key not in loaded.written:
        return ""
    if key in loaded.secrets:
        return f"{MASK} ({loaded.secrets[key]})"
    value = loaded.written[key]
    return "" if value is None else toml(value)


def _secrets(model: BaseModel, around: KeyPath = ()) -> Iterator[tuple[str, object]]:
    """Yield every secret by its key."""
    for name, field in type(model).model_fields.items():
        path, value = (*around, name), getattr(model, name)
        if is_hidden(field):
            yield render(path), value
        elif isinstance(value, BaseModel):
            yield from _secrets(value, path)
        elif isinstance(value, Mapping | tuple):
            pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, each in pairs:
                if isinstance(each, BaseModel):
                    yield from _secrets(each, (*path, key))
