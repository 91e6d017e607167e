"""Cookies that were opened before, so that a warm one costs a dictionary look-up."""

from dataclasses import dataclass

from gateway.model.session import Session
from gateway.sessions.recent import MOST, Recent
from gateway.sessions.strategy import Loaded


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
        self._opened: Recent[Opened] = Recent(most=most)
        self._lines: Recent[Opened] = Recent(most=most)
        self.find = self._opened.find
        self.in_line = self._lines.find
        """Return what a whole `Cookie` line was found to hold before, and nothing else of ours, or None."""
        self.keep_line = self._lines.keep
        """Remember that a line holds exactly one cookie of ours, which opened."""

    def keep(self, value: bytes, session: Session, *, pieces: int, trusted: tuple[float, float]) -> Opened:
        """Remember, and return, what *value* opened to, *trusted* from when until when."""
        opened = Opened(
            session=session,
            pieces=pieces,
            trusted=Loaded(session=session, presented=True),
            due=Loaded(session=session, due=True, presented=True),
            trusted_from=trusted[0],
            trusted_until=trusted[1],
        )
        self._opened.keep(value, opened)
        return opened
