"""What several workers count, as if one process had counted it, which goes on when one of them ends."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

Worker = TypeVar("Worker", bound=Hashable)

# Of these a sum says nothing: the worst worker, or the one that came first, speaks for all.
_LEAST = frozenset(
    (
        b"gateway_build_info",
        b"gateway_config_last_reload_successful",
        b"gateway_config_last_reload_timestamp_seconds",
        b"gateway_certificate_expiry_timestamp_seconds",
        b"gateway_upstream_member_up",
        b"process_start_time_seconds",
    )
)
# Of these a sum never falls: where it did, that would be taken for a restart, and all that is left for new.
_RISE = (b"counter", b"histogram", b"summary")
_OWN = """\
# HELP gateway_workers Workers that run.
# TYPE gateway_workers gauge
gateway_workers {running:.1f}
# HELP gateway_worker_restarts_total Workers that ended and were replaced.
# TYPE gateway_worker_restarts_total counter
gateway_worker_restarts_total {restarts:.1f}
"""


def merged(expositions: Sequence[bytes], *, running: int, restarts: int) -> bytes:
    """Return the series of all *expositions* added up, and how many workers run and were replaced.

    All were made by one release, so a series is spelled alike in each. Raises ValueError where one of them
    is no exposition.
    """
    families: dict[bytes, _Family] = {}
    for exposition in expositions:
        _add(exposition, families)
    written = [line for family in families.values() for line in family.lines()]
    return b"".join((*written, _OWN.format(running=running, restarts=restarts).encode()))


class Totals(Generic[Worker]):
    """Keeps in the sum what workers had counted that say nothing any more, as of when they last did."""

    def __init__(self) -> None:
        self._last: dict[Worker, bytes] = {}
        self._gone = b""

    def of(self, told: Mapping[Worker, bytes], *, running: int, restarts: int) -> bytes:
        """Return what `merged` does of all that was *told*, by the worker; empty is that of a silent one.

        A worker that is not named is gone. Raises as `merged` does.
        """
        for worker in self._last.keys() - told.keys():
            self._gone = _counts((self._gone, self._last.pop(worker)))
        silent = [self._last[worker] for worker in told if not told[worker] and worker in self._last]
        self._last.update((worker, text) for worker, text in told.items() if text)
        kept = _counts((self._gone, *silent))
        return merged([*told.values(), kept], running=running, restarts=restarts)


def _counts(expositions: Sequence[bytes]) -> bytes:
    """Return the series of all *expositions* that never fall, added up."""
    families: dict[bytes, _Family] = {}
    for exposition in expositions:
        _add(exposition, families)
    return b"".join(line for family in families.values() if family.rises for line in family.lines())


class _Family:
    """Series of one name and meaning; *least* has the smallest stand for all, instead of their sum."""

    def __init__(self, *, least: bool) -> None:
        self.told: dict[bytes, None] = {}
        self._least = least
        self._values: dict[bytes, float] = {}

    def add(self, series: bytes, value: float) -> None:
        before = self._values.get(series)
        if before is not None:
            value = min(before, value) if self._least else before + value
        self._values[series] = value

    @property
    def rises(self) -> bool:
        return not self._least and any(line.endswith(_RISE) for line in self.told if line[:7] == b"# TYPE ")

    def lines(self) -> list[bytes]:
        values = (b"%b %a\n" % (series, value) for series, value in self._values.items())
        return [*(told + b"\n" for told in self.told), *values]


def _add(exposition: bytes, families: dict[bytes, _Family]) -> None:
    family: _Family | None = None
    for line in exposition.splitlines():
        if line.startswith(b"#"):
            name = line.split(b" ", 3)[2]
            if name not in families:
                families[name] = _Family(least=name in _LEAST or name.endswith(b"_created"))
            family = families[name]
            family.told[line] = None
        elif family is None:
            raise ValueError("a series of no family")
        else:
            series, _, value = line.rpartition(b" ")
            family.add(series, float(value))
