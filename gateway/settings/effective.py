"""The configuration in force, key by key: as it was written, or the default, and secrets masked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway.settings.notation import KeyPath
from gateway.settings.references import source
from gateway.settings.shape import hides
from gateway.settings.table import Table

MASK = "********"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key in force. `given` is false for a default; `secret` tells where a secret comes from."""

    path: KeyPath
    value: object
    given: bool
    secret: str = ""


def entries(model: BaseModel, raw: object, around: KeyPath = ()) -> Iterator[Entry]:
    """Yield every key of *model* as *raw* writes it, else its default; never a secret's value."""
    written = raw if isinstance(raw, Mapping) else {}
    idle = model.idle_keys() if isinstance(model, Table) else frozenset()
    for name, field in type(model).model_fields.items():
        if name in idle:
            continue
        path = (*around, name)
        value = getattr(model, name)
        if hides(field, written.get(name)):
            yield from _hidden(path, written.get(name))
        elif isinstance(value, BaseModel):
            yield from entries(value, written.get(name, {}), path)
        elif tables := _tables(value):
            for key, table in tables:
                yield from entries(table, _item(written.get(name), key), (*path, key))
        elif name in written or _worth_telling(path, field.default):
            yield _plain(path, name, field, value, written)


def _worth_telling(path: KeyPath, default: object) -> bool:
    """An unset key is nothing to tell, nor is an empty rule of one route among many."""
    if default is None or default in ((), {}):
        return default is not None and not any(isinstance(part, int) for part in path)
    return True


def _plain(path: KeyPath, name: str, field: FieldInfo, value: object, written: Mapping[str, object]) -> Entry:
    if name in written:
        return Entry(path=path, value=written[name], given=True)
    default = value if field.default_factory is not None else field.default
    return Entry(path=path, value=default, given=False)


def _hidden(path: KeyPath, raw: object) -> Iterator[Entry]:
    """Yield where each secret comes from; one that is not set is nothing to tell."""
    if isinstance(raw, list):
        for index, each in enumerate(raw):
            yield Entry(path=(*path, index), value=MASK, given=True, secret=source(each))
    elif raw is not None:
        yield Entry(path=path, value=MASK, given=True, secret=source(raw))


def _tables(value: object) -> list[tuple[str | int, BaseModel]]:
    pairs: list[tuple[str | int, object]] = []
    if isinstance(value, tuple):
        pairs = list(enumerate(value))
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    return [(key, each) for key, each in pairs if isinstance(each, BaseModel)]


def _item(raw: object, key: str | int) -> object:
    if isinstance(key, int):
        # One table may stand where a list of them may.
        return raw[key] if isinstance(raw, list) else raw
    return raw.get(key) if isinstance(raw, Mapping) else None
