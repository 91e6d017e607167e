"""What several workers count, as if one process had counted it."""

from collections.abc import Sequence

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
