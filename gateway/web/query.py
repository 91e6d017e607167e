"""Names and values from a query string or a form (application/x-www-form-urlencoded), strictly.

Law: refuse, never repair. A broken percent sign, bytes that are not UTF-8, or a field that counts
and comes twice are an error of the client, told as 400.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gateway.errors import RequestRejected

MOST_FIELDS = 64
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Fields:
    """Decoded names and values, in the order in which they came."""

    pairs: tuple[tuple[str, str], ...] = ()

    def one(self, name: str) -> str | None:
        """Return the value of *name*, None where it is absent. Raises RequestRejected if repeated."""
        found = [value for key, value in self.pairs if key == name]
        if len(found) > 1:
            raise RequestRejected(f"{name} given twice")
        return found[0] if found else None


def parse_fields(raw: bytes | None) -> Fields:
    """Return the fields of *raw* (None: there is no query). Raises RequestRejected."""
    if not raw:
        return Fields()
    if _BROKEN.search(raw):
        raise RequestRejected("broken percent sign")
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as fault:  # UnicodeDecodeError is one; so is too many fields
        raise RequestRejected("fields that cannot be read") from fault
    return Fields(tuple(pairs))
