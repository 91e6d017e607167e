"""The page is made of what was recorded, and is as fresh as the record beside it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.bench import compare, page
from tests.bench.aims import AIMS
from tests.bench.chart import Bar
from tests.bench.programs import ROOT

DOCS = ROOT / "docs"
ASKED = {"asked": {"times": 5, "seconds": 3}}
RECORDED: dict[str, Any] = {
    "python": "Python 3.11.2",
    "proxies": {
        **ASKED,
        "missing": {"openidc cookie": "apache2 is not installed\nmore words"},
        "rounds": {"nginx": [{"rate": 60000.0}]},
        "median_rate": {"direct": 120000, "nginx": 60000, "caddy": 15000, "gateway": 45000},
        "processor_us_per_request": {"direct": 0.0, "nginx": 15.2, "caddy": 66.0, "gateway": 21.9},
        "ratio": {"gateway / direct": 0.38, "gateway / nginx": 0.75, "gateway / caddy": 3.0},
        "least": compare.LEAST,
    },
    "one_connection": {
        **ASKED,
        "added_p50_ms": {"gateway - nginx": 0.2},
        "most": {"gateway - nginx": 0.15},
    },
    "idle_websockets": {**ASKED, "held": 9744, "kib_each": 16.0, "most": {"kib_each": 16.0}},
    "many_routes": {
        **ASKED,
        "routes": {"few": 10, "many": 10000},
        "ratio": {"many / few": 0.949},
        "least": {"many / few": 0.95},
    },
    "million_requests": {
        **ASKED,
        "requests": {"before": 100_000, "counted": 1_000_001},
        "growth_mib": 0.5,
        "most": {"growth_mib": 5.0},
    },
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Return a folder with the page as it is, and a record of what was published before."""
    (tmp_path / "images").mkdir()
    (tmp_path / "performance.md").write_text((DOCS / "performance.md").read_text())
    (tmp_path / "performance.json").write_text(json.dumps({"python": "Python 3.11", "posts": ASKED}))
    return tmp_path


def test_the_comparison_tells_everybody_who_was_measured_in_order() -> None:
    lines = page.section(RECORDED).splitlines()
    assert "Medians of 5 rounds of 3 seconds, Python 3.11.2; [every figure](performance.json)." in lines
    told = [line for line in lines if re.search(r"\d,000 \|", line)]
    assert told == [
        "| nobody in between | 120,000 | | 0.38 |",
        "| nginx, `proxy_pass`, no authentication | 60,000 | 15 µs | 0.75 |",
        "| Caddy, `reverse_proxy`, no authentication | 15,000 | 66 µs | 3.0 |",
        "| **the gateway**, stateless session | 45,000 | 22 µs | |",
    ]


def test_who_was_missing_is_told_with_the_reason() -> None:
    told = "Apache with mod_auth_openidc, session in its cookie"
    assert f"Not measured: {told} (apache2 is not installed).\n" in page.section(RECORDED)


@pytest.mark.parametrize(
    "line",
    [
        "| throughput over nginx's | 0.75 | at least 0.6, met | `proxies` |",
        "| one connection: the median over nginx's | 0.2 ms | at most 0.15 ms, **missed** |"
        " `one_connection` |",
        "| 9,744 idle WebSockets: memory of each | 16.0 KiB | at most 16 KiB, met | `idle_websockets` |",
        "| 10,000 routes: throughput over that with 10 | 0.949 | at least 0.95, **missed** | `many_routes` |",
        "| 1,000,001 requests: memory grew by | 0.5 MiB | at most 5 MiB, met | `million_requests` |",
    ],
)
def test_a_figure_stands_beside_its_aim(line: str) -> None:
    assert line in page.section(RECORDED).splitlines()


def test_what_was_not_asked_is_not_told() -> None:
    assert "two_workers" not in page.section(RECORDED)


def test_every_contender_has_a_label_and_every_aim_its_question() -> None:
    assert list(page.LABELS) == list(compare.CONTENDERS)
    shown = (DOCS / "performance.md").read_text()
    assert {each.question for each in AIMS} <= set(re.findall(r"`([a-z_]+)`", shown))


def test_the_chart_shows_who_stands_between_and_marks_ours() -> None:
    assert page.bars(RECORDED) == [
        Bar(label="nginx, proxy_pass, no authentication", value=60000, ours=False),
        Bar(label="Caddy, reverse_proxy, no authentication", value=15000, ours=False),
        Bar(label="the gateway, stateless session", value=45000, ours=True),
    ]


def test_publishing_writes_record_page_and_picture(docs: Path, tmp_path: Path) -> None:
    measured, drawn = tmp_path / "bench.json", []
    measured.write_text(json.dumps({**RECORDED, "of an older bench": {"ratio": 1}}))
    page.write(measured, docs, lambda bars, path: drawn.append((bars, path)))
    record = json.loads((docs / "performance.json").read_text())
    assert record["posts"] == ASKED
    assert "of an older bench" not in record
    assert "rounds" not in record["proxies"]
    written = (docs / "performance.md").read_text()
    assert page.section(record) in written
    assert drawn == [(page.bars(RECORDED), docs / "images" / "performance.png")]


def test_what_was_written_by_hand_stays(docs: Path, tmp_path: Path) -> None:
    before = (docs / "performance.md").read_text()
    again = page.rewritten(page.rewritten(before, RECORDED), RECORDED)
    assert again.partition(page.BEGIN)[0] == before.partition(page.BEGIN)[0]
    assert again.partition(page.END)[2] == before.partition(page.END)[2]


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        page.rewritten("# Performance\n", RECORDED)


def test_the_page_is_fresh() -> None:
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert page.rewritten(text, json.loads((DOCS / "performance.json").read_text())) == text, (
        "run make bench-page"
    )


def test_the_readme_quotes_what_was_measured() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert page.quoted(json.loads((DOCS / "performance.json").read_text())) in readme
