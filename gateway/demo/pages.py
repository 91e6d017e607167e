"""The look of the demo: one plain page, light and dark, everything that varies escaped."""

from collections.abc import Iterable
from html import escape

_LONG = 120
STYLE = """
:root { color-scheme: light dark; --wall: #f6f5f2; --paper: #ffffff; --line: #e4e1d9; --ink: #1d1c1a;
  --dim: #605d56; --accent: #1f5c4d; --on-accent: #ffffff; --good: #17694f; --well: #e9f4ef;
  --bad: #a3261d; --ill: #fbecea; }
@media (prefers-color-scheme: dark) { :root { --wall: #151514; --paper: #1e1e1c; --line: #383733;
  --ink: #f0eee9; --dim: #a8a49b; --accent: #7cc7b2; --on-accent: #0f2620; --good: #8fd6bf; --well: #1d2f29;
  --bad: #ff9d94; --ill: #38201e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wall); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 44rem; margin: 6vh auto; padding: 2.25rem 2.5rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: 1rem;
  box-shadow: 0 1px 2px rgb(0 0 0 / .04), 0 12px 32px -16px rgb(0 0 0 / .18); }
h1 { margin: 0 0 .5rem; font-size: 1.75rem; line-height: 1.25; font-weight: 650; letter-spacing: -.015em; }
h2, summary { margin: 1.75rem 0 .5rem; font-size: .875rem; font-weight: 600; color: var(--dim); }
summary { width: fit-content; cursor: pointer; }
p { margin: .5rem 0; text-wrap: pretty; } .dim { color: var(--dim); }
.good, .bad { margin: 1.25rem 0; padding: .625rem .875rem; border-radius: .625rem; font-size: .9375rem; }
.good { color: var(--good); background: var(--well); } .bad { color: var(--bad); background: var(--ill); }
.good { padding-left: 2.25rem; text-indent: -1.375rem; }
.good::before { content: "\\2713" / ""; display: inline-block; width: 1.375rem; text-indent: 0;
  font-weight: 700; }
a { color: var(--accent); text-underline-offset: .2em; }
nav { margin-top: 1.75rem; display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { padding: .4375rem .5rem .4375rem 0; border-top: 1px solid var(--line); text-align: left;
  vertical-align: baseline; overflow-wrap: anywhere; font-weight: normal; font-size: .9375rem; }
td { font: .875rem/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.long div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
th { width: 12.5rem; color: var(--dim); }
form { display: flex; flex-wrap: wrap; gap: .625rem; margin-top: 1.5rem; }
button { min-height: 2.875rem; padding: .625rem 1.25rem; font: inherit; font-weight: 550; cursor: pointer;
  color: var(--on-accent); background: var(--accent); border: 1px solid transparent; border-radius: .625rem; }
button:hover { opacity: .88; }
button.plain { color: inherit; background: none; border-color: var(--line); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (max-width: 36rem) { main { margin: 0; padding: 1.5rem 1.25rem; border: 0; border-radius: 0;
  min-height: 100vh; box-shadow: none; } th { width: 9.5rem; } button { width: 100%; } }
"""
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


def page(title: str, *parts: str) -> str:
    """Return a page of *parts*, which are HTML; *title* is plain text."""
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f"<main>\n<h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</main>\n</html>\n"
    )


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of plain-text names and values; a long value is cut at the edge, by its look only."""
    return f"<table>{''.join(_row(name, value) for name, value in rows)}</table>"


def _row(name: str, value: str) -> str:
    kind = ' class="long"' if len(value) > _LONG else ""
    return f"<tr><th>{escape(name)}</th><td{kind}><div>{escape(value)}</div></td></tr>"


def folded(title: str, *parts: str) -> str:
    """Return *parts* under a plain-text *title* that unfolds them."""
    return f"<details><summary>{escape(title)}</summary>{''.join(parts)}</details>"


def paragraph(text: str, *, kind: str = "") -> str:
    """Return plain *text* as a paragraph of a *kind* that `STYLE` knows."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def links(*targets: tuple[str, str]) -> str:
    """Return a line of links: (address, plain text)."""
    listed = "".join(f'<a href="{escape(href)}">{escape(text)}</a>' for href, text in targets)
    return f"<nav>{listed}</nav>"
