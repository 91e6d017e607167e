import pytest

from gateway.observe.merged import Totals, merged
from gateway.observe.metrics import Metrics


def counted(*, requests: int, at: float) -> bytes:
    metrics = Metrics(version="1.2")
    metrics.configuration_taken(at=at)
    metrics.in_flight += 1
    for _ in range(requests):
        metrics.request(route="/wiki", method="GET", status=200, duration=0.002)
    metrics.login(provider="demo", result="success")
    metrics.upstream_member(upstream="wiki", member="http://one", asked=requests == 1)
    return metrics.exposition()


def series(exposition: bytes) -> dict[str, float]:
    lines = [line for line in exposition.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_counts_are_added_and_what_cannot_be_added_is_the_worst() -> None:
    told = [counted(requests=1, at=50.0), counted(requests=4, at=40.0)]
    found = series(merged(told, running=2, restarts=3))
    assert found['gateway_http_requests_total{code="200",method="GET",route="/wiki"}'] == 5
    assert found['gateway_http_request_duration_seconds_bucket{le="0.0025",route="/wiki"}'] == 5
    assert found['gateway_http_request_duration_seconds_bucket{le="0.001",route="/wiki"}'] == 0
    assert found['gateway_http_request_duration_seconds_count{route="/wiki"}'] == 5
    assert found['gateway_logins_total{provider="demo",result="success"}'] == 2
    assert found["gateway_requests_in_flight"] == 2
    assert found['gateway_build_info{version="1.2"}'] == 1
    assert found["gateway_config_last_reload_timestamp_seconds"] == 40
    assert found['gateway_upstream_member_up{member="http://one",upstream="wiki"}'] == 0
    assert (found["gateway_workers"], found["gateway_worker_restarts_total"]) == (2, 3)


def test_of_one_worker_everything_stays_and_nothing_is_doubled() -> None:
    alone = counted(requests=2, at=1.0)
    both = series(merged([alone], running=1, restarts=0))
    before = {name: value for name, value in series(alone).items() if "_created" not in name}
    assert both.items() >= before.items()


def test_of_no_worker_there_is_still_an_exposition() -> None:
    assert series(merged([], running=0, restarts=7)) == {
        "gateway_workers": 0,
        "gateway_worker_restarts_total": 7,
    }


def test_no_count_falls_when_a_worker_ends_or_says_nothing_for_once() -> None:
    totals: Totals[str] = Totals()
    requests = 'gateway_http_requests_total{code="200",method="GET",route="/wiki"}'
    first, second = counted(requests=3, at=1.0), counted(requests=4, at=2.0)

    def total(**told: bytes) -> dict[str, float]:
        return series(totals.of(told, running=len(told), restarts=0))

    assert total(one=first, two=second)[requests] == 7
    silent = total(one=b"", two=second)
    assert (silent[requests], silent["gateway_requests_in_flight"]) == (7, 1)
    assert silent["gateway_config_last_reload_timestamp_seconds"] == 2.0
    assert total(one=counted(requests=5, at=1.0), two=second)[requests] == 9
    for _ in range(2):
        ended = total(two=second)
        assert (ended[requests], ended["gateway_requests_in_flight"]) == (9, 1)
        assert ended['gateway_http_request_duration_seconds_count{route="/wiki"}'] == 9
        assert ended['gateway_build_info{version="1.2"}'] == 1
    assert total(two=second, three=first)[requests] == 12
    assert total()[requests] == 12


def test_what_is_no_exposition_is_refused() -> None:
    with pytest.raises(ValueError, match=r".*"):
        merged([b"} nonsense {"], running=1, restarts=0)
