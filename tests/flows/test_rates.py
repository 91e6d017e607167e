import pytest

from gateway.errors import StoreUnavailable
from gateway.flows.rates import Rates
from gateway.model.route import Rate

ALONE = Rate(requests=2, per=10.0)
TOGETHER = Rate(requests=2, per=10.0, shared=True)


class Shared:
    """Answers with what it is told to, or is down."""

    def __init__(self, *ahead: float) -> None:
        self.ahead = list(ahead)
        self.asked: list[tuple[str, int, float]] = []

    async def take(self, bucket: str, *, requests: int, per: float) -> float:
        self.asked.append((bucket, requests, per))
        if not self.ahead:
            raise StoreUnavailable("down")
        return self.ahead.pop(0)


class Heard:
    def __init__(self) -> None:
        self.words: list[str] = []

    def counted_together(self) -> None:
        self.words.append("together")

    def counted_alone(self) -> None:
        self.words.append("alone")


async def test_what_is_not_shared_is_counted_here_and_nobody_is_asked() -> None:
    shared, heard = Shared(5.0), Heard()
    rates = Rates(monotonic=lambda: 0.0, shared=shared, heard=heard)
    told = [await rates.take(ALONE, ("/", "user", "ann")) for _ in range(3)]
    assert [verdict.passes for verdict in told] == [True, True, False]
    assert shared.asked == []
    assert heard.words == []


async def test_what_is_shared_goes_by_what_the_others_know() -> None:
    shared, heard = Shared(5.0, 10.0, 12.5), Heard()
    rates = Rates(monotonic=lambda: 0.0, shared=shared, heard=heard)
    told = [await rates.take(TOGETHER, ("/", "user", "ann")) for _ in range(3)]
    assert [(verdict.passes, verdict.remaining) for verdict in told] == [(True, 1), (True, 0), (False, 0)]
    assert told[2].retry_after == pytest.approx(2.5)
    assert shared.asked == [("/\0user\0ann", 2, 10.0)] * 3
    assert heard.words == ["together"] * 3


async def test_while_the_store_is_silent_requests_are_counted_here() -> None:
    heard = Heard()
    rates = Rates(monotonic=lambda: 0.0, shared=Shared(), heard=heard)
    told = [await rates.take(TOGETHER, ("/", "user", "ann")) for _ in range(3)]
    assert [verdict.passes for verdict in told] == [True, True, False]
    assert heard.words == ["alone"] * 3


async def test_where_there_is_no_store_all_is_counted_here() -> None:
    rates = Rates(monotonic=lambda: 0.0)
    told = [await rates.take(TOGETHER, ("/", "user", "ann")) for _ in range(3)]
    assert [verdict.passes for verdict in told] == [True, True, False]
