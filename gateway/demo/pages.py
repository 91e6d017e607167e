"""The look of the demo: one plain page, light and dark, everything that varies escaped."""

from collections.abc import Iterable
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5c6570; --line: #d9dee4; --paper: #ffffff;
  --wall: #f4f6f8; --accent: #2257c4; --good: #1a7f4b; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebef; --dim: #9aa4af; --line: #333a42;
  --paper: #1c2127; --wall: #12161a; --accent: #8ab4ff; --good: #6fd39b; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wall); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 46rem; margin: 8vh auto; padding: 2.25rem 2.5rem; background: var(--paper);
  border: 1px solid var(--line); border-radius: 14px; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1rem; }
p { margin: .5rem 0; } .dim { color: var(--dim); } .good { color: var(--good); } .bad { color: var(--bad); }
a { color: var(--accent); } nav { margin-top: 2rem; display: flex; flex-wrap: wrap; gap: 1.25rem; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { padding: .5rem .5rem .5rem 0; border-top: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; font-weight: normal; }
td div { max-height: 4.8em; overflow-y: auto; }
th { width: 13rem; color: var(--dim); } code, td { font-family: ui-monospace, monospace; font-size: .875rem; }
button { font: inherit; padding: .65rem 1.25rem; margin: .75rem .75rem 0 0; color: #ffffff;
  background: #2257c4; border: 0; border-radius: 8px; cursor: pointer; } button:hover { background: #1a459e; }
button.plain { color: inherit; background: none; border: 1px solid var(--line); }
.warning { padding: .75rem 1rem; border: 1px solid var(--bad); border-radius: 8px; color: var(--bad); }
@media (max-width: 36rem) { main { margin: 0; border: 0; border-radius: 0; min-height: 100vh;
  padding: 1.5rem; } th { width: 8.5rem; } }
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
    """Return a table of plain-text names and values."""
    body = "".join(
        f"<tr><th>{escape(name)}</th><td><div>{escape(value)}</div></td></tr>" for name, value in rows
    )
    return f"<table>{body}</table>"


def paragraph(text: str, *, kind: str = "") -> str:
    """Return plain *text* as a paragraph of a *kind* that `STYLE` knows."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def links(*targets: tuple[str, str]) -> str:
    """Return a line of links: (address, plain text)."""
    listed = "".join(f'<a href="{escape(href)}">{escape(text)}</a>' for href, text in targets)
    return f"<nav>{listed}</nav>"
