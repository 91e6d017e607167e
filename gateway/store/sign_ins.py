"""The logins that still count, for people to see and to end.

Law: a row grants nothing and its absence takes nothing: the cookie is the session. A row goes when
its session ends; one that was not ended by name stops being listed by its user's epoch.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, bindparam, delete, insert, select, update

from gateway.model.cursor import Cursor
from gateway.model.event import Clock
from gateway.model.session import Session, SignIn, public_name, session_key
from gateway.store.endings import SWEEP, deny
from gateway.store.keyset import following
from gateway.store.session_keys import issuer_keys
from gateway.store.tables import denied_sessions, sign_ins, users
from gateway.store.writer import Transaction, Writer


class SignIns:
    """The record of logins; every verb raises StoreUnavailable for an outage."""

    def __init__(self, writer: Writer, *, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def record(
        self,
        session: Session,
        *,
        address: str,
        browser: str,
        id_token: str | None = None,
        most: int = 0,
        replaced: str | None = None,
    ) -> tuple[bytes, ...]:
        """Record that *session* began; return the keys of the older ones of its user that this ended.

        *id_token* is kept as it is given, so it must be sealed. With *most* above zero the user
        keeps that many sessions, this one included, and not counted the one whose id is *replaced*,
        which is about to end; the oldest end.
        """
        row = _row(session, address=address, browser=browser, id_token=id_token)
        now = {"now": int(self._clock())}
        if not most:
            await self._writer.run((_SWEPT, now), (_RECORDED, row))
            return ()
        async with self._writer.write() as transaction:
            await transaction.change(_SWEPT, now)
            await transaction.change(_RECORDED, row)
            uncounted = [session.id] if replaced is None else [session.id, replaced]
            return await self._end_surplus(transaction, session.identity.user_id, uncounted, most - 1)

    async def seen(self, sightings: Mapping[str, int]) -> None:
        """Note when sessions (by id) were last seen; those that ended are passed over."""
        async with self._writer.write() as transaction:
            for session_id, moment in sightings.items():
                mine = sign_ins.c.session == session_key(session_id)
                earlier = sign_ins.c.last_seen_at < moment
                await transaction.change(update(sign_ins).where(mine, earlier).values(last_seen_at=moment))

    async def listed(self, user_id: str | None = None, *, begun_after: int = 0) -> tuple[SignIn, ...]:
        """Return the sessions that hold, of *user_id* or of everybody, the newest first.

        Those that began at *begun_after* or before are over.
        """
        query = self._holding().where(sign_ins.c.started_at > begun_after)
        if user_id is not None:
            query = query.where(sign_ins.c.user_id == user_id)
        async with self._writer.read() as transaction:
            rows = await transaction.rows(query.order_by(*_NEWEST_FIRST))
        return tuple(map(_as_sign_in, rows))

    async def page(
        self, *, after: Cursor | None = None, limit: int, begun_after: int = 0
    ) -> tuple[SignIn, ...]:
        """Return *limit* of everybody's sessions that hold, the newest first, those that follow *after*.

        A cursor names a session by when it began and its public id.
        """
        query = self._holding().where(sign_ins.c.started_at > begun_after)
        if after is not None:
            query = query.where(following(after, sign_ins.c.started_at, sign_ins.c.public_id))
        query = query.order_by(sign_ins.c.started_at.desc(), sign_ins.c.public_id).limit(limit)
        async with self._writer.read() as transaction:
            return tuple(map(_as_sign_in, await transaction.rows(query)))

    async def named(self, beginning: str) -> tuple[SignIn, ...]:
        """Return the sessions that hold and whose public id begins with *beginning*, the newest first."""
        so = sign_ins.c.public_id.startswith(beginning, autoescape=True)
        async with self._writer.read() as transaction:
            rows = await transaction.rows(self._holding().where(so).order_by(*_NEWEST_FIRST))
        return tuple(map(_as_sign_in, rows))

    async def id_token_of(self, session_id: str) -> str | None:
        """Return the sealed ID token that was kept for a session, None where there is none."""
        query = select(sign_ins.c.id_token).where(sign_ins.c.session == session_key(session_id))
        async with self._writer.read() as transaction:
            row = await transaction.row(query)
        return row["id_token"] if row else None

    async def forget_sessions(self, keys: Sequence[bytes]) -> None:
        """List the sessions under *keys* no more."""
        async with self._writer.write() as transaction:
            await transaction.change(delete(sign_ins).where(sign_ins.c.session.in_(keys)))

    async def forget_others(self, user_id: str, *, but: str) -> None:
        """Refuse and list no session of the user any more, except the one whose id is *but*."""
        others = (sign_ins.c.user_id == user_id) & (sign_ins.c.session != session_key(but))
        async with self._writer.write() as transaction:
            denied = select(denied_sessions.c.session)
            new = select(sign_ins.c.session, sign_ins.c.ends_at).where(
                others, sign_ins.c.session.not_in(denied)
            )
            await transaction.change(insert(denied_sessions).from_select(["session", "until"], new))
            await transaction.change(delete(sign_ins).where(others))

    async def _end_surplus(
        self, transaction: Transaction, user_id: str, uncounted: Sequence[str], most: int
    ) -> tuple[bytes, ...]:
        others = sign_ins.c.session.not_in([session_key(each) for each in uncounted])
        query = self._holding().where(others, sign_ins.c.user_id == user_id)
        surplus = await transaction.rows(query.order_by(*_NEWEST_FIRST).offset(most))
        for row in surplus:
            await deny(transaction, row["session"], until=row["ends_at"])
        return tuple(row["session"] for row in surplus)

    def _holding(self) -> Select[Any]:
        """Return the query of the sessions that neither their end nor their user's epoch ended."""
        holds: ColumnElement[bool] = users.c.enabled & (users.c.epoch == sign_ins.c.epoch)
        joined = sign_ins.join(users, users.c.id == sign_ins.c.user_id)
        return select(sign_ins).select_from(joined).where(holds, sign_ins.c.ends_at > int(self._clock()))


_OVER = select(sign_ins.c.session).where(sign_ins.c.ends_at <= bindparam("now")).limit(SWEEP)
_SWEPT = delete(sign_ins).where(sign_ins.c.session.in_(_OVER))
_RECORDED = insert(sign_ins)
_NEWEST_FIRST = (sign_ins.c.started_at.desc(), sign_ins.c.session)


def _row(session: Session, *, address: str, browser: str, id_token: str | None) -> dict[str, object]:
    key = session_key(session.id)
    named = issuer_keys(session.issuer, sid=session.issuer_sid, subject=session.subject)
    return {
        "session": key,
        "public_id": public_name(key),
        "user_id": session.identity.user_id,
        "provider": session.provider,
        "sid_key": named.sid,
        "sub_key": named.subject,
        "epoch": session.epoch,
        "started_at": session.authenticated_at,
        "last_seen_at": session.issued_at,
        "ends_at": session.ends_at,
        "address": address,
        "browser": browser,
        "id_token": id_token,
    }


def _as_sign_in(row: RowMapping) -> SignIn:
    return SignIn(
        public_id=row["public_id"],
        user_id=row["user_id"],
        provider=row["provider"],
        started_at=row["started_at"],
        last_seen_at=row["last_seen_at"],
        ends_at=row["ends_at"],
        address=row["address"],
        browser=row["browser"],
    )
