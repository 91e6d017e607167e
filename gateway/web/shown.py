"""What others wrote, fit for a page: bounded, and unable to turn round what stands beside it.

Templates escape it; this is about what no markup is needed for: ten thousand letters, line ends, and the
controls by which text runs backwards (Unicode TR 36 2.3). The joiners of Persian and of emoji stay.
"""

LONGEST = 120
_JOINERS = frozenset("\u200c\u200d")


def shown(text: str, *, longest: int = LONGEST) -> str:
    """Return at most *longest* characters of *text* and a sign that more was there, controls spelled out."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(
        c if c.isprintable() or c in _JOINERS else c.encode("unicode_escape").decode("ascii") for c in cut
    )
