"""Passwords of users: only ever their hashes, and never beside anything else that is read."""

import asyncio

from sqlalchemy import delete, insert, select, update

from gateway.model.email import email_key
from gateway.model.event import Clock
from gateway.model.identity import User
from gateway.model.password import Credentials
from gateway.store.endings import raise_epoch
from gateway.store.standing import Lookup
from gateway.store.tables import passwords, users
from gateway.store.user_rows import as_users, users_where
from gateway.store.writer import Writer

READS = 2  # lookups of a flood of logins that are made at once, among those of everybody else

_WITH_HASH = users_where().add_columns(
    select(passwords.c.hash).where(passwords.c.user_id == users.c.id).scalar_subquery().label("hash")
)


class Passwords:
    """Every verb is one transaction and raises StoreUnavailable for an outage."""

    def __init__(self, writer: Writer, lookup: Lookup, *, clock: Clock) -> None:
        self._writer = writer
        self._lookup = lookup
        self._clock = clock
        self._turns = asyncio.Semaphore(READS)

    async def find(self, name: str) -> Credentials | None:
        """Return the user whose e-mail is *name*, in whatever spelling, with their hash.

        One trip, in the way in which sessions are looked up.
        """
        key = email_key(name)
        if key is None:
            return None
        async with self._turns:
            return await self._lookup.credentials(key)

    async def of(self, user_id: str) -> Credentials | None:
        """Return the user with their hash."""
        async with self._turns, self._writer.read() as transaction:
            rows = await transaction.rows(_WITH_HASH.where(users.c.id == user_id))
        return Credentials(user=as_users(rows)[0], hash=rows[0]["hash"]) if rows else None

    async def replace(self, user_id: str, *, old: str, new: str, but: str) -> User | None:
        """Replace the hash *old* by *new* and end the user's sessions; None where *old* is not theirs.

        The sign-in of the session whose id is *but* stays, for it to be issued anew.
        """
        mine = (passwords.c.user_id == user_id) & (passwords.c.hash == old)
        changed = {"hash": new, "changed_at": int(self._clock())}
        async with self._writer.write() as transaction:
            if not await transaction.change(update(passwords).where(mine).values(changed)):
                return None
            await raise_epoch(transaction, user_id, but=but)
            return as_users(await transaction.rows(users_where(users.c.id == user_id)))[0]

    async def change(self, user_id: str, new: str) -> User | None:
        """Give the user the password with the hash *new* and end their sessions; None: no such user."""
        async with self._writer.write() as transaction:
            if await raise_epoch(transaction, user_id) is None:
                return None
            await transaction.change(delete(passwords).where(passwords.c.user_id == user_id))
            await transaction.change(
                insert(passwords).values(user_id=user_id, hash=new, changed_at=int(self._clock()))
            )
            return as_users(await transaction.rows(users_where(users.c.id == user_id)))[0]

    async def rehash(self, user_id: str, *, old: str, new: str) -> None:
        """Replace the hash *old* by *new*, of the same password; one that was changed since stays."""
        mine = (passwords.c.user_id == user_id) & (passwords.c.hash == old)
        async with self._writer.write() as transaction:
            await transaction.change(update(passwords).where(mine).values(hash=new))
