"""In which line of a TOML document each key stands, since tomllib does not tell.

Law: the document has already been accepted by tomllib. Nothing is validated here and no value is
interpreted, so what the gateway obeys is always what tomllib read.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property

from gateway.settings.notation import KeyPath

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?"""(?:"{0,2})'
    r"|'''[\s\S]*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


class Lines:
    """The line, from 1, of every key, table and array item of one document; looked for when first asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, path: KeyPath) -> int:
        """Return the line of *path*, else of the nearest table around it, else 0."""
        while path:
            if line := self._lines.get(path):
                return line
            path = path[:-1]
        return 0

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._lines)

    @cached_property
    def _lines(self) -> dict[KeyPath, int]:
        scan = _Scan(self._text.replace("\r\n", "\n"))
        with suppress(RecursionError):  # tomllib had a few frames more; what stands before is told
            scan.document()
        return scan.lines


def locate(text: str) -> Lines:
    """Return where the keys of a valid TOML document stand; a table defined in pieces is at the first.

    A start without a fault never asks, and does not wait for it.
    """
    return Lines(text)


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._items: dict[KeyPath, int] = {}
        self.lines: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._next("[["):
                table = self._item(self._header("]]"))
            elif self._next("["):
                table = self._table(self._header("]"))
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self, closing: str) -> list[tuple[str, int]]:
        keys = self._dotted()
        self._next(closing)
        return keys

    def _table(self, keys: list[tuple[str, int]]) -> KeyPath:
        """Note a `[table]`; a part that names an array of tables means its last item."""
        path: KeyPath = ()
        for key, line in keys:
            path = (*path, key)
            self._note(path, line)
            if path in self._items:
                path = (*path, self._items[path] - 1)
        return path

    def _item(self, keys: list[tuple[str, int]]) -> KeyPath:
        """Note a new item of a `[[table]]`."""
        key, line = keys[-1]
        path = (*self._table(keys[:-1]), key)
        self._note(path, line)
        index = self._items.get(path, 0)
        self._items[path] = index + 1
        self._note((*path, index), line)
        return (*path, index)

    def _pair(self, table: KeyPath) -> None:
        path = table
        for key, line in self._dotted():
            path = (*path, key)
            self._note(path, line)
        self._take("=")
        self._skip(_SPACE)
        self._value(path)

    def _dotted(self) -> list[tuple[str, int]]:
        keys = []
        while True:
            self._skip(_SPACE)
            line = self._line()
            keys.append((_unquoted(self._match(_KEY)), line))
            self._skip(_SPACE)
            if not self._next("."):
                return keys

    def _value(self, path: KeyPath) -> None:
        if self._next("["):
            self._array(path)
        elif self._next("{"):
            self._inline(path)
        elif self._text[self._at] in "\"'":
            self._match(_STRING)
        else:
            self._match(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        index = 0
        self._skip(_BLANK)
        while not self._next("]"):
            self._note((*path, index), self._line())
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            self._next(",")
            self._skip(_BLANK)

    def _inline(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        while not self._next("}"):
            self._pair(path)
            self._skip(_BLANK)
            self._next(",")
            self._skip(_BLANK)

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"not TOML in line {self._line()}")
        self._at = found.end()
        return found.group()

    def _next(self, mark: str) -> bool:
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _take(self, mark: str) -> None:
        if not self._next(mark):
            raise ValueError(f"not TOML in line {self._line()}")


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    return str(tomllib.loads(f"k = {key}")["k"]) if key[0] == '"' else key
