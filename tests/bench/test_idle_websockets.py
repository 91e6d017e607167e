"""As many WebSockets as descriptors allow stand through a gateway, and the answer says how many."""

import sys
from collections.abc import Callable

import pytest

from tests.bench import idle_websockets
from tests.bench.stage import stage


@pytest.mark.timeout(180)
async def test_where_descriptors_do_not_suffice_fewer_are_held(
    needs: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("nginx")
    monkeypatch.setattr(idle_websockets, "raise_limit", lambda: idle_websockets.RESERVED + 15)
    async with stage(python=sys.executable) as at:
        found = await idle_websockets.measure(at, count=20, settle=0.0)
    assert (found["wanted"], found["held"]) == (20, 7)
