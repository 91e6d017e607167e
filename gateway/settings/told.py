"""Every key in force, and where its value came from; worked out for whoever asks, since a start does not."""

from collections.abc import Mapping
from functools import cached_property

from pydantic import BaseModel

from gateway.settings.document import Document
from gateway.settings.effective import Entry, entries
from gateway.settings.notation import KeyPath, render


class Told:
    """What `gateway check` and a reload tell of a configuration: *settings* as *raw* writes them.

    *above* names what stands above the file (a variable, a flag) or below it (a preset), by the keys it sets.
    """

    def __init__(
        self,
        settings: BaseModel,
        raw: Mapping[str, object],
        *,
        document: Document,
        above: Mapping[KeyPath, str],
    ) -> None:
        self._settings = settings
        self._raw = raw
        self._document = document
        self._above = above

    @cached_property
    def written(self) -> Mapping[str, object]:
        """Each value as it was written, by key path; secrets masked."""
        return {key: entry.value for key, entry in self._rows.items()}

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """`default`, `file:line`, `environment NAME`, `flag` or `preset NAME`, by key path."""
        return {key: self._origin(entry) for key, entry in self._rows.items()}

    def unlike(self, other: "Told") -> Mapping[str, object]:
        """Return what of `written` stands where *other* says something else, or in a table around that."""

        def same(path: KeyPath, table: BaseModel, told: object) -> bool:
            return told == _at(other._raw, path) and table == _at(other._settings, path)

        found = entries(self._settings, self._raw, skip=same)
        return {render(entry.path): entry.value for entry in found}

    @cached_property
    def _rows(self) -> Mapping[str, Entry]:
        return {render(entry.path): entry for entry in entries(self._settings, self._raw)}

    def _origin(self, entry: Entry) -> str:
        if entry.path in self._above:
            return self._above[entry.path]
        return self._document.origin(entry.path) if entry.given else "default"


def _at(value: object, path: KeyPath) -> object:
    """Return what a table or list holds at *path*, None where there is nothing."""
    for part in path:
        if isinstance(value, BaseModel):
            value = getattr(value, str(part))
        elif isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list | tuple) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        else:
            # One table may stand where a list of them may.
            return value if isinstance(part, int) else None
    return value
