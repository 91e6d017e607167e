"""`make bench-page`: what `make bench` measured becomes the page that tells it.

Reads var/bench.json; writes docs/performance.json, the part of docs/performance.md between its two marks, and
docs/images/performance.png. What was not asked this time stays as it was published.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.bench.aims import told
from tests.bench.chart import Bar, draw
from tests.bench.programs import OUT, ROOT

Figures = Mapping[str, Any]

BEGIN = "<!-- measured: written by make bench-page -->\n"
END = "<!-- /measured -->\n"
LABELS = {
    "direct": "nobody in between",
    "nginx": "nginx, `proxy_pass`, no authentication",
    "caddy": "Caddy, `reverse_proxy`, no authentication",
    "aiohttp": "a plain aiohttp proxy, no authentication",
    "openidc cookie": "Apache with mod_auth_openidc, session in its cookie",
    "openidc shared memory": "Apache with mod_auth_openidc, session in shared memory",
    "gateway": "**the gateway**, stateless session",
    "gateway sqlite": "**the gateway**, stateful session in SQLite",
    "gateway postgres": "**the gateway**, stateful session in PostgreSQL",
    "gateway redis": "**the gateway**, stateful session in Redis",
    "gateway bearer": "**the gateway**, bearer token",
    "gateway behind nginx": "nginx that asks **the gateway** (`auth_request`)",
}
"""Everybody of the comparison, in the order in which they are told."""


def section(figures: Figures) -> str:
    """Return the generated part of the page: the comparison, and every figure that has an aim."""
    return "\n".join([*_comparison(figures), *told(figures)])


def _comparison(figures: Figures) -> Iterator[str]:
    found = figures["proxies"]
    yield "![Requests a second of each, side by side](images/performance.png)\n"
    asked, python = found["asked"], figures["python"]
    rounds = f"{asked['times']} rounds of {asked['seconds']} seconds"
    yield f"Medians of {rounds}, {python}; [every figure](performance.json).\n"
    yield "| | requests a second | processor time of a request | the gateway's throughput over it |"
    yield "|---|---|---|---|"
    spent = found.get("processor_us_per_request", {})
    for name in _measured(found):
        ratio = found["ratio"].get(f"gateway / {name}", "")
        took = f"{spent[name]:.0f} µs" if spent.get(name) else ""
        yield _row(LABELS[name], f"{found['median_rate'][name]:,}", took, str(ratio))
    yield ""
    for name, why in found.get("missing", {}).items():
        yield f"Not measured: {LABELS[name]} ({why.splitlines()[0]}).\n"


def quoted(figures: Figures) -> str:
    """Return what the README says of the comparison."""
    found, over = figures["proxies"], figures["proxies"]["ratio"]
    return (
        f"{found['median_rate']['gateway']:,} requests a second with a session, roles, headers and a signed "
        f"assertion: {over['gateway / caddy']:.1f} times what Caddy proxies without any, "
        f"{over['gateway / nginx']} of nginx, {over['gateway / openidc cookie']:.1f} times mod_auth_openidc "
        "with its session in a cookie, "
        f"{over['gateway / openidc shared memory']:.1f} times with shared memory"
    )


def _row(*cells: str) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def _measured(found: Figures) -> list[str]:
    return [name for name in LABELS if name in found["median_rate"]]


def bars(figures: Figures) -> list[Bar]:
    """Return the comparison for the chart: whoever stands in between, and ours marked."""
    found = figures["proxies"]
    return [
        Bar(
            label=LABELS[name].replace("*", "").replace("`", ""),
            value=found["median_rate"][name],
            ours="gateway" in name,
        )
        for name in _measured(found)
        if name != "direct"
    ]


def rewritten(page: str, figures: Figures) -> str:
    """Return *page* with the part between its marks made anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has lost its marks")
    return f"{before}{BEGIN}\n{section(figures)}\n\n{END}{after}"


def merged(published: Figures, measured: Figures) -> dict[str, Any]:
    """Return what is published from now on: new answers over earlier ones, without single rounds."""
    ours = {name: each for name, each in measured.items() if name == "python" or "asked" in each}
    return {name: _without_rounds(each) for name, each in {**published, **ours}.items()}


def _without_rounds(found: Any) -> Any:
    if not isinstance(found, Mapping):
        return found
    return {key: _without_rounds(value) for key, value in found.items() if key != "rounds"}


def write(measured: Path, docs: Path, drawn: Callable[[list[Bar], Path], Any]) -> None:
    """Publish *measured* in the folder *docs*; *drawn* makes the picture."""
    record, page = docs / "performance.json", docs / "performance.md"
    figures = merged(json.loads(record.read_text()), json.loads(measured.read_text()))
    record.write_text(json.dumps(figures, indent=1) + "\n")
    page.write_text(rewritten(page.read_text(encoding="utf-8"), figures), encoding="utf-8")
    drawn(bars(figures), docs / "images" / "performance.png")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument("--measured", type=Path, default=OUT)
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    given = parser.parse_args()
    write(given.measured, given.docs, lambda found, path: asyncio.run(draw(found, path)))


if __name__ == "__main__":
    main()
