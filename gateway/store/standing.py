"""The lookup of BEHAVIOUR 2: all that our database says about a session, in one query.

It runs while a request waits, so it has a connection and a thread of its own, takes one hop, and
has one deadline for everything. A connection that failed is left behind and a new one is made; so
is one whose file was moved or replaced, since SQLite would go on reading the old one.
"""

import asyncio
import sqlite3
from pathlib import Path

import aiosqlite
from sqlalchemy import bindparam, exists, func, literal_column, select
from sqlalchemy.dialects import sqlite

from gateway.errors import StoreUnavailable
from gateway.model.session import Session, Standing
from gateway.store.engine import file_uri, place_watch
from gateway.store.outage import outages_told
from gateway.store.session_keys import EVERYBODY, issuer_keys, session_key
from gateway.store.tables import cut_offs, denied_sessions, user_roles, users

DEADLINE = 0.25  # seconds for one lookup, a new connection included
ABANDONED = 4  # connections that may still hang in a failed disk before lookups fail at once

_ONE_ROW = select(literal_column("1")).subquery()
_LOOKUP = str(
    select(
        users.c.id,
        users.c.enabled,
        users.c.epoch,
        exists().where(denied_sessions.c.session == bindparam("session"))
        | exists().where(
            cut_offs.c.sessions.in_([bindparam(name) for name in ("everybody", "issuer_sid", "issuer_sub")]),
            cut_offs.c.begun_until >= bindparam("begun_at"),
        ),
        users.c.email,
        users.c.email_verified,
        users.c.name,
        users.c.image,
        user_roles.c.role,
        func.still_in_place(),
    )
    .select_from(
        _ONE_ROW.outerjoin(users, users.c.id == bindparam("user_id")).outerjoin(
            user_roles, user_roles.c.user_id == users.c.id
        )
    )
    .compile(dialect=sqlite.dialect(paramstyle="named"))
)

_NOBODY: dict[str, object] = {
    "user_id": "",
    "session": b"",
    "everybody": b"",
    "issuer_sid": b"",
    "issuer_sub": b"",
    "begun_at": 0,
}


class Lookup:
    """Answers what a session's standing is now, on one connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None
        self._connecting = asyncio.Lock()
        self._closed = False
        self._abandoned: set[asyncio.Future[object]] = set()

    async def standing(self, session: Session) -> Standing | None:
        """Return the standing of *session*, None where its user is gone; raises StoreUnavailable.

        The answer is not older than the call.
        """
        user_id = session.identity.user_id
        rows = await self._ask(_question(session))
        found, enabled, epoch, denied, email, verified, name, image, *_ = rows[0]
        if found is None:
            return None
        if found != user_id:
            raise StoreUnavailable("the database answered for another user")
        roles = sorted({row[8] for row in rows if row[8] is not None})
        return Standing(
            enabled=bool(enabled),
            epoch=epoch,
            denied=bool(denied),
            email=email,
            email_verified=bool(verified),
            name=name,
            image=image,
            roles=tuple(roles),
        )

    async def ping(self) -> None:
        """Raise StoreUnavailable unless the database answers."""
        await self._ask(_NOBODY)

    async def close(self) -> None:
        """End the connection, wait for those left behind, and look nothing up from now on."""
        self._closed = True
        self._abandon(self._connection)
        if self._abandoned:
            await asyncio.wait(self._abandoned, timeout=DEADLINE)

    async def _ask(self, values: dict[str, object]) -> list[sqlite3.Row]:
        connection = self._connection
        with outages_told("a session cannot be looked up"):
            try:
                async with asyncio.timeout(DEADLINE):
                    connection = connection or await self._connected()
                    return _whole(list(await connection.execute_fetchall(_LOOKUP, values)))
            except (sqlite3.Error, TimeoutError):
                self._abandon(connection)
                raise

    async def _connected(self) -> aiosqlite.Connection:
        async with self._connecting:
            if self._closed or len(self._abandoned) >= ABANDONED:
                raise StoreUnavailable("closed, or earlier lookups still hang in the database")
            if self._connection is None:
                self._connection = await _open(self._path)
            return self._connection

    def _abandon(self, connection: aiosqlite.Connection | None) -> None:
        if connection is None or connection is not self._connection:
            return
        self._connection = None
        ended = connection.stop()
        if ended is not None:
            self._abandoned.add(ended)
            ended.add_done_callback(self._abandoned.discard)


async def _open(path: Path) -> aiosqlite.Connection:
    still_in_place = await asyncio.to_thread(place_watch, path)
    connection = await aiosqlite.connect(file_uri(path), uri=True, timeout=DEADLINE / 2)
    await connection.create_function("still_in_place", 0, still_in_place)
    return connection


def _whole(rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
    """Return *rows*, of which there is always one, unless they come from a file that was replaced."""
    if not rows[0][-1]:
        raise sqlite3.OperationalError("another file lies where this one was")
    return rows


def _question(session: Session) -> dict[str, object]:
    keys = issuer_keys(session.issuer, sid=session.issuer_sid, subject=session.subject)
    return {
        "user_id": session.identity.user_id,
        "session": session_key(session.id),
        "everybody": EVERYBODY,
        "issuer_sid": keys.sid,
        "issuer_sub": keys.subject,
        "begun_at": session.authenticated_at,
    }
