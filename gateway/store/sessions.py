"""Stateful sessions on the database: written one transaction at a time, read in one query."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

from sqlalchemy import Select, bindparam, delete, insert, select, update

from gateway.model.session import FoundSession, SessionRecord
from gateway.store.session_keys import issuer_keys
from gateway.store.standing import Lookup
from gateway.store.tables import sessions
from gateway.store.writer import Writer

_FIELDS = tuple(field.name for field in fields(SessionRecord))

SWEEP = 500  # rows of each kind that one sweep removes at most
PAGE = 100  # rows of a page


class Sessions:
    """Keeps session records; every verb raises StoreUnavailable for an outage."""

    def __init__(self, writer: Writer, lookup: Lookup) -> None:
        self._writer = writer
        self._lookup = lookup
        self._read_up_to = b""

    async def find(self, key: bytes) -> FoundSession | None:
        """Return the session kept under *key* and its user's standing, not older than the call."""
        return await self._lookup.session(key)

    async def add(self, record: SessionRecord) -> None:
        """Keep *record*, also in the place of an earlier one under its key."""
        await self._writer.run((_REMOVED, {"kept": record.key}), (_ADDED, _row(record)))

    async def touch(self, seen: Mapping[bytes, int]) -> None:
        """Record when the sessions were last seen; never earlier than is known, never a new row."""
        async with self._writer.write() as transaction:
            for key, moment in seen.items():
                earlier = (sessions.c.key == key) & (sessions.c.seen_at < moment)
                await transaction.change(update(sessions).where(earlier).values(seen_at=moment))

    async def remove(self, key: bytes) -> None:
        """End the session under *key*; one that is gone already is as good as removed."""
        async with self._writer.write() as transaction:
            await transaction.change(delete(sessions).where(sessions.c.key == key))

    async def remove_all(self, user_id: str, *, but: bytes | None) -> None:
        """End every session of the user except the one under *but*."""
        others = [sessions.c.user_id == user_id] + ([sessions.c.key != but] if but is not None else [])
        async with self._writer.write() as transaction:
            await transaction.change(delete(sessions).where(*others))

    async def sweep(
        self, *, now: int, begun_before: int, seen_before: int | None
    ) -> tuple[SessionRecord, ...]:
        """Remove sessions that are over: by their own end, too old a login, or too long unseen.

        Removes at most `SWEEP` of each kind and returns them.
        """
        queries = sessions_over(now=now, begun_before=begun_before, seen_before=seen_before)
        async with self._writer.write() as transaction:
            over: dict[bytes, SessionRecord] = {}
            for query in queries:
                rows = await transaction.rows(query.limit(SWEEP))
                over.update((row["key"], SessionRecord(**row)) for row in rows)
            await transaction.change(delete(sessions).where(sessions.c.key.in_(list(over))))
        return tuple(over.values())

    async def page(self) -> tuple[SessionRecord, ...] | None:
        """Return the sessions that follow those of the last page; None after the last, and then the first."""
        query = _records().where(sessions.c.key > self._read_up_to).order_by(sessions.c.key).limit(PAGE)
        async with self._writer.read() as transaction:
            rows = await transaction.rows(query)
        self._read_up_to = rows[-1]["key"] if rows else b""
        return tuple(SessionRecord(**row) for row in rows) if rows else None

    async def discard(self, records: Sequence[SessionRecord]) -> tuple[SessionRecord, ...]:
        """Remove the sessions in *records*, and return those that this removed: one that was kept anew
        since it was read, or is gone, is passed over."""
        removed = []
        async with self._writer.write() as transaction:
            for record in records:
                as_read = (sessions.c.key == record.key) & (sessions.c.sealed == record.sealed)
                if await transaction.change(delete(sessions).where(as_read)):
                    removed.append(record)
        return tuple(removed)


def sessions_over(
    *, now: int, begun_before: int, seen_before: int | None
) -> tuple[Select[tuple[object, ...]], ...]:
    """Return the queries of sessions that are over: one a kind, which its index answers alone.

    Asked for all kinds in one condition, SQLite reads every session.
    """
    kinds = [sessions.c.ends_at <= now, sessions.c.created_at <= begun_before]
    if seen_before is not None:
        kinds.append(sessions.c.seen_at < seen_before)
    return tuple(_records().where(kind) for kind in kinds)


def _records() -> Select[tuple[object, ...]]:
    return select(*(sessions.c[name] for name in _FIELDS))


_REMOVED = delete(sessions).where(sessions.c.key == bindparam("kept"))
_ADDED = insert(sessions)


def _row(record: SessionRecord) -> dict[str, object]:
    named = issuer_keys(record.issuer, sid=record.issuer_sid, subject=record.subject)
    row = {name: getattr(record, name) for name in _FIELDS}
    return {**row, "sid_key": named.sid, "sub_key": named.subject}
