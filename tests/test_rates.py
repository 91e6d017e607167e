"""The settings choose where requests are counted, and a store that does not count is told once."""

import io
import json
import time
from pathlib import Path

import pytest

from gateway.lasting import Lasting
from gateway.model.route import Rate
from gateway.observe.log import configure
from gateway.observe.metrics import Metrics
from gateway.rates import RateRooms, Told, redis_of
from tests.fakes.configuration import SOUND, loaded
from tests.fakes.gateway import KeptLog
from tests.fakes.ports import free_port


def test_an_outage_is_told_when_it_begins_and_ends_and_counted_in_between() -> None:
    stream = KeptLog()
    log = configure(form="json", level="info", stream=stream, clock=time.time)
    metrics = Metrics(version="0", dropped=lambda: 0)
    told = Told(log=log, counts=metrics)
    for heard in ("together", "alone", "alone", "alone", "together", "together"):
        (told.counted_alone if heard == "alone" else told.counted_together)()
    log.close()
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["rate_limit.alone", "rate_limit.shared"]
    assert b"gateway_rate_limit_fallbacks_total 3.0" in metrics.exposition()


@pytest.mark.parametrize(("store", "claims"), [("memory", 0), ("redis", 1)])
async def test_a_redis_is_claimed_where_a_route_counts_there_and_may_be_down(
    tmp_path: Path, store: str, claims: int
) -> None:
    redis = f'[redis]\nurl = "redis://127.0.0.1:{free_port()}/0"\n'
    limit = f'rate_limit = {{ requests = 1, per = "1m", store = "{store}" }}\n'
    settings = loaded(tmp_path, f"{SOUND}{limit}{redis}").settings
    log = configure(form="json", level="info", stream=io.BytesIO(), clock=time.time)
    lasting = Lasting()
    tenure = lasting.tenure()
    metrics = Metrics(version="0", dropped=lambda: 0)
    rooms = RateRooms(settings, tenure, monotonic=time.monotonic, log=log, counts=metrics)
    await rooms.start()
    assert len(lasting._held) == claims
    assert (await rooms.rates.take(Rate(requests=1, per=60.0, shared=True), ("x",))).passes
    assert f"gateway_rate_limit_fallbacks_total {claims}.0".encode() in metrics.exposition()
    if claims:
        assert redis_of(settings, tenure, monotonic=time.monotonic) is rooms._redis
    await tenure.end()
    log.close()
