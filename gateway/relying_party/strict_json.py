"""The one JSON reader for what comes from outside.

Law: what two parsers could read differently is refused (RFC 8259 4, 6, 8): duplicate members, NaN
and infinities, integers beyond 64 bits, lone surrogates, a byte order mark. Size, depth and number
of elements are bounded.
"""

import json
from collections.abc import Iterator
from math import isfinite
from typing import NoReturn

DEEPEST = 32  # objects and arrays inside one another
MOST_ELEMENTS = 65_536
_LARGEST_INTEGER = 2**63


class JsonRefused(ValueError):
    """The text is not JSON that everybody reads alike. The message never quotes it."""


def read(raw: bytes, *, limit: int) -> object:
    """Return the value that *raw* (UTF-8, at most *limit* bytes) stands for. Raises JsonRefused."""
    if len(raw) > limit:
        raise JsonRefused("too large")
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_ELEMENTS:
        raise JsonRefused("too many elements")
    try:
        value: object = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except RecursionError:
        raise JsonRefused("too deep") from None
    except JsonRefused:
        raise
    except ValueError:
        raise JsonRefused("not JSON") from None
    _inspect(value)
    return value


def read_object(raw: bytes, *, limit: int) -> dict[str, object]:
    """Return the object that *raw* stands for; anything else at the top is refused."""
    value = read(raw, limit=limit)
    if not isinstance(value, dict):
        raise JsonRefused("not an object")
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonRefused("a member occurs twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -_LARGEST_INTEGER <= (number := int(digits)) < _LARGEST_INTEGER:
        raise JsonRefused("an integer beyond 64 bits")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise JsonRefused("a number beyond double precision")
    return number


def _constant(_: str) -> NoReturn:
    raise JsonRefused("NaN or an infinity")


def _inspect(value: object) -> None:
    """Hold depth and text of a parsed *value*, level by level, without recursion."""
    level, depth = [value], 0
    while level:
        if depth >= DEEPEST and any(isinstance(part, dict | list) for part in level):
            raise JsonRefused("too deep")
        if not all(_is_text(part) for part in level if isinstance(part, str)):
            raise JsonRefused("a lone surrogate")
        level = [child for parent in level for child in _children(parent)]
        depth += 1


def _children(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _is_text(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
