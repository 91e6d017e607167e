"""Where a page of a long list begins: after one of its entries, by what the list is ordered by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The entry with which a page ended, in a list from new to old: its Unix second, and its id, by which
    those of the same second are ordered."""

    moment: int
    id: str
