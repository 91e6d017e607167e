"""What is read of wrk's words, and what is made of rounds."""

import pytest

from tests.bench.load import Round, Rounds, parsed
from tests.bench.programs import Failed

PRINTED = """Running 3s test @ http://127.0.0.1:12000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.10ms  210.20us   9.01ms   91.61%
    Req/Sec    28.95k     1.20k   31.14k    80.65%
  Latency Distribution
     50%  982.00us
     75%    1.14ms
     90%    1.30ms
     99%    1.81ms
  88000 requests in 3.10s, 41.70MB read
Requests/sec:  28387.09
Transfer/sec:     13.45MB
"""
TROUBLED = PRINTED.replace(
    "Requests/sec", "  Socket errors: connect 1, read 20, write 300, timeout 4000\nRequests/sec"
)


def a_round(**changes: float) -> Round:
    return Round(**{"rate": 1, "p50": 1, "p99": 1, "processor": 1, "requests": 1, "errors": 0, **changes})


def test_a_run_is_read_from_what_wrk_prints() -> None:
    found = parsed(PRINTED, spent=2.64)
    assert found == Round(rate=28387.09, p50=0.982, p99=1.81, processor=30.0, requests=88000, errors=0)


@pytest.mark.parametrize(("told", "milliseconds"), [("12.00us", 0.012), ("2.50s", 2500), ("1.50m", 90_000)])
def test_every_unit_of_a_latency_is_known(told: str, milliseconds: float) -> None:
    assert parsed(PRINTED.replace("1.81ms", told), spent=0).p99 == pytest.approx(milliseconds)


def test_errors_of_connections_are_added_up() -> None:
    assert parsed(TROUBLED, spent=0).errors == 4321


def test_a_run_with_refusals_has_measured_nothing() -> None:
    with pytest.raises(Failed, match="errors"):
        parsed(PRINTED + "  Non-2xx or 3xx responses: 3\n", spent=0)


@pytest.mark.parametrize("printed", ["", PRINTED.replace("88000 requests", "0 requests")])
def test_a_run_without_answers_has_measured_nothing(printed: str) -> None:
    with pytest.raises(Failed, match="nothing"):
        parsed(printed, spent=0)


def test_a_ratio_is_the_median_of_what_each_round_gave() -> None:
    found = Rounds({"a": [a_round(rate=rate) for rate in (10, 40, 300)], "b": [a_round(rate=10)] * 3})
    assert found.ratio("a", "b") == 4.0
    assert found.ratios("a") == {"a / b": 4.0}
    assert found.rates() == {"a": 40, "b": 10}


def test_what_is_added_is_the_median_of_what_each_round_gave() -> None:
    mine = [a_round(p50=wait) for wait in (0.2, 0.5, 0.3)]
    theirs = [a_round(p50=wait) for wait in (0.1, 0.1, 0.25)]
    assert Rounds({"a": mine, "b": theirs}).added("a", "b", figure="p50") == 0.1
