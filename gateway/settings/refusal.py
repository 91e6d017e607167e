"""What is wrong with a value, before anybody knows in which file and line it stands."""

from dataclasses import dataclass

from gateway.settings.notation import KeyPath


class Refused(ValueError):
    """A value that may not stand. Neither the sentence nor *suggestion* repeats a secret."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion


class Absent(Refused):
    """A reference that is sound, to what cannot be had here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong at *path*.

    `because` names the other keys it was concluded from: where one of them is itself broken, the
    conclusion is dropped. `place` is set where the thing stands outside the file. `absent` says that
    nothing is wrong but that what the value refers to cannot be had here.
    """

    path: KeyPath
    message: str
    suggestion: str = ""
    because: tuple[KeyPath, ...] = ()
    place: str = ""
    absent: bool = False


def related(one: KeyPath, other: KeyPath) -> bool:
    """Say whether one of two key paths holds the other, or is it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
