"""What pydantic found wrong, said in our words and at our key paths."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.notation import KeyPath, nearest, one_of, toml
from gateway.settings.refusal import Absent, Finding, Refused
from gateway.settings.schema import Settings
from gateway.settings.shape import field_at, homes, is_hidden, is_list, is_map, model_at, model_in

_KEY_MARK = "[key]"  # how pydantic says that a map's key is wrong, not its value
_FOLLOWS = "default_factory_not_called"  # a default made of a value that is told by itself
_MUST = "must be "
# Long enough for a secret, and all that a private key is known by here.
_STAND_IN = f"{'x' * 64} PRIVATE KEY-----"
_SENTENCES = {
    "missing": "is required, and not set",
    "extra_forbidden": "unknown key",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "mapping_type": "must be a table",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}


_ON_TOP = frozenset(name for name, field in Settings.model_fields.items() if not model_in(field.annotation))
_BELONGS = "belongs to the top of the file, above the first [table]"
_SHAPES = ("tuple_type", "mapping_type", "dict_type", "model_type")


def findings(error: ValidationError, raw: Mapping[str, object]) -> Iterator[Finding]:
    """Yield one finding for each value that is wrong, never with the input in it."""
    told: dict[KeyPath, list[Finding]] = {}
    for details in error.errors(include_url=False):
        if details["type"] == _FOLLOWS:
            continue
        found = _told(details, as_written(details["loc"], raw))
        told.setdefault(found.path, []).append(found)
    for alternatives in told.values():
        yield from _in_one(alternatives)


def _in_one(found: Sequence[Finding]) -> Sequence[Finding]:
    """Say in one sentence what a value must be that may be of several kinds, and is of none."""
    if len(found) == 1 or not all(each.message.startswith(_MUST) for each in found):
        return found
    wanted = sorted({each.message.removeprefix(_MUST) for each in found})
    suggestion = next((each.suggestion for each in found if each.suggestion), "")
    return [replace(found[0], message=_MUST + " or ".join(wanted), suggestion=suggestion)]


def mended(raw: Mapping[str, object], broken: Sequence[Finding]) -> dict[str, object]:
    """Return a copy of *raw* without what is broken; what is then missing is filled by an example.

    It serves only to look for contradictions among the keys that are sound.
    """
    copy: dict[str, object] = _copy(raw)
    for finding in broken:
        _drop(copy, _whole(finding.path))
    _fill(copy, ())
    return copy


def _told(details: ErrorDetails, path: KeyPath) -> Finding:
    cause = details.get("ctx", {}).get("error")
    message, suggestion = _said(details, path)
    return Finding(path=path, message=message, suggestion=suggestion, absent=isinstance(cause, Absent))


def _said(details: ErrorDetails, path: KeyPath) -> tuple[str, str]:
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, Refused):
        return str(cause), cause.suggestion
    kind = details["type"]
    if kind == "extra_forbidden":
        return _SENTENCES[kind], _meant(path)
    if kind == "missing":
        return _SENTENCES[kind], _example(path)
    if kind == "literal_error":
        return _choice(details)
    if kind in _SHAPES:
        return _SENTENCES[kind], _shaped(path)
    return _SENTENCES.get(kind, details["msg"].replace("Input should be", "must be")), ""


def _choice(details: ErrorDetails) -> tuple[str, str]:
    allowed = details.get("ctx", {}).get("expected", "").replace(" or ", ", ").split(", ")
    words = [word.strip("'") for word in allowed]
    given = details["input"]
    meant = nearest(given, words) if isinstance(given, str) else None
    return f"must be {one_of(words)}", f'did you mean "{meant}"?' if meant else ""


def _shaped(path: KeyPath) -> str:
    """Return how a list or table at *path* is written."""
    field = field_at(path)
    if field is None:
        return ""
    if len(path) == 1 and model_in(field.annotation) is not None:
        name = f"{path[0]}.NAME" if is_map(field) else str(path[0])
        return f"write [[{name}]]" if is_list(field) else f"write [{name}]"
    if example := _example(path):
        return example
    return 'a list is written ["…", "…"]' if is_list(field) else ""


def _meant(path: KeyPath) -> str:
    *around, key = path
    model = model_at(tuple(around))
    known = list(model.model_fields) if model is not None else []
    astray = bool(around) and str(key) in _ON_TOP
    if close := nearest(str(key), known):
        return f"did you mean {close}?" + (f" {key} itself {_BELONGS}" if astray else "")
    if astray:
        return f"it {_BELONGS}"
    if home := next(homes(str(key)), None):
        return f"it belongs under {home}"
    return f"known here: {', '.join(known)}"


def _example(path: KeyPath) -> str:
    field = field_at(path)
    if field is None or not field.examples:
        return ""
    return f"for example {path[-1]} = {toml(field.examples[0])}"


def as_written(loc: tuple[int | str, ...], raw: object) -> KeyPath:
    """Leave out what pydantic adds to a key path and the document does not have: `[key]` at its end, or the
    number of the one table that stands where a list may."""
    path: list[int | str] = []
    for part in loc:
        if isinstance(part, int) and isinstance(raw, dict):
            continue
        if not isinstance(raw, dict if isinstance(part, str) else list):
            break
        if part == _KEY_MARK and part not in raw:
            break
        path.append(part)
        raw = _inside(raw, part)
    return tuple(path)


def _inside(raw: object, part: str | int) -> object:
    """Return what a table or list holds at *part*, else None."""
    if isinstance(raw, dict):
        return raw.get(part)
    if isinstance(raw, list) and isinstance(part, int) and part < len(raw):
        return raw[part]
    return None


def _whole(path: KeyPath) -> KeyPath:
    """Return the key that holds *path*: a value is dropped with all its items, or not at all."""
    while path and model_at(path) is None and model_at(path[:-1]) is None:
        path = path[:-1]
    return path


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return list(map(_copy, value)) if isinstance(value, list) else value


def _drop(raw: Any, path: KeyPath) -> None:
    for part in path[:-1]:
        raw = _inside(raw, part)
    if isinstance(raw, dict):
        raw.pop(path[-1], None)
    elif isinstance(raw, list) and isinstance(path[-1], int):
        raw[path[-1]] = {}  # a table keeps its place, so that the others keep their numbers


def _fill(raw: Any, path: KeyPath) -> None:
    """Give every table the keys that it requires and does not have."""
    model = model_at(path)
    fields = model.model_fields.items() if model is not None else ()
    for name, field in fields:
        if field.is_required() and name not in raw:
            raw[name] = _STAND_IN if is_hidden(field) else next(iter(field.examples or ()), "")
    children = enumerate(raw) if isinstance(raw, list) else raw.items() if isinstance(raw, dict) else ()
    for key, each in list(children):
        if isinstance(each, dict | list):
            _fill(each, (*path, key))
