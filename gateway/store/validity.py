"""What may have ended sessions, asked of many at once and beside the requests.

Law: it says of each session what its own lookup would, at one moment for all of them.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from gateway.model.session import SessionRecord, Validity
from gateway.store.session_keys import EVERYBODY, issuer_keys
from gateway.store.tables import cut_offs, denied_sessions, users
from gateway.store.writer import Writer


class Validities:
    """Answers for sessions wherever they are kept; each has up to four values in a query."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def of(self, records: Sequence[SessionRecord]) -> Mapping[bytes, Validity | None]:
        """Return, by key, what may have ended the sessions in *records*; None where their user is gone.

        Raises StoreUnavailable.
        """
        called = {record.key: _called(record) for record in records}
        ids = {record.user_id for record in records}
        names = {name for each in called.values() for name in each}
        holders = select(users.c.id, users.c.enabled, users.c.epoch).where(users.c.id.in_(ids))
        denials = select(denied_sessions.c.session).where(denied_sessions.c.session.in_(called))
        cuts = select(cut_offs.c.sessions, cut_offs.c.begun_until).where(cut_offs.c.sessions.in_(names))
        async with self._writer.read() as view:
            found = {row["id"]: row for row in await view.rows(holders)}
            denied = {row["session"] for row in await view.rows(denials)}
            cut = {row["sessions"]: row["begun_until"] for row in await view.rows(cuts)}
        validities: dict[bytes, Validity | None] = {}
        for record in records:
            holder = found.get(record.user_id)
            begun_until = max((cut[name] for name in called[record.key] if name in cut), default=-1)
            validities[record.key] = (
                None
                if holder is None
                else Validity(
                    enabled=holder["enabled"],
                    epoch=holder["epoch"],
                    denied=record.key in denied or begun_until >= record.created_at,
                )
            )
        return validities


def _called(record: SessionRecord) -> tuple[bytes, bytes, bytes]:
    """Return the names by which a session may have been cut off."""
    keys = issuer_keys(record.issuer, sid=record.issuer_sid, subject=record.subject)
    return EVERYBODY, keys.sid, keys.subject
