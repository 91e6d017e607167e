"""A configuration file: its values, and in which line each stands."""

import re
import tomllib
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import Fault, SettingsUnreadable
from gateway.settings.locate import Lines, locate
from gateway.settings.notation import KeyPath, render
from gateway.settings.refusal import Finding

LARGEST = 1024 * 1024
_PLACE = re.compile(r" \(at (?:line (?P<line>[0-9]+), column [0-9]+|end of document)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file says. Without a file: no values, and every key's line is 0."""

    name: str = ""
    directory: Path = Path()
    values: dict[str, object] = field(default_factory=dict)
    lines: Lines = field(default_factory=lambda: Lines(""))

    def origin(self, path: KeyPath) -> str:
        """Return `file:line` of a key that the file sets."""
        return f"{self.name}:{self.lines.of(path)}"

    def fault(self, finding: Finding) -> Fault:
        """Return *finding* with the place where its author can mend it: a default is written nowhere, but
        what it contradicts is."""
        keys = () if finding.place else (finding.path, *finding.because)
        line = next(filter(None, map(self.lines.of, keys)), 0)
        return Fault(
            message=finding.message,
            key=render(finding.path),
            file=finding.place or self.name,
            line=line,
            suggestion=finding.suggestion,
        )


def read(path: Path | None, *, absent: str = "name another with --config FILE") -> Document:
    """Return the document at *path*; raise SettingsUnreadable where it is no TOML file (TOML 1.0).

    *absent* is what to do where there is no file.
    """
    if path is None:
        return Document()
    text = _text(path, absent)
    try:
        return Document(name=str(path), directory=path.parent, values=tomllib.loads(text), lines=locate(text))
    except RecursionError:
        raise _unreadable(path, "is nested too deeply") from None
    except ValueError as error:
        raise _not_toml(path, text, str(error)) from None


def _text(path: Path, absent: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise _unreadable(
            path, f"cannot be read: {error.strerror}", suggestion=_hint(error, absent)
        ) from None
    if len(content) > LARGEST:
        raise _unreadable(path, "is larger than 1 MiB, so it is no configuration")
    if content.startswith(BOM_UTF8):
        raise _unreadable(path, "begins with a byte order mark", suggestion="save it as UTF-8 without BOM")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, "is not UTF-8 text", line=line, suggestion="save it as UTF-8") from None


def _hint(error: OSError, absent: str) -> str:
    return absent if isinstance(error, FileNotFoundError) else ""


def _not_toml(path: Path, text: str, message: str) -> SettingsUnreadable:
    found = _PLACE.search(message)
    line = int(found["line"] or text.count("\n") + 1) if found else 0
    return _unreadable(path, f"is not TOML: {_PLACE.sub('', message)}", line=line)


def _unreadable(path: Path, message: str, *, line: int = 0, suggestion: str = "") -> SettingsUnreadable:
    return SettingsUnreadable([Fault(message=message, file=str(path), line=line, suggestion=suggestion)])
