"""What was made of bytes that may come again: bounded in bytes too, for callers choose how long they are."""

from typing import Generic, TypeVar

MOST = 4096
SIZE = 16 * 1024 * 1024

T = TypeVar("T")


class Recent(Generic[T]):
    """The last *most* things that were made of bytes, of *size* bytes altogether; the oldest make room."""

    def __init__(self, *, most: int = MOST, size: int = SIZE) -> None:
        self._most = most
        self._size = self._room = size
        self._kept: dict[bytes, T] = {}
        self.find = self._kept.get
        """Return what was made of exactly these bytes, or None."""

    def keep(self, made_of: bytes, made: T) -> None:
        """Remember what was *made*; what is made of too many bytes is not remembered."""
        if len(made_of) > self._size:
            return
        self._forget(made_of)
        while self._kept and (len(self._kept) >= self._most or len(made_of) > self._room):
            self._forget(next(iter(self._kept)))
        self._kept[made_of] = made
        self._room -= len(made_of)

    def _forget(self, made_of: bytes) -> None:
        if self._kept.pop(made_of, None) is not None:
            self._room += len(made_of)
