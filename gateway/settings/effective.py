"""The configuration in force, key by key: as it was written, or the default, and secrets masked."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.settings.notation import KeyPath
from gateway.settings.references import Hidden, source
from gateway.settings.shape import Model, marks_of, model_in
from gateway.settings.table import Table

MASK = "********"
Skip = Callable[[KeyPath, BaseModel, object], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key in force. `given` is false for a default; `secret` tells where a secret comes from."""

    path: KeyPath
    value: object
    given: bool
    secret: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What the type of a table says of one key, the same for all tables of that type."""

    name: str
    field: FieldInfo
    marks: tuple[Hidden, ...]
    leads_to_secrets: bool


def entries(model: BaseModel, raw: object, *, skip: Skip | None = None) -> Iterator[Entry]:
    """Yield every key of *model* as *raw* writes it, else its default; never a secret's value.

    *skip* is asked of each table inside, by its path, what it says and how it is written.
    """
    return _walk(model, raw, (), keys=_keys, skip=skip)


def secrets(model: BaseModel, raw: object) -> Iterator[Entry]:
    """Yield the secrets among `entries`, looking nowhere else."""
    return (entry for entry in _walk(model, raw, (), keys=_secret_keys, skip=None) if entry.secret)


def secret_values(model: BaseModel, around: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Yield every key that may be a secret, and what it is."""
    for key in _secret_keys(type(model)):
        path, value = (*around, key.name), getattr(model, key.name)
        if key.marks:
            yield path, value
        for place, table, _ in _tables(value, None, path):
            yield from secret_values(table, place)


def _walk(
    model: BaseModel,
    raw: object,
    around: KeyPath,
    *,
    keys: Callable[[Model], tuple[_Key, ...]],
    skip: Skip | None,
) -> Iterator[Entry]:
    written = raw if isinstance(raw, Mapping) else {}
    idle = model.idle_keys() if isinstance(model, Table) else frozenset()
    for key in keys(type(model)):
        if key.name in idle:
            continue
        path, given = (*around, key.name), written.get(key.name)
        value = getattr(model, key.name)
        if any(mark.hides(given) for mark in key.marks):
            yield from _hidden(path, given)
        elif tables := _tables(value, given, path):
            for place, table, told in tables:
                if skip is None or not skip(place, table, told):
                    yield from _walk(table, told, place, keys=keys, skip=skip)
        elif key.name in written:
            yield Entry(path=path, value=given, given=True)
        elif _worth_telling(path, key.field.default):
            default = value if key.field.default_factory is not None else key.field.default
            yield Entry(path=path, value=default, given=False)


@cache
def _keys(model: Model) -> tuple[_Key, ...]:
    return tuple(
        _Key(name=name, field=field, marks=marks_of(field), leads_to_secrets=_leads_to_secrets(field))
        for name, field in model.model_fields.items()
    )


@cache
def _secret_keys(model: Model) -> tuple[_Key, ...]:
    return tuple(key for key in _keys(model) if key.leads_to_secrets)


def _leads_to_secrets(field: FieldInfo) -> bool:
    inner = model_in(field.annotation)
    return bool(marks_of(field)) or (inner is not None and bool(_secret_keys(inner)))


def _worth_telling(path: KeyPath, default: object) -> bool:
    """An unset key is nothing to tell, nor is an empty rule of one route among many."""
    if default is None:
        return False
    return default not in ((), {}) or not any(isinstance(part, int) for part in path)


def _hidden(path: KeyPath, raw: object) -> Iterator[Entry]:
    """Yield where each secret comes from; one that is not set is nothing to tell."""
    if isinstance(raw, list):
        for index, each in enumerate(raw):
            yield Entry(path=(*path, index), value=MASK, given=True, secret=source(each))
    elif raw is not None:
        yield Entry(path=path, value=MASK, given=True, secret=source(raw))


def _tables(value: object, raw: object, path: KeyPath) -> list[tuple[KeyPath, BaseModel, object]]:
    """Return the tables that *value* is, lists or maps, each with its path and how it is written."""
    if isinstance(value, BaseModel):
        return [(path, value, raw)]
    pairs: list[tuple[str | int, object]] = []
    if isinstance(value, tuple):
        pairs = list(enumerate(value))
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    return [((*path, key), each, _item(raw, key)) for key, each in pairs if isinstance(each, BaseModel)]


def _item(raw: object, key: str | int) -> object:
    if isinstance(key, int):
        # One table may stand where a list of them may.
        return raw[key] if isinstance(raw, list) else raw
    return raw.get(key) if isinstance(raw, Mapping) else None
