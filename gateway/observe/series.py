"""What is counted by route, in the text format of Prometheus 0.0.4, a piece at a time.

Ten thousand routes make a third of a million lines: whoever writes them on an event loop lets it go on
between two pieces, of which each takes well under a millisecond.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

_PIECE = 50  # routes, or series of which each is one line

Row = tuple[tuple[str, ...], int]
Times = tuple[str, Sequence[int], float]


def values(name: str, kind: str, told: str, labels: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield a counter or gauge (*kind*) with one series for each of *rows*: its labels' values, its own."""
    yield _head(name, kind, told)
    lines = []
    for told_of, value in rows:
        pairs = sorted(zip(labels, told_of, strict=True))
        lines.append(f"{name}{{{','.join(_pair(*pair) for pair in pairs)}}} {float(value)!r}\n")
        if len(lines) >= _PIECE:
            yield _piece(lines)
    yield _piece(lines)


def histograms(name: str, told: str, bounds: Sequence[float], rows: Iterable[Times]) -> Iterator[bytes]:
    """Yield a histogram with one route for each of *rows*: its name, its counts by bucket, and their sum.

    The last count is of what is above all *bounds*.
    """
    yield _head(name, "histogram", told)
    openings = [f'{name}_bucket{{le="{bound}",' for bound in (*bounds, "+Inf")]
    lines: list[str] = []
    for number, (route, counts, total) in enumerate(rows, start=1):
        ending = f"{_pair('route', route)}}}"
        added = list(accumulate(counts))
        lines += [f"{opening}{ending} {count}.0\n" for opening, count in zip(openings, added, strict=True)]
        lines += (f"{name}_count{{{ending} {added[-1]}.0\n", f"{name}_sum{{{ending} {total!r}\n")
        if number % _PIECE == 0:
            yield _piece(lines)
    yield _piece(lines)


def _head(name: str, kind: str, told: str) -> bytes:
    return f"# HELP {name} {told}\n# TYPE {name} {kind}\n".encode()


def _pair(label: str, value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        value = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'{label}="{value}"'


def _piece(lines: list[str]) -> bytes:
    """Return what *lines* hold, and leave none."""
    piece = "".join(lines).encode()
    lines.clear()
    return piece
