"""Personal access tokens: what a program of a user's shows in the place of the user.

`vst_`, 43 letters and digits that hold 256 random bits, and 6 that are their CRC-32: scanners for leaked
secrets find one by its look, and tell it from a mistyped one without asking anybody.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

PREFIX = "vst_"
PROVIDER = "bearer:personal"
"""The provider of whoever calls with a personal token: no configured one is called so."""

EVERYWHERE = "*"
"""Stands in `routes` for every route that takes personal tokens."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LOOK = re.compile(r"vst_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalToken:
    """A token as it is told to people; it cannot be told from this. Times are Unix seconds.

    `public_id` names it and opens nothing. `routes` are the names of those that it is for. `used_at` lags
    by up to a minute, and is None until the first use.
    """

    public_id: str
    user_id: str
    name: str
    routes: tuple[str, ...]
    created_at: int
    expires_at: int
    used_at: int | None = None

    def opens(self, route: str) -> bool:
        """Say whether the token is for the route of that name."""
        return route in self.routes or EVERYWHERE in self.routes


def minted(randomness: Callable[[int], bytes]) -> str:
    """Return a new token; *randomness* gives so many random bytes."""
    body = _spelled(int.from_bytes(randomness(32), "big"), 43)
    return PREFIX + body + _checksum(body)


def looks_right(raw: str) -> bool:
    """Say whether *raw* is spelled like a token, its checksum included."""
    parts = _LOOK.fullmatch(raw)
    return parts is not None and _checksum(parts[1]) == parts[2]


def _checksum(body: str) -> str:
    return _spelled(zlib.crc32(body.encode("ascii")), 6)


def _spelled(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
