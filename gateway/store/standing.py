"""The lookup of BEHAVIOUR 2: all that our database says about a session, in one query.

It runs while a request waits, so it has a connection and a thread of its own, takes one hop, and
has one deadline for everything. A connection that failed is left behind and a new one is made; so
is one whose file was moved or replaced, since SQLite would go on reading the old one.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import ColumnElement, Select, bindparam, exists, func, literal_column, select
from sqlalchemy.dialects import sqlite

from gateway.errors import StoreUnavailable
from gateway.model.session import FoundSession, Session, SessionRecord, Standing, session_key
from gateway.store.engine import file_uri, place_watch
from gateway.store.outage import outages_told
from gateway.store.session_keys import EVERYBODY, IssuerKeys, issuer_keys
from gateway.store.tables import cut_offs, denied_sessions, sessions, user_roles, users

DEADLINE = 0.25  # seconds for one lookup, a new connection included
ABANDONED = 4  # connections that may still hang in a failed disk before lookups fail at once

_ONE_ROW = select(literal_column("1")).subquery()
_RECORD_FIELDS = tuple(field.name for field in fields(SessionRecord))
_RECORD = tuple(sessions.c[name] for name in _RECORD_FIELDS)


def _standing_columns(
    session: ColumnElement[Any], begun_at: ColumnElement[Any], *keys: ColumnElement[Any]
) -> tuple[ColumnElement[Any], ...]:
    """Return what to select about a user whose *session* began at *begun_at* and whom *keys* name too."""
    return (
        users.c.id,
        users.c.enabled,
        users.c.epoch,
        exists().where(denied_sessions.c.session == session)
        | exists().where(
            cut_offs.c.sessions.in_([bindparam("everybody"), *keys]), cut_offs.c.begun_until >= begun_at
        ),
        users.c.email,
        users.c.email_verified,
        users.c.name,
        users.c.image,
        user_roles.c.role,
        func.still_in_place(),
    )


def _named(query: Select[Any]) -> str:
    return str(query.compile(dialect=sqlite.dialect(paramstyle="named")))


_LOOKUP = _named(
    select(
        *_standing_columns(
            bindparam("session"), bindparam("begun_at"), bindparam("issuer_sid"), bindparam("issuer_sub")
        )
    ).select_from(
        _ONE_ROW.outerjoin(users, users.c.id == bindparam("user_id")).outerjoin(
            user_roles, user_roles.c.user_id == users.c.id
        )
    )
)
_FIND = _named(
    select(
        *_RECORD,
        *_standing_columns(sessions.c.key, sessions.c.created_at, sessions.c.sid_key, sessions.c.sub_key),
    ).select_from(
        _ONE_ROW.outerjoin(sessions, sessions.c.key == bindparam("session"))
        .outerjoin(users, users.c.id == sessions.c.user_id)
        .outerjoin(user_roles, user_roles.c.user_id == users.c.id)
    )
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
        return await self._standing(
            session.identity.user_id,
            session_key(session.id),
            issuer_keys(session.issuer, sid=session.issuer_sid, subject=session.subject),
            begun_at=session.authenticated_at,
        )

    async def standing_of(self, record: SessionRecord) -> Standing | None:
        """Return the standing of the session in *record*, wherever it is kept; else as `standing`."""
        return await self._standing(
            record.user_id,
            record.key,
            issuer_keys(record.issuer, sid=record.issuer_sid, subject=record.subject),
            begun_at=record.created_at,
        )

    async def session(self, key: bytes) -> FoundSession | None:
        """Return the stateful session kept under *key* with its user's standing, in one query."""
        rows = await self._ask({"session": key, "everybody": EVERYBODY}, _FIND)
        record = rows[0][: len(_RECORD)]
        if record[0] is None:
            return None
        found = SessionRecord(**dict(zip(_RECORD_FIELDS, record, strict=True)))
        if found.key != key:
            raise StoreUnavailable("the database answered for another session")
        standing = _standing([row[len(_RECORD) :] for row in rows], found.user_id)
        return FoundSession(record=found, standing=standing)

    async def _standing(
        self, user_id: str, key: bytes, named: IssuerKeys, *, begun_at: int
    ) -> Standing | None:
        question = {
            "user_id": user_id,
            "session": key,
            "everybody": EVERYBODY,
            "issuer_sid": named.sid,
            "issuer_sub": named.subject,
            "begun_at": begun_at,
        }
        return _standing(await self._ask(question), user_id)

    async def ping(self) -> None:
        """Raise StoreUnavailable unless the database answers."""
        await self._ask(_NOBODY)

    async def close(self) -> None:
        """End the connection, wait for those left behind, and look nothing up from now on."""
        self._closed = True
        self._abandon(self._connection)
        if self._abandoned:
            await asyncio.wait(self._abandoned, timeout=DEADLINE)

    async def _ask(self, values: dict[str, object], query: str = "") -> list[sqlite3.Row]:
        connection = self._connection
        with outages_told("a session cannot be looked up"):
            try:
                async with asyncio.timeout(DEADLINE):
                    connection = connection or await self._connected()
                    return _whole(list(await connection.execute_fetchall(query or _LOOKUP, values)))
            except (sqlite3.Error, TimeoutError):
                self._abandon(connection)
                raise

    async def _connected(self) -> aiosqlite.Connection:
        async with self._connecting:
            if self._closed or len(self._abandoned) >= ABANDONED:
                raise StoreUnavailable("closed, or earlier lookups still hang in the database")
            if self._connection is None:
                self._connection = await open_reader(self._path)
            return self._connection

    def _abandon(self, connection: aiosqlite.Connection | None) -> None:
        if connection is None or connection is not self._connection:
            return
        self._connection = None
        ended = connection.stop()
        if ended is not None:
            self._abandoned.add(ended)
            ended.add_done_callback(self._abandoned.discard)


def _standing(rows: Sequence[Sequence[Any]], user_id: str) -> Standing | None:
    found, enabled, epoch, denied, email, verified, name, image, *_ = rows[0]
    if found is None:
        return None
    if found != user_id:
        raise StoreUnavailable("the database answered for another user")
    return Standing(
        enabled=bool(enabled),
        epoch=epoch,
        denied=bool(denied),
        email=email,
        email_verified=bool(verified),
        name=name,
        image=image,
        roles=tuple(sorted({row[8] for row in rows if row[8] is not None})),
    )


async def open_reader(path: Path) -> aiosqlite.Connection:
    """Return a connection that reads *path* and knows `still_in_place()`."""
    still_in_place = await asyncio.to_thread(place_watch, path)
    connection = await aiosqlite.connect(file_uri(path), uri=True, timeout=DEADLINE / 2)
    await connection.create_function("still_in_place", 0, still_in_place)
    return connection


def _whole(rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
    """Return *rows*, of which there is always one, unless they come from a file that was replaced."""
    if not rows[0][-1]:
        raise sqlite3.OperationalError("another file lies where this one was")
    return rows
