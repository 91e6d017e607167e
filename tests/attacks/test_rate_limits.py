"""A route's rate limit, over sockets and in both lanes."""

from pathlib import Path

import pytest

from tests.fakes.front import ask, front
from tests.fakes.scene import scene

LIMIT = 'rate_limit = { requests = 3, per = "1h" }'
GET = ask(b"GET /x HTTP/1.1")


@pytest.mark.parametrize("fast_lane", [True, False])
async def test_beyond_the_limit_nothing_reaches_the_app(tmp_path: Path, *, fast_lane: bool) -> None:
    async with front(tmp_path, route_keys=f'access = "public"\n{LIMIT}', fast_lane=fast_lane) as door:
        async with await door.open() as client:
            for _ in range(3):
                await client.write(GET)
                assert (await client.answer()).status == 200
            for _ in range(3):
                await client.write(GET)
                refused = await client.answer()
                assert refused.status == 429
                assert refused.values("ratelimit-policy") == [b'"route";q=3;w=3600']
                (after,) = refused.values("retry-after")
                assert 1100 < int(after) <= 1200
                assert refused.values("ratelimit") == [b'"route";r=0;t=' + after]
        assert len(door.upstream.requests) == 3


async def test_users_are_counted_each_for_themselves_and_strangers_not_at_all(tmp_path: Path) -> None:
    async with scene(tmp_path, route_keys=LIMIT) as at:
        stranger = at.gate.browser()
        for _ in range(5):
            assert (await stranger.fetch(at.url + "/x")).status == 401
        for name in ("alice", "bob"):
            browser = await at.signed_in(name)  # which asks once
            statuses = [(await browser.fetch(at.url + "/x")).status for _ in range(3)]
            assert statuses == [200, 200, 429]
        decisions = [line for line in at.gate.lines() if line.get("reason") == "rate_limit"]
    assert all(line["decision"] == "deny" for line in decisions)
