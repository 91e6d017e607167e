"""Cookies that were opened before, so that a warm one costs a dictionary look-up."""

from dataclasses import dataclass

from gateway.model.session import Session
from gateway.sessions.strategy import Loaded

MOST = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session whose seal and claims hold, with both answers about it made beforehand.

    Which of them is true, if either, depends on the moment: times are checked at each use.
    """

    session: Session
    pieces: int
    trusted: Loaded
    due: Loaded
    trusted_from: float
    trusted_until: float


class OpenedCookies:
    """The last *most* cookies that opened, by their exact value; nothing that did not open enters."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._opened: dict[bytes, Opened] = {}
        self._lines: dict[bytes, Opened] = {}
        self.in_line = self._lines.get
        """Return what a whole `Cookie` line was found to hold before, and nothing else of ours, or None."""

    def keep_line(self, line: bytes, opened: Opened) -> None:
        """Remember that *line* holds exactly one cookie of ours, which opened."""
        if len(self._lines) >= self._most:
            del self._lines[next(iter(self._lines))]
        self._lines[line] = opened

    def find(self, value: bytes) -> Opened | None:
        return self._opened.get(value)

    def keep(self, value: bytes, session: Session, *, pieces: int, trusted: tuple[float, float]) -> Opened:
        """Remember, and return, what *value* opened to, *trusted* from when until when; the oldest makes
        room."""
        if len(self._opened) >= self._most:
            del self._opened[next(iter(self._opened))]
        opened = Opened(
            session=session,
            pieces=pieces,
            trusted=Loaded(session=session, presented=True),
            due=Loaded(session=session, due=True, presented=True),
            trusted_from=trusted[0],
            trusted_until=trusted[1],
        )
        self._opened[value] = opened
        return opened
