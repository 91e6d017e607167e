"""Paths to claims: a name, or names joined by dots that lead from one object into the next.

Law: a claim of exactly the path's name is meant first. A name with a dot in it that stands inside
another is written in double quotes, as a dotted key is in TOML: `resource_access."wiki.app".roles`.
"""

import re
from collections.abc import Mapping, Sequence

_STEP = re.compile(r'"([^"]+)"|([^".]+)')


def steps(path: str) -> tuple[str, ...]:
    """Return the names along *path*. Raises ValueError where it has an empty or half-quoted one."""
    names: list[str] = []
    place = 0
    while True:
        found = _STEP.match(path, place)
        if found is None:
            raise ValueError("a step of the path is empty, or its quotes do not match")
        names.append(found[1] or found[2])
        place = found.end()
        if place == len(path):
            return tuple(names)
        if path[place] != ".":
            raise ValueError("a dot is missing between two steps of the path")
        place += 1


def written(names: Sequence[str]) -> str:
    """Return the path along *names*, which hold no double quote."""
    return ".".join(f'"{name}"' if "." in name else name for name in names)


def find(claims: Mapping[str, object], path: str) -> object:
    """Return the claim called *path*, else what *path* leads to, else None; never looks into lists."""
    if path in claims:
        return claims[path]
    found: object = claims
    for name in steps(path):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found
