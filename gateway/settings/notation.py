"""How keys and values are written: as the operator would write them in the file."""

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

KeyPath = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def render(path: KeyPath) -> str:
    """Return *path* as one line: `routes[2].access`, `identity.headers."X Y"`; items count from 0."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{quoted(part)}" if text else quoted(part)
    return text


def quoted(key: str) -> str:
    """Return *key* bare where TOML allows it, else as a basic string."""
    return key if _BARE.fullmatch(key) else _string(key)


def toml(value: object) -> str:
    """Return *value* as a TOML value on one line (TOML 1.0); anything that is no TOML as a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{quoted(str(key))} = {toml(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return _string(str(value))


def nearest(word: str, allowed: Iterable[str]) -> str | None:
    """Return the spelling among *allowed* that *word* was probably meant to be, or None."""
    by_folded = {each.lower().replace("-", "_"): each for each in allowed}
    folded = word[:200].lower().replace("-", "_")
    close = get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def one_of(allowed: Iterable[str]) -> str:
    """Return *allowed* as a list to read: `"a", "b" or "c"`."""
    words = [f'"{word}"' for word in allowed]
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "nothing"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
