"""The shape of the schema: which keys are tables, lists of tables, values, or secrets."""

from collections.abc import Iterator, Mapping
from typing import get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.settings.notation import KeyPath
from gateway.settings.providers import Needed
from gateway.settings.references import Hidden
from gateway.settings.schema import Settings

Model = type[BaseModel]


def model_in(annotation: object) -> Model | None:
    """Return the table type that *annotation* is, lists or maps, or None for plain values."""
    if isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, BaseModel):
        return annotation
    found = map(model_in, get_args(annotation))
    return next(filter(None, found), None)


def is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple


def is_map(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Mapping


def is_table(field: FieldInfo) -> bool:
    """Say whether *field* is one table, whose keys can be set singly."""
    return model_in(field.annotation) is not None and not is_list(field) and not is_map(field)


def marks_of(field: FieldInfo) -> tuple[Hidden, ...]:
    """Return what says that *field* is to be kept from sight, each of which may look at what is written."""
    return tuple(mark for mark in field.metadata if isinstance(mark, Hidden))


def is_hidden(field: FieldInfo) -> bool:
    """Say whether the value of *field* may be one to keep from sight."""
    return bool(marks_of(field))


def is_usual_secret(field: FieldInfo) -> bool:
    """Say whether *field* is a secret that a whole configuration has."""
    return any(mark.usual for mark in marks_of(field))


def is_needed(field: FieldInfo) -> bool:
    """Say whether a table of its usual kind has to have *field*."""
    return field.is_required() or any(isinstance(mark, Needed) for mark in field.metadata)


def is_text(field: FieldInfo) -> bool:
    """Say whether an environment variable's text is the value itself, never read as TOML."""
    return field.annotation is str or is_hidden(field)


def field_at(path: KeyPath) -> FieldInfo | None:
    """Return the schema's field that holds *path*'s last key, or None where there is none."""
    *around, last = path
    model = model_at(tuple(around))
    return model.model_fields.get(str(last)) if model is not None else None


def model_at(path: KeyPath) -> Model | None:
    """Return the table type at *path*, or None where the schema has no table there."""
    model: Model | None = Settings
    inside = single = False  # within a list or map, whose next part is an index or a name, not a key
    for part in path:
        if inside and not (single and isinstance(part, str)):  # one table may stand where a list may
            inside = False
            continue
        field = model.model_fields.get(str(part)) if model is not None else None
        if field is None:
            return None
        model = model_in(field.annotation)
        single = is_list(field)
        inside = single or is_map(field)
    return None if inside else model


def settable(model: Model = Settings, around: KeyPath = ()) -> Iterator[tuple[KeyPath, FieldInfo]]:
    """Yield every key that can be set from outside the file: those of plain tables, not of lists."""
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        if inner is None:
            yield (*around, name), field
        elif is_table(field):
            yield from settable(inner, (*around, name))


def homes(key: str, model: Model = Settings, around: str = "") -> Iterator[str]:
    """Yield the tables that know *key*, as they are written in the file."""
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        if inner is None or (around and name in ("deny", "identity")):
            continue  # they repeat keys of the tables around them
        dotted = f"{around}.{name}" if around else name
        if key in inner.model_fields:
            yield f"[[{dotted}]]" if is_list(field) else f"[{dotted}{'.NAME' if is_map(field) else ''}]"
        yield from homes(key, inner, dotted)
