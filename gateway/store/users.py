"""Users and their accounts, as logins and administrators see them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import delete, select

from gateway.model.email import email_key
from gateway.model.event import Clock
from gateway.model.identity import Account, User
from gateway.store.ledger import Ledger, Randomness
from gateway.store.tables import accounts, passwords, users
from gateway.store.user_rows import accounts_where_user, as_account, as_users, users_where
from gateway.store.writer import Writer


class Users:
    """Every verb is one transaction and raises StoreUnavailable for an outage."""

    def __init__(self, writer: Writer, *, clock: Clock, randomness: Randomness) -> None:
        self._writer = writer
        self._clock = clock
        self._randomness = randomness

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Ledger]:
        """Open the one write transaction of the body: committed at its end, undone if it raises."""
        async with self._writer.write() as transaction:
            yield Ledger(transaction, clock=self._clock, randomness=self._randomness)

    async def everyone(self) -> tuple[User, ...]:
        """Return all users, the oldest first."""
        async with self._writer.read() as transaction:
            return as_users(await transaction.rows(users_where()))

    async def find(self, name: str) -> User | None:
        """Return the user whose id or e-mail is *name*."""
        key = email_key(name)
        condition = users.c.id == name if key is None else users.c.email_key == key
        async with self._writer.read() as transaction:
            found = as_users(await transaction.rows(users_where(condition)))
        return found[0] if found else None

    async def accounts_of(self, user_id: str) -> tuple[Account, ...]:
        """Return the ways in which the user can sign in, the oldest first."""
        async with self._writer.read() as transaction:
            return tuple(map(as_account, await transaction.rows(accounts_where_user(user_id))))

    async def users_of(self, issuer: str, subject: str) -> tuple[str, ...]:
        """Return the ids of the users to whom this identity is linked, by whichever provider."""
        mine = (accounts.c.issuer == issuer) & (accounts.c.subject == subject)
        async with self._writer.read() as transaction:
            rows = await transaction.rows(select(accounts.c.user_id).where(mine).distinct())
        return tuple(row["user_id"] for row in rows)

    async def has_password(self, user_id: str) -> bool:
        """Say whether the user can sign in with a password."""
        query = select(passwords.c.user_id).where(passwords.c.user_id == user_id)
        async with self._writer.read() as transaction:
            return await transaction.row(query) is not None

    async def add(
        self,
        email: str,
        *,
        name: str | None = None,
        roles: Sequence[str] = (),
        password_hash: str | None = None,
    ) -> User | None:
        """Add a user by e-mail, vouched for by an administrator; None where it belongs to somebody.

        Without a password, the first login by a provider with `trust_email` claims the user.
        """
        async with self.ledger() as ledger:
            if await ledger.user_with_email(email) is not None:
                return None
            user_id = await ledger.add_user(email=email, verified=True, name=name, by_admin=True)
            await ledger.grant(user_id, roles)
            if password_hash is not None:
                await ledger.set_password(user_id, password_hash)
            return await ledger.user(user_id)

    async def set_enabled(self, user_id: str, *, enabled: bool) -> User | None:
        """Let the user in again, or shut them out and end their sessions; None where they are gone.

        Enabling later revives neither sessions nor personal tokens.
        """
        async with self.ledger() as ledger:
            return await ledger.set_enabled(user_id, enabled=enabled)

    async def change_roles(
        self, user_id: str, *, grant: Sequence[str] = (), revoke: Sequence[str] = ()
    ) -> User | None:
        """Grant, then revoke roles by hand; None where the user is gone.

        What a provider granted is not touched.
        """
        async with self.ledger() as ledger:
            if await ledger.user(user_id) is None:
                return None
            await ledger.grant(user_id, grant)
            await ledger.revoke(user_id, revoke)
            return await ledger.user(user_id)

    async def delete(self, user_id: str) -> bool:
        """Remove the user with their accounts and roles; say whether there was one."""
        async with self._writer.write() as transaction:
            return await transaction.change(delete(users).where(users.c.id == user_id)) > 0
