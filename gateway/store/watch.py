"""What was read of sessions, trusted for exactly as long as nobody has committed anything.

Law: no answer is used on the strength of its age. Before each use SQLite is asked for its
`data_version`, which has changed once any other connection, of whatever process, has committed, and
the file is looked at, which may have been replaced: a commit that was over when the request arrived
is never missed. Both read memory that SQLite shares between processes, not the disk, so they are
asked on the event loop; where they fail, nothing is known and the lookup is made as ever.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.model.session import Session, Standing
from gateway.store.engine import file_uri, place_watch
from gateway.store.standing import Lookup

CLOSING = 0.25  # seconds that an end waits for what is being opened
MOST = 10_000
"""Answers kept; beyond, the oldest goes."""

_Key = tuple[str, str]


class Watch:
    """Tells whether the database at *path* is as it was, on a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._openings = 0
        self._still_in_place: Callable[[], bool] = lambda: False

    def open(self) -> None:
        """Begin to watch the file that is there now, where none is watched; not for the event loop."""
        if self._connection is not None:
            return
        still_in_place = place_watch(self._path)
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(
                file_uri(self._path), uri=True, timeout=0, isolation_level=None, check_same_thread=False
            )
            self._still_in_place = still_in_place
            self._openings += 1
            self._connection = connection

    def version(self) -> int | None:
        """Return a number that every commit by anybody else changes, None where it is not known.

        SQLite counts for each connection anew, so that two may say the same of different contents: a number
        of an earlier one is never said again.
        """
        connection = self._connection
        if connection is None:
            return None
        try:
            # To its end: a statement left half read would hold a snapshot.
            ((version,),) = connection.execute("PRAGMA data_version").fetchall()
        except sqlite3.Error:
            version = None
        if version is not None and self._still_in_place():
            return self._openings << 32 | int(version)
        self.close()
        return None

    def close(self) -> None:
        """Know nothing from now on, until opened again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


class Remembered:
    """Standings by session, all read at one version of the database."""

    def __init__(self, watch: Watch, *, most: int = MOST) -> None:
        self._watch = watch
        self._most = most
        self._version: int | None = None
        self._standings: dict[_Key, Standing] = {}

    def known(self, session: Session) -> Standing | None:
        """Return the standing of *session* as a lookup would find it now, None where one is needed."""
        standing = self._standings.get(_key(session))
        if standing is None:
            return None
        if self._watch.version() != self._version:
            self._standings.clear()
            return None
        return standing

    def keep(self, session: Session, standing: Standing, *, since: int | None) -> None:
        """Keep what a lookup sent after *since*, the database's version, answered, unless anything has
        changed by now."""
        if since is None or self._watch.version() != since:
            return
        if since != self._version:
            self._standings.clear()
            self._version = since
        if len(self._standings) >= self._most:
            self._standings.pop(next(iter(self._standings)))
        self._standings[_key(session)] = standing


class WatchedStandings:
    """The answers of *lookup*, repeated until *watch* tells that anything has changed."""

    def __init__(self, lookup: Lookup, watch: Watch) -> None:
        self._lookup = lookup
        self._watch = watch
        self._remembered = Remembered(watch)
        self._opening: asyncio.Future[None] | None = None
        self.known = self._remembered.known

    async def standing(self, session: Session) -> Standing | None:
        """Return the standing of *session*, None where its user is gone; raises StoreUnavailable.

        The answer is not older than the call. `known` repeats it until anything changes.
        """
        since = self.version()
        standing = await self._lookup.standing(session)
        if standing is not None:
            self._remembered.keep(session, standing, since=since)
        return standing

    def version(self) -> int | None:
        """Return a number that every commit by anybody else changes, None where it is not known."""
        version = self._watch.version()
        if version is None:
            self._watch_again()
        return version

    async def close(self) -> None:
        """Watch no more."""
        if self._opening is not None:
            await asyncio.wait([self._opening], timeout=CLOSING)
        self._watch.close()

    def _watch_again(self) -> None:
        """Open what tells of changes anew, once at a time; no lookup waits for it."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(asyncio.to_thread(self._watch.open))


def _key(session: Session) -> _Key:
    return session.id, session.identity.user_id
