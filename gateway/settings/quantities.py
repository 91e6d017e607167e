"""Durations and sizes: `"10m"`, `"64KiB"`, `"off"`, or a whole number."""

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, WithJsonSchema

from gateway.settings.refusal import Refused

Quantity = TypeVar("Quantity", int, float)

_DURATION = re.compile(
    r"(?:(?P<d>[0-9]{1,9})d)?(?:(?P<h>[0-9]{1,9})h)?(?:(?P<m>[0-9]{1,9})m)?"
    r"(?:(?P<s>[0-9]{1,9})s)?(?:(?P<ms>[0-9]{1,9})ms)?"
)
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_SIZE = re.compile(r"(?P<count>[0-9]{1,15})(?P<unit>B|KiB|MiB|GiB|TiB)")
_BYTES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_LONGEST = 10 * 366 * 86_400
_LARGEST = 2**62
_MOST = 10**9
_DURATION_FORM = 'write a duration such as "250ms", "10m", "1h30m" or "30d", or whole seconds'
_SIZE_FORM = 'write a size such as "64KiB", "10MiB" or "1GiB", or whole bytes'


def duration(value: object) -> float:
    """Return seconds, above zero and at most ten years; raise Refused."""
    seconds = _seconds(value)
    if seconds is None:
        raise Refused("is not a duration", _DURATION_FORM)
    if not 0 < seconds <= _LONGEST:
        raise Refused("must be longer than zero and at most ten years", _DURATION_FORM)
    return seconds


def duration_or_off(value: object) -> float | None:
    """Return seconds, or None for `"off"`; raise Refused."""
    return None if value in ("off", None) else _or_off(duration, value)


def lifetime(value: object) -> float:
    """Return whole seconds, at least one: sessions are timed in seconds (RFC 7519 2); raise Refused."""
    seconds = duration(value)
    if not seconds.is_integer():
        raise Refused("must be whole seconds", 'for example "1s", "10m" or "30d"')
    return seconds


def lifetime_or_off(value: object) -> float | None:
    """Return whole seconds, or None for `"off"`; raise Refused."""
    return None if value in ("off", None) else _or_off(lifetime, value)


def size(value: object) -> int:
    """Return bytes, zero or more; raise Refused."""
    count = _count(value)
    if count is None or not 0 <= count <= _LARGEST:
        raise Refused("is not a size", _SIZE_FORM)
    return count


def size_or_off(value: object) -> int | None:
    """Return bytes, or None for `"off"`; raise Refused."""
    return None if value in ("off", None) else _or_off(size, value)


def count_or_off(value: object) -> int | None:
    """Return a number, one or more, or None for `"off"`; raise Refused."""
    if value in ("off", None):
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST:
        raise Refused("is not a number above zero", 'write a whole number, or "off"')
    return value


def _or_off(read: Callable[[object], Quantity], value: object) -> Quantity:
    """Return what *read* makes of *value*; where it refuses, "off" is told too."""
    try:
        return read(value)
    except Refused as refusal:
        raise Refused(str(refusal), f'{refusal.suggestion}, or "off"') from None


def _seconds(value: object) -> float | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return float(min(value, _LONGEST + 1))
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found or not value:
        return None
    return sum(int(count) * _SECONDS[unit] for unit, count in found.groupdict().items() if count)


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    return int(found["count"]) * _BYTES[found["unit"]] if found else None


def _form(pattern: str, *words: str) -> WithJsonSchema:
    branches: list[dict[str, object]] = [
        {"type": "string", "pattern": pattern},
        {"type": "integer", "minimum": 0},
    ]
    return WithJsonSchema({"anyOf": branches + [{"const": word} for word in words]})


def _count_form() -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "off"}]})


_TIME = r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"
_SPACE = r"^[0-9]+(B|KiB|MiB|GiB|TiB)$"

Duration = Annotated[float, BeforeValidator(duration), _form(_TIME)]
DurationOrOff = Annotated[float | None, BeforeValidator(duration_or_off), _form(_TIME, "off")]
Lifetime = Annotated[float, BeforeValidator(lifetime), _form(_TIME)]
LifetimeOrOff = Annotated[float | None, BeforeValidator(lifetime_or_off), _form(_TIME, "off")]
CountOrOff = Annotated[int | None, BeforeValidator(count_or_off), _count_form()]
SizeOrOff = Annotated[int | None, BeforeValidator(size_or_off), _form(_SPACE, "off")]
