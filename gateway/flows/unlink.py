"""Unlink: one way to sign in is given up, and every session that may rest on it ends (rule G114).

Laws: the account that the present session was signed in with is never given up, so that a way that
just worked is left; nor is the last one, where a password counts as one if passwords are taken.
What is left is counted in the transaction that removes.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from gateway.errors import AccountKept
from gateway.model.identity import Account, User

AccountKey = tuple[str, str, str]
"""Provider, issuer, subject."""


class Ledger(Protocol):
    """Accounts inside one write transaction; every verb raises StoreUnavailable."""

    async def accounts_of(self, user_id: str) -> tuple[Account, ...]: ...

    async def has_password(self, user_id: str) -> bool: ...

    async def unlink(self, account: Account, *, but: str | None = None) -> User:
        """Remove *account* and raise the user's epoch; return the user as they are then.

        The session whose id is *but* goes on where it is issued anew under that epoch.
        """
        ...


class Books(Protocol):
    def ledger(self) -> AbstractAsyncContextManager[Ledger]:
        """Open one write transaction: kept at the body's end, undone if the body raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlinked:
    """The user as they are now, and the account that no longer signs them in."""

    user: User
    account: Account


class Unlinking:
    """Gives up accounts; *passwords* says that users sign in with a password here."""

    def __init__(self, books: Books, *, passwords: bool) -> None:
        self._books = books
        self._passwords = passwords

    async def unlink(
        self, user_id: str, handle: str, *, in_use: AccountKey | None = None, but: str | None = None
    ) -> Unlinked | None:
        """Remove the account that *handle* names of this user's; None where they have none of it.

        *in_use* is the account that must stay, *but* the id of the session that is to be issued anew.
        Raises AccountKept, with nothing changed, and StoreUnavailable.
        """
        async with self._books.ledger() as ledger:
            accounts = await ledger.accounts_of(user_id)
            chosen = next((each for each in accounts if handle_of(each) == handle), None)
            if chosen is None:
                return None
            last = len(accounts) == 1 and not (self._passwords and await ledger.has_password(user_id))
            if last or key_of(chosen) == in_use:
                raise AccountKept("the account in use, or the last one")
            return Unlinked(user=await ledger.unlink(chosen, but=but), account=chosen)


def key_of(account: Account) -> AccountKey:
    return account.provider, account.issuer, account.subject


def handle_of(account: Account) -> str:
    """Return what an account is called in a form: it tells the subject to nobody."""
    return sha256("\0".join(key_of(account)).encode()).hexdigest()[:32]
