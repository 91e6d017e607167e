"""What must not be used again: sessions that ended early, login transactions that were redeemed.

Each row lives until its own `until` and a day more, so that a clock set wrong for an hour brings
nothing back; every write sweeps a bounded number of older ones.
"""

from hashlib import sha256

from sqlalchemy import Column, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.model.event import Clock
from gateway.model.session import session_key
from gateway.store.tables import denied_sessions, spent_logins
from gateway.store.writer import Transaction, Writer

SWEEP = 100  # rows removed by one write at most
KEPT = 86_400  # seconds that a row outlives its `until`


class Endings:
    """The denylist and the record of used logins; both raise StoreUnavailable for an outage."""

    def __init__(self, writer: Writer, *, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def deny(self, session_id: str, until: int) -> None:
        """Record that the session *session_id* ended; *until* is its absolute end. Repeatable."""
        key = denied_sessions.c.session
        digest = session_key(session_id)
        async with self._writer.write() as transaction:
            await self._sweep(transaction, denied_sessions, key)
            later = denied_sessions.c.until < until
            await transaction.change(update(denied_sessions).where(key == digest, later).values(until=until))
            if await transaction.row(select(key).where(key == digest)) is None:
                await transaction.change(insert(denied_sessions).values(session=digest, until=until))

    async def spend(self, key: bytes, until: int) -> bool:
        """Record the login transaction *key* as used; False where it was, on whatever node.

        *until* is when the transaction would expire by itself.
        """
        async with self._writer.write() as transaction:
            await self._sweep(transaction, spent_logins, spent_logins.c.login)
            used = insert(spent_logins).values(login=sha256(key).digest(), until=until)
            try:
                await transaction.change(used)
            except IntegrityError:
                return False
        return True

    async def _sweep(self, transaction: Transaction, table: Table, key: Column[bytes]) -> None:
        expired = select(key).where(table.c.until < int(self._clock()) - KEPT).limit(SWEEP)
        await transaction.change(delete(table).where(key.in_(expired)))
