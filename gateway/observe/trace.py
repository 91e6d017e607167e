"""W3C Trace Context, level 1: whose trace a request belongs to. Pure functions; no span is kept here."""

import re
from collections.abc import Callable
from dataclasses import dataclass

RandomBytes = Callable[[int], bytes]
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_LONGEST = 256
_HEX = 2 * (16 + 8)  # digits of a trace id and a span id
_DRAW = 24 * 256  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One hop of a trace: lower-case hex ids of 16 and 8 bytes, and whether the caller records it."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def header(self) -> str:
        """The `traceparent` that says so to the next hop (section 3.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def parse(header: str) -> Trace | None:
    """Return what a `traceparent` says, or None where it does not hold (sections 3.2.2 and 4.3).

    A later version than ours is read as ours; version `ff` and ids of zeros are invalid.
    """
    found = _FORM.fullmatch(header) if len(header) <= _LONGEST else None
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    if not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return Trace(trace_id=trace_id, span_id=span_id, sampled=bool(int(flags, 16) & 1))


class NewTraces:
    """Begins traces, sampled: an app whose sampler follows its parent goes on recording.

    Ids are unique, not secret: randomness is drawn for many at once, since each draw is a system call.
    """

    def __init__(self, random: RandomBytes) -> None:
        self._random = random
        self._drawn: list[str] = []

    def __call__(self) -> str:
        """Return a new `traceparent`."""
        while not self._drawn:
            self._drawn = self._draw()
        return self._drawn.pop()

    def _draw(self) -> list[str]:
        digits = self._random(_DRAW).hex()
        ids = [
            (digits[place : place + 32], digits[place + 32 : place + _HEX])
            for place in range(0, len(digits), _HEX)
        ]
        # All zeros mean that there is none (section 3.2.2).
        return [f"00-{trace}-{span}-01" for trace, span in ids if trace.strip("0") and span.strip("0")]
