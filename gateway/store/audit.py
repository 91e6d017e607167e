"""The audit trail in the database.

Laws: entries are appended and read, never changed; they leave when they are old enough, and never
sooner: the database's own triggers refuse everything else. Its writes take no turn among those that
requests wait for.
"""

from collections.abc import Sequence

from sqlalchemy import RowMapping, Select, bindparam, delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.model.event import AuditEntry, AuditEvent
from gateway.store.errands import Errands
from gateway.store.outage import outages_told
from gateway.store.tables import audit, audit_sweeps
from gateway.store.writer import transaction

SWEEP = 1000  # entries removed by one transaction at most

_COLUMNS = {("event" if name == "name" else name): name for name in AuditEvent.__dataclass_fields__}
_APPENDED = insert(audit).values({column: bindparam(column) for column in ("ts", *_COLUMNS)})


class AuditTrail:
    """Every verb is one transaction and raises StoreUnavailable for an outage."""

    def __init__(self, engine: AsyncEngine, errands: Errands) -> None:
        self._errands = errands
        self._reading = engine
        self._writing = engine.execution_options(writes=True)

    async def append(self, entries: Sequence[tuple[int, AuditEvent]]) -> None:
        """Add *entries*, each with its Unix second, in this order: all of them or none."""
        rows = [_as_row(ts, event) for ts, event in entries]
        with outages_told("the audit trail cannot be written"):
            await self._errands.run([(_APPENDED, rows)])

    async def sweep(self, before: int) -> int:
        """Remove up to `SWEEP` of the oldest entries made before *before*; return how many those were."""
        old = select(audit.c.id).where(audit.c.ts < before)
        with outages_told("the audit trail cannot be swept"):
            async with transaction(self._reading) as reading:
                if await reading.row(old.limit(1)) is None:
                    return 0
            async with transaction(self._writing) as writing:
                await writing.change(delete(audit_sweeps).where(audit_sweeps.c.before <= before))
                await writing.change(insert(audit_sweeps).values(before=before))
                gone = old.order_by(audit.c.ts).limit(SWEEP)
                return await writing.change(delete(audit).where(audit.c.id.in_(gone)))

    async def entries(
        self,
        *,
        user_id: str = "",
        event: str = "",
        since: int = 0,
        before: int | None = None,
        limit: int = 100,
    ) -> tuple[AuditEntry, ...]:
        """Return the newest *limit* entries that fit, the oldest of them first.

        *event* is a name, or the beginning of names up to a dot; *since* a Unix second; *before* the id of
        an entry, of which only older ones fit.
        """
        query = select(audit).where(audit.c.ts >= since).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < before)
        if user_id:
            query = query.where(audit.c.user_id == user_id)
        if event:
            query = _named(query, event)
        with outages_told("the audit trail cannot be read"):
            async with transaction(self._reading) as reading:
                found = await reading.rows(query)
        return tuple(_as_entry(row) for row in reversed(found))


def _named(query: Select[tuple[object, ...]], event: str) -> Select[tuple[object, ...]]:
    below = audit.c.event.startswith(event.rstrip(".") + ".", autoescape=True)
    return query.where(or_(audit.c.event == event, below))


def _as_row(ts: int, event: AuditEvent) -> dict[str, object]:
    return {"ts": ts, **{column: getattr(event, name) for column, name in _COLUMNS.items()}}


def _as_entry(row: RowMapping) -> AuditEntry:
    event = AuditEvent(**{name: row[column] for column, name in _COLUMNS.items()})
    return AuditEntry(id=row["id"], ts=row["ts"], event=event)
