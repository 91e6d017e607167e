"""The lookup of BEHAVIOUR 2: all that our database says about a session, in one query.

It runs while a request waits: whoever reads for it takes one trip to the database, and has one
deadline for everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, Text, bindparam, cast, exists, literal_column, select

from gateway.errors import StoreUnavailable
from gateway.model.password import Credentials
from gateway.model.personal import PersonalToken
from gateway.model.session import FoundSession, Session, SessionRecord, Standing, session_key
from gateway.store import account_claims
from gateway.store.credentials import CREDENTIALS, credentials_in
from gateway.store.personal_tokens import as_personal_token
from gateway.store.session_keys import EVERYBODY, issuer_keys, names_of
from gateway.store.tables import (
    accounts,
    cut_offs,
    denied_sessions,
    personal_tokens,
    sessions,
    user_roles,
    users,
)

_ONE_ROW = select(literal_column("1").label("one")).subquery()
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
        cast(accounts.c.claims, Text),
    )


def _account(
    provider: ColumnElement[Any], issuer: ColumnElement[Any], subject: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Return what finds the account of a session, where it still is the user's."""
    return (
        (accounts.c.provider == provider)
        & (accounts.c.issuer == issuer)
        & (accounts.c.subject == subject)
        & (accounts.c.user_id == users.c.id)
    )


LOOKUP: Select[Any] = select(
    *_standing_columns(
        bindparam("session"), bindparam("begun_at"), bindparam("issuer_sid"), bindparam("issuer_sub")
    )
).select_from(
    _ONE_ROW.outerjoin(users, users.c.id == bindparam("user_id"))
    .outerjoin(user_roles, user_roles.c.user_id == users.c.id)
    .outerjoin(accounts, _account(bindparam("provider"), bindparam("issuer"), bindparam("subject")))
)
"""What is said of a session and its user; the rows differ in the user's roles, and there always is one."""

FIND: Select[Any] = select(
    *_RECORD,
    *_standing_columns(sessions.c.key, sessions.c.created_at, sessions.c.sid_key, sessions.c.sub_key),
).select_from(
    _ONE_ROW.outerjoin(sessions, sessions.c.key == bindparam("session"))
    .outerjoin(users, users.c.id == sessions.c.user_id)
    .outerjoin(user_roles, user_roles.c.user_id == users.c.id)
    .outerjoin(accounts, _account(sessions.c.provider, sessions.c.issuer, sessions.c.subject))
)
"""A stateful session, and what `LOOKUP` says of it."""

_TOKEN = tuple(column for column in personal_tokens.c if column.name != "key")
_TOKEN_FIELDS = tuple(column.name for column in _TOKEN)

PERSONAL: Select[Any] = select(
    *_TOKEN,
    users.c.id,
    users.c.enabled,
    users.c.epoch,
    literal_column("0").label("denied"),
    users.c.email,
    users.c.email_verified,
    users.c.name,
    users.c.image,
    user_roles.c.role,
    literal_column("NULL").label("claims"),
).select_from(
    _ONE_ROW.outerjoin(personal_tokens, personal_tokens.c.key == bindparam("token"))
    .outerjoin(users, users.c.id == personal_tokens.c.user_id)
    .outerjoin(user_roles, user_roles.c.user_id == users.c.id)
)
"""A personal token and its user; the rows differ in the user's roles, and there always is one."""

QUERIES = (LOOKUP, FIND, CREDENTIALS, PERSONAL)
"""Everything that a reader is ever asked."""

_NOBODY: Mapping[str, object] = {
    "user_id": "",
    "session": b"",
    "everybody": b"",
    "issuer_sid": b"",
    "issuer_sub": b"",
    "begun_at": 0,
    "provider": "",
    "issuer": "",
    "subject": "",
}


class Reader(Protocol):
    """Asks the database while a request waits. Raises StoreUnavailable."""

    async def rows(self, query: Select[Any], values: Mapping[str, object]) -> Sequence[Sequence[Any]]:
        """Return what one of `QUERIES` finds now; the answer is not older than the call."""

    async def close(self) -> None:
        """End every connection, and read nothing from now on."""


class Lookup:
    """Answers what a session's standing is now."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def standing(self, session: Session) -> Standing | None:
        """Return the standing of *session*, None where its user is gone; raises StoreUnavailable.

        The answer is not older than the call.
        """
        return await self._standing(
            session,
            user_id=session.identity.user_id,
            key=session_key(session.id),
            begun_at=session.authenticated_at,
        )

    async def standing_of(self, record: SessionRecord) -> Standing | None:
        """Return the standing of the session in *record*, wherever it is kept; else as `standing`."""
        return await self._standing(
            record, user_id=record.user_id, key=record.key, begun_at=record.created_at
        )

    async def session(self, key: bytes) -> FoundSession | None:
        """Return the stateful session kept under *key* with its user's standing, in one query."""
        rows = await self._ask({"session": key, "everybody": EVERYBODY}, FIND)
        record = rows[0][: len(_RECORD)]
        if record[0] is None:
            return None
        found = SessionRecord(**dict(zip(_RECORD_FIELDS, record, strict=True)))
        if found.key != key:
            raise StoreUnavailable("the database answered for another session")
        standing = _standing([row[len(_RECORD) :] for row in rows], found.user_id)
        return FoundSession(record=found, standing=standing, names=names_of(found))

    async def credentials(self, email_key: str) -> Credentials | None:
        """Return the user whose e-mail has *email_key*, with their hash, in one query."""
        return credentials_in(await self._ask({"email_key": email_key}, CREDENTIALS))

    async def personal_token(self, key: bytes) -> tuple[PersonalToken, Standing] | None:
        """Return the personal token kept under *key* with its user's standing; raises StoreUnavailable.

        The answer is not older than the call.
        """
        rows = await self._ask({"token": key}, PERSONAL)
        found = dict(zip(_TOKEN_FIELDS, rows[0], strict=False))
        if found["public_id"] is None:
            return None
        token = as_personal_token(found)
        standing = _standing([row[len(_TOKEN) :] for row in rows], token.user_id)
        return None if standing is None else (token, standing)

    async def ping(self) -> None:
        """Raise StoreUnavailable unless the database answers."""
        await self._ask(_NOBODY)

    async def close(self) -> None:
        """Look nothing up from now on."""
        await self._reader.close()

    async def _standing(
        self, session: Session | SessionRecord, *, user_id: str, key: bytes, begun_at: int
    ) -> Standing | None:
        named = issuer_keys(session.issuer, sid=session.issuer_sid, subject=session.subject)
        question = {
            "user_id": user_id,
            "session": key,
            "everybody": EVERYBODY,
            "issuer_sid": named.sid,
            "issuer_sub": named.subject,
            "begun_at": begun_at,
            "provider": session.provider,
            "issuer": session.issuer,
            "subject": session.subject,
        }
        return _standing(await self._ask(question), user_id)

    async def _ask(
        self, values: Mapping[str, object], query: Select[Any] = LOOKUP
    ) -> Sequence[Sequence[Any]]:
        return await self._reader.rows(query, values)


def _standing(rows: Sequence[Sequence[Any]], user_id: str) -> Standing | None:
    found, enabled, epoch, denied, email, verified, name, image, _, claims, *_ = rows[0]
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
        claims=account_claims.as_read(claims),
    )
