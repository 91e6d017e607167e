"""What one configuration says otherwise than another: told key by key, a secret never."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

from gateway.errors import Fault
from gateway.settings.effective import MASK, secret_values
from gateway.settings.loader import Loaded
from gateway.settings.notation import render, toml

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
    was, now = _side(before, after), _side(after, before)
    keys = dict.fromkeys([*now.written, *was.written])
    return tuple(
        Change(key=key, was=was.told(key), now=now.told(key)) for key in keys if _differs(key, was, now)
    )


def fixed_faults(before: Loaded, after: Loaded) -> tuple[Fault, ...]:
    """Return a fault for each key that only a restart can change, and that *after* changes."""
    changed = [key for key in FIXED if attrgetter(key)(before.settings) != attrgetter(key)(after.settings)]
    if (before.settings.tls is None) is not (after.settings.tls is None):
        changed.append("tls")  # another certificate is taken over, another protocol is not
    return tuple(
        after.fault(key, "cannot change while the gateway runs", "restart it, or put the old value back")
        for key in changed
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of two configurations: what it writes where the other differs, its secrets and their sources."""

    written: Mapping[str, object]
    secrets: Mapping[str, object]
    sources: Mapping[str, str]

    def told(self, key: str) -> str:
        if key not in self.written:
            return ""
        if key in self.sources:
            return f"{MASK} ({self.sources[key]})"
        value = self.written[key]
        return "" if value is None else toml(value)


def _side(loaded: Loaded, other: Loaded) -> _Side:
    return _Side(
        written=loaded.told.unlike(other.told),
        secrets={render(path): value for path, value in secret_values(loaded.settings)},
        sources=loaded.secrets,
    )


def _differs(key: str, was: _Side, now: _Side) -> bool:
    if was.written.get(key) != now.written.get(key) or was.sources.get(key) != now.sources.get(key):
        return True
    whole = key.rpartition("[")[0] if key.endswith("]") else key  # of several in a list
    return was.secrets.get(whole) != now.secrets.get(whole)
