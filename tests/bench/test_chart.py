"""The chart is a small picture of exactly the bars."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

from tests.bench.chart import WIDTH, Bar, draw, drawing, height

BARS = [
    Bar(label="nginx", value=60000, ours=False),
    Bar(label="<the gateway>", value=45000, ours=True),
    Bar(label="Caddy", value=15000, ours=False),
]


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    wide = [int(found) for found in re.findall(r'<rect x="\d+" y="\d+" width="(\d+)"', drawing(BARS))]
    assert [round(each / wide[0], 2) for each in wide] == [1.0, 0.75, 0.25]


def test_ours_have_a_colour_of_their_own() -> None:
    colours = re.findall(r'<rect x=.*?fill="(#\w+)"', drawing(BARS))
    assert colours[0] == colours[2] != colours[1]


def test_labels_are_text() -> None:
    assert "&lt;the gateway&gt;</text>" in drawing(BARS)
    assert ">45,000</text>" in drawing(BARS)


async def test_the_picture_is_a_small_png(needs: Callable[[str], str], tmp_path: Path) -> None:
    needs("chromium")
    path = tmp_path / "chart.png"
    await draw(BARS, path)
    picture = path.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (WIDTH, height(BARS))
    assert len(picture) < 100_000
