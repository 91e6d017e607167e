"""Routes are shown as `gateway routes` lists them."""

import re
from pathlib import Path

from gateway.web.console_routes import PAGE
from tests.fakes.administrators import ADMIN, administered, page
from tests.fakes.console import ROUTES


async def test_routes_are_shown_in_their_order_with_what_they_ask(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        text = await page(gate, "routes")
        assert f"{len(ROUTES)} in all" in text
        assert "<code>wiki.example.com/</code>" in text
        assert '<span class="tag">authenticated</span>' in text
        assert "to off (forward-auth)" in text
        body = (await gate.get(f"{ADMIN}/routes")).body.decode()
        assert "<code>roles=&lt;b&gt;,editor</code>" in body


async def test_thousands_of_routes_come_by_pages(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        first = await page(gate, "routes")
        assert f'href="{ADMIN}/routes?after={PAGE}"' in first
        second = await page(gate, f"routes?after={PAGE}")
        shown = re.findall(r"<li><span><code>([^<]*)</code>", first + second)
        assert len(shown) == len(ROUTES) == len(set(shown))
        assert "Further ones" not in second
        assert "There are no more routes" in await page(gate, "routes?after=5000")


async def test_a_place_that_is_none_is_400(tmp_path: Path) -> None:
    async with administered(tmp_path) as gate:
        for after in ("x", "-1", "0", "1.5", "%00", "9" * 19):
            assert (await gate.get(f"{ADMIN}/routes?after={after}")).status == 400
