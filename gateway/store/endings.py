"""What must not be used again: sessions that ended early, login transactions that were redeemed.

Law: whatever ends sessions does so in one transaction, together with the sign-ins that it ends and with
what is kept here of those sessions; sessions that are kept elsewhere are refused all the same.

Each row lives until its own `until` and a day more, so that a clock set wrong for an hour brings
nothing back; every write sweeps a bounded number of older ones.
"""

from hashlib import sha256

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    LargeBinary,
    Table,
    delete,
    exists,
    insert,
    literal,
    select,
    update,
)

from gateway.model.event import Clock
from gateway.model.session import session_key
from gateway.store.session_keys import EVERYBODY, sid_key, subject_key
from gateway.store.tables import cut_offs, denied_sessions, sessions, sign_ins, spent_logins, users
from gateway.store.writer import Transaction, Writer

SWEEP = 100  # rows removed by one write at most
KEPT = 86_400  # seconds that a row outlives its `until`
ALWAYS = 2**53  # later than every login: an issuer gives a `sid` to one of its sessions only


class Endings:
    """The denylist and the record of used logins; both raise StoreUnavailable for an outage."""

    def __init__(self, writer: Writer, *, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def deny(self, session_id: str, until: int) -> None:
        """Record that the session *session_id* ended; *until* is its absolute end. Repeatable."""
        async with self._writer.write() as transaction:
            await self._sweep(transaction, denied_sessions, denied_sessions.c.session)
            await deny(transaction, session_key(session_id), until=until)

    async def end(self, public_id: str, *, user_id: str | None = None) -> bool:
        """End the session that *public_id* names; False where there is none, or none of *user_id*'s."""
        mine = sign_ins.c.public_id == public_id
        if user_id is not None:
            mine &= sign_ins.c.user_id == user_id
        async with self._writer.write() as transaction:
            await self._sweep(transaction, denied_sessions, denied_sessions.c.session)
            found = await transaction.rows(select(sign_ins).where(mine))
            for row in found:
                await deny(transaction, row["session"], until=row["ends_at"])
        return bool(found)

    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None:
        """End every session of the user by raising their epoch; return it, None where they are gone.

        The session whose id is *but* goes on, if it is issued anew under that epoch.
        """
        async with self._writer.write() as transaction:
            return await raise_epoch(transaction, user_id, but=but)

    async def end_everybody(self, until: int) -> int:
        """Refuse every session that began up to now; return how many sign-ins that ended.

        *until* is when the last of them would have ended by itself.
        """
        async with self._writer.write() as transaction:
            await self._cut_off(transaction, EVERYBODY, begun_until=int(self._clock()), until=until)
            return await transaction.change(delete(sign_ins))

    async def end_by_issuer(
        self, issuer: str, *, sid: str | None, subject: str | None, notice: bytes, until: int
    ) -> int | None:
        """End the sessions that *issuer* calls *sid*, without one all of *subject* that began up to now.

        Returns how many sign-ins that ended, None where *notice* was obeyed before. *until* is when
        the last such session would have ended by itself.
        """
        now = int(self._clock())
        async with self._writer.write() as transaction:
            if not await self._spend(transaction, notice, until):
                return None
            if sid is not None:
                key, begun_until, mine = sid_key(issuer, sid), ALWAYS, sign_ins.c.sid_key
            else:
                key, begun_until, mine = subject_key(issuer, subject or ""), now, sign_ins.c.sub_key
            await self._cut_off(transaction, key, begun_until=begun_until, until=until)
            ended = select(sign_ins.c.session).where(mine == key)
            await transaction.change(delete(sessions).where(sessions.c.key.in_(ended)))
            return await transaction.change(delete(sign_ins).where(mine == key))

    async def spend(self, key: bytes, until: int) -> bool:
        """Record the login transaction *key* as used; False where it was, on whatever node.

        *until* is when the transaction would expire by itself.
        """
        async with self._writer.write() as transaction:
            return await self._spend(transaction, key, until)

    async def _spend(self, transaction: Transaction, key: bytes, until: int) -> bool:
        await self._sweep(transaction, spent_logins, spent_logins.c.login)
        login = sha256(key).digest()
        unused = ~exists().where(spent_logins.c.login == login)
        row = select(literal(login, LargeBinary), literal(until, BigInteger)).where(unused)
        used = insert(spent_logins).from_select([spent_logins.c.login, spent_logins.c.until], row)
        return await transaction.change(used) > 0

    async def _cut_off(self, transaction: Transaction, key: bytes, *, begun_until: int, until: int) -> None:
        """Refuse the sessions named *key* that began up to *begun_until*; never less than before."""
        await self._sweep(transaction, cut_offs, cut_offs.c.sessions)
        known = await transaction.row(select(cut_offs).where(cut_offs.c.sessions == key))
        if known is None:
            values = {"sessions": key, "begun_until": begun_until, "until": until}
            await transaction.change(insert(cut_offs).values(values))
            return
        await transaction.change(
            update(cut_offs)
            .where(cut_offs.c.sessions == key)
            .values(begun_until=max(begun_until, known["begun_until"]), until=max(until, known["until"]))
        )

    async def _sweep(self, transaction: Transaction, table: Table, key: Column[bytes]) -> None:
        expired = select(key).where(table.c.until < int(self._clock()) - KEPT).limit(SWEEP)
        await transaction.change(delete(table).where(key.in_(expired)))


async def deny(transaction: Transaction, session: bytes, *, until: int) -> None:
    """Refuse the session of this key from now on, at least until Unix time *until*. Repeatable."""
    same: ColumnElement[bool] = denied_sessions.c.session == session
    await transaction.change(delete(sign_ins).where(sign_ins.c.session == session))
    await transaction.change(delete(sessions).where(sessions.c.key == session))
    shorter = denied_sessions.c.until < until
    await transaction.change(update(denied_sessions).where(same, shorter).values(until=until))
    if await transaction.row(select(denied_sessions.c.session).where(same)) is None:
        await transaction.change(insert(denied_sessions).values(session=session, until=until))


async def raise_epoch(transaction: Transaction, user_id: str, *, but: str | None = None) -> int | None:
    """End every session of the user; return the epoch of those to come, None where the user is gone.

    The sign-in of the session whose id is *but* stays, under that epoch.
    """
    this = users.c.id == user_id
    of_user = sign_ins.c.user_id == user_id
    kept = sign_ins.c.session == session_key(but or "")
    others = (sessions.c.user_id == user_id) & (sessions.c.key != session_key(but or ""))
    await transaction.change(update(users).where(this).values(epoch=users.c.epoch + 1))
    row = await transaction.row(select(users.c.epoch).where(this))
    if row is None:
        return None
    epoch = int(row["epoch"])
    await transaction.change(delete(sessions).where(others))
    await transaction.change(delete(sign_ins).where(of_user, ~kept))
    await transaction.change(update(sign_ins).where(of_user, kept).values(epoch=epoch))
    return epoch
