"""What several workers count, as if one process had counted it."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

_Labels = tuple[tuple[str, str], ...]
# Of these a sum says nothing: the worst worker, or the one that came first, speaks for all.
_LEAST = frozenset(
    (
        "gateway_build_info",
        "gateway_config_last_reload_successful",
        "gateway_config_last_reload_timestamp_seconds",
        "gateway_certificate_expiry_timestamp_seconds",
        "gateway_upstream_member_up",
        "process_start_time_seconds",
    )
)


def merged(expositions: Sequence[bytes], *, running: int, restarts: int) -> bytes:
    """Return the series of all *expositions* added up, and how many workers run and were replaced.

    Raises ValueError where one of them is no exposition.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(list(_added(expositions)) + _own(running, restarts)))
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _added(expositions: Sequence[bytes]) -> Iterator[Metric]:
    families: dict[str, Metric] = {}
    values: dict[tuple[str, str, _Labels], float] = {}
    for exposition in expositions:
        for family in text_string_to_metric_families(exposition.decode("utf-8")):
            families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                place = (family.name, sample.name, tuple(sample.labels.items()))
                before = values.get(place)
                values[place] = _together(family.name, before, sample.value)
    for (family_name, name, labels), value in values.items():
        families[family_name].add_sample(name, dict(labels), value)
    yield from families.values()


def _together(name: str, before: float | None, value: float) -> float:
    if before is None:
        return value
    return min(before, value) if name in _LEAST else before + value


def _own(running: int, restarts: int) -> list[Metric]:
    workers = Metric("gateway_workers", "Workers that run.", "gauge")
    workers.add_sample("gateway_workers", {}, running)
    replaced = Metric("gateway_worker_restarts", "Workers that ended and were replaced.", "counter")
    replaced.add_sample("gateway_worker_restarts_total", {}, restarts)
    return [workers, replaced]
