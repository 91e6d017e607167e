"""The chart of the page: bars in a drawing that a browser makes a picture of.

The browser is the one that the tests have anyway, so nothing is installed for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from playwright.async_api import async_playwright

from tests.bench.programs import installed

WIDTH, ROW, BAR = 900, 30, 18
_LEFT, _RIGHT, _TOP, _BOTTOM = 412, 90, 44, 14
_OURS, _OTHERS, _INK, _PAPER = "#0b6e4f", "#9aa5b1", "#1f2933", "#ffffff"
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One contender's requests a second."""

    label: str
    value: float
    ours: bool


def height(bars: Sequence[Bar]) -> int:
    return _TOP + ROW * len(bars) + _BOTTOM


def drawing(bars: Sequence[Bar]) -> str:
    """Return the bars as SVG, the longest as wide as there is room; the widest value is never cut."""
    most = max(bar.value for bar in bars)
    tall = height(bars)
    rows = "".join(_row(bar, number, most) for number, bar in enumerate(bars))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{tall}" '
        f'font-family="DejaVu Sans, Verdana, sans-serif" font-size="13" fill="{_INK}">'
        f'<rect width="{WIDTH}" height="{tall}" fill="{_PAPER}"/>'
        f'<text x="16" y="26" font-size="15" font-weight="bold">Requests a second through one core</text>'
        f"{rows}</svg>"
    )


def _row(bar: Bar, number: int, most: float) -> str:
    top = _TOP + ROW * number
    wide = round((WIDTH - _LEFT - _RIGHT) * bar.value / most)
    middle = top + BAR / 2 + 5
    return (
        f'<text x="{_LEFT - 10}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect x="{_LEFT}" y="{top}" width="{wide}" height="{BAR}" '
        f'fill="{_OURS if bar.ours else _OTHERS}"/>'
        f'<text x="{_LEFT + wide + 8}" y="{middle}">{bar.value:,.0f}</text>'
    )


async def draw(bars: Sequence[Bar], path: Path) -> None:
    """Write the picture of *bars*, a PNG, to *path*. Raises Failed without Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=installed("chromium", "chromium-browser", "google-chrome"), args=[*_FLAGS]
        )
        try:
            page = await browser.new_page(viewport={"width": WIDTH, "height": height(bars)})
            await page.set_content(f'<body style="margin:0">{drawing(bars)}</body>')
            await page.screenshot(path=path)
        finally:
            await browser.close()
