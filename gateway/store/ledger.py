"""The verbs of one write transaction over users and accounts.

Whose word the profile is: the account that made the user, or claimed one that an administrator
added, is its *leading* account. Each login by it refreshes name and image where the provider gives
them, and the e-mail unless an administrator set it or it is another user's. Logins by any other
account change nothing but that account: linking a second provider never renames anybody.
"""

from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, delete, insert, select, update

from gateway.errors import StoreUnavailable
from gateway.model.email import email_key
from gateway.model.event import Clock
from gateway.model.identity import Account, User, VerifiedLogin
from gateway.model.role import EarnedRole
from gateway.store.account_claims import as_kept
from gateway.store.endings import raise_epoch
from gateway.store.tables import BY_HAND, accounts, passwords, personal_tokens, user_roles, users
from gateway.store.user_rows import accounts_where_user, as_account, as_users, users_where
from gateway.store.writer import Transaction

Randomness = Callable[[int], bytes]


class Ledger:
    """Users and accounts inside one transaction: what it reads stays true until it is committed."""

    def __init__(self, transaction: Transaction, *, clock: Clock, randomness: Randomness) -> None:
        self._transaction = transaction
        self._now = int(clock())
        self._randomness = randomness

    async def account(self, provider: str, issuer: str, subject: str) -> Account | None:
        """Return the account of this identity; nothing but these three names it."""
        row = await self._transaction.row(select(accounts).where(_keyed(provider, issuer, subject)))
        return as_account(row) if row else None

    async def user(self, user_id: str) -> User | None:
        """Return the user, or None where they are gone."""
        return await self._user_where(users.c.id == user_id)

    async def user_with_email(self, email: str) -> User | None:
        """Return the user to whom *email* belongs; at most one, and none for what is no address."""
        key = email_key(email)
        return await self._user_where(users.c.email_key == key) if key else None

    async def has_password(self, user_id: str) -> bool:
        """Say whether the user can sign in with a password."""
        query = select(passwords.c.user_id).where(passwords.c.user_id == user_id)
        return await self._transaction.row(query) is not None

    async def set_enabled(self, user_id: str, *, enabled: bool) -> User | None:
        """Let the user in again, or shut them out; return them, None where they are gone.

        Shutting out raises the epoch and removes their personal tokens, so that enabling later revives
        neither sessions nor tokens.
        """
        await self._transaction.change(update(users).where(users.c.id == user_id).values(enabled=enabled))
        if not enabled:
            await raise_epoch(self._transaction, user_id)
            await self._transaction.change(
                delete(personal_tokens).where(personal_tokens.c.user_id == user_id)
            )
        return await self.user(user_id)

    async def set_password(self, user_id: str, new: str) -> None:
        """Give a user who has none the password with the hash *new*."""
        row = insert(passwords).values(user_id=user_id, hash=new, changed_at=self._now)
        await self._transaction.change(row)

    async def create_user(self, login: VerifiedLogin) -> User:
        """Add a user and their leading account from *login*; the id is random and never reused.

        An e-mail that is no plain address is left out.
        """
        user_id = await self.add_user(
            email=login.email, verified=login.email_verified, name=login.name, image=login.image
        )
        await self._add_account(user_id, login, leading=True)
        await self._add_roles(user_id, login.roles, source=login.provider)
        return await self._present(user_id)

    async def add_user(
        self,
        *,
        email: str | None,
        verified: bool,
        name: str | None,
        image: str | None = None,
        by_admin: bool = False,
    ) -> str:
        """Add a user without accounts and return the new id."""
        key = email_key(email) if email else None
        user_id = "u_" + b32encode(self._randomness(16)).decode().rstrip("=").lower()
        await self._transaction.change(
            insert(users).values(
                id=user_id,
                email=email if key else None,
                email_key=key,
                email_verified=verified and key is not None,
                email_by_admin=by_admin,
                name=name,
                image=image,
                enabled=True,
                epoch=0,
                created_at=self._now,
            )
        )
        return user_id

    async def link(self, user_id: str, login: VerifiedLogin) -> User:
        """Add the identity of *login* to the user as another way to sign in.

        Their first account leads. Raises StoreUnavailable where the user is gone.
        """
        first = await self._transaction.row(select(accounts).where(accounts.c.user_id == user_id).limit(1))
        await self._add_account(user_id, login, leading=first is None)
        if first is None:
            await self._refresh_profile(user_id, login)
        await self._grant_by(login, user_id)
        return await self._present(user_id)

    async def record_login(self, account: Account, login: VerifiedLogin) -> User:
        """Keep what the provider said at this login, and refresh the profile if *account* leads."""
        where = _keyed(account.provider, account.issuer, account.subject)
        await self._transaction.change(
            update(accounts).where(where).values({**_told(login), "last_login_at": self._now})
        )
        row = await self._transaction.row(select(accounts.c.leading).where(where))
        if row is not None and row["leading"]:
            await self._refresh_profile(account.user_id, login)
        await self._grant_by(login, account.user_id)
        return await self._present(account.user_id)

    async def restate(self, account: Account, login: VerifiedLogin) -> tuple[str, ...]:
        """Take over what the provider says between two logins; return what that changes: any of `profile`,
        `groups`, `claims` and `roles`."""
        where = _keyed(account.provider, account.issuer, account.subject)
        row = await self._transaction.row(select(accounts).where(where))
        if row is None:
            return ()
        before, old, new = await self._present(account.user_id), row["claims"], as_kept(login)
        await self._transaction.change(update(accounts).where(where).values(email=login.email, claims=new))
        if row["leading"]:
            await self._refresh_profile(account.user_id, login)
        if await self._granted_by(login.provider, account.user_id) != set(login.roles):  # else no news
            await self._grant_by(login, account.user_id)
        after = await self._present(account.user_id)
        changes = {
            "profile": replace(before, roles=()) != replace(after, roles=()),
            "groups": old.get("groups") != new["groups"],
            "claims": old.get("kept") != new["kept"],
            "roles": before.roles != after.roles,
        }
        return tuple(name for name, changed in changes.items() if changed)

    async def accounts_of(self, user_id: str) -> tuple[Account, ...]:
        """Return the user's accounts, the oldest first."""
        return tuple(map(as_account, await self._transaction.rows(accounts_where_user(user_id))))

    async def unlink(self, account: Account, *, but: str | None = None) -> User:
        """Remove *account*, with what its provider granted, and raise the user's epoch.

        The sign-in of the session whose id is *but* stays, to be issued anew under that epoch.
        Where it led, the oldest that is left leads from now on, and its e-mail takes the place of the
        one that nobody vouches for any more, unless it is what a password is given with.
        """
        user_id = account.user_id
        key = _keyed(account.provider, account.issuer, account.subject)
        row = await self._transaction.row(select(accounts.c.leading).where(key))
        await self._transaction.change(delete(accounts).where(key))
        granted = (user_roles.c.user_id == user_id) & (user_roles.c.source == account.provider)
        await self._transaction.change(delete(user_roles).where(granted))
        await raise_epoch(self._transaction, user_id, but=but)
        if row is not None and row["leading"]:
            await self._let_oldest_lead(user_id)
        return await self._present(user_id)

    async def grant(self, user_id: str, roles: Sequence[str]) -> None:
        """Give roles by hand; one that is there already stays."""
        await self.revoke(user_id, roles)
        by_hand = [EarnedRole(role=role, rule="") for role in roles]
        await self._add_roles(user_id, by_hand, source=BY_HAND)

    async def revoke(self, user_id: str, roles: Sequence[str]) -> None:
        """Take roles that were given by hand."""
        await self._transaction.change(
            delete(user_roles).where(
                user_roles.c.user_id == user_id,
                user_roles.c.role.in_(roles),
                user_roles.c.source == BY_HAND,
            )
        )

    async def _grant_by(self, login: VerifiedLogin, user_id: str) -> None:
        """Replace what the login's provider granted the user; nobody else's grants are touched."""
        granted = (user_roles.c.user_id == user_id) & (user_roles.c.source == login.provider)
        await self._transaction.change(delete(user_roles).where(granted))
        await self._add_roles(user_id, login.roles, source=login.provider)

    async def _granted_by(self, provider: str, user_id: str) -> set[EarnedRole]:
        granted = (user_roles.c.user_id == user_id) & (user_roles.c.source == provider)
        rows = await self._transaction.rows(select(user_roles).where(granted))
        return {EarnedRole(role=row["role"], rule=row["rule"]) for row in rows}

    async def _add_roles(self, user_id: str, roles: Sequence[EarnedRole], *, source: str) -> None:
        for each in dict.fromkeys(roles):
            row = {"user_id": user_id, "role": each.role, "source": source, "rule": each.rule}
            await self._transaction.change(insert(user_roles).values(row))

    async def _user_where(self, condition: ColumnElement[bool]) -> User | None:
        found = as_users(await self._transaction.rows(users_where(condition)))
        return found[0] if found else None

    async def _present(self, user_id: str) -> User:
        user = await self.user(user_id)
        if user is None:
            raise StoreUnavailable("a user vanished inside a transaction")
        return user

    async def _add_account(self, user_id: str, login: VerifiedLogin, *, leading: bool) -> None:
        await self._transaction.change(
            insert(accounts).values(
                provider=login.provider,
                issuer=login.issuer,
                subject=login.subject,
                user_id=user_id,
                leading=leading,
                linked_at=self._now,
                last_login_at=self._now,
                **_told(login),
            )
        )

    async def _let_oldest_lead(self, user_id: str) -> None:
        oldest = await self._transaction.row(accounts_where_user(user_id).limit(1))
        if oldest is None:
            return
        key = _keyed(oldest["provider"], oldest["issuer"], oldest["subject"])
        await self._transaction.change(update(accounts).where(key).values(leading=True))
        if await self.has_password(user_id):
            return
        await self._transaction.change(
            update(users)
            .where(users.c.id == user_id, users.c.email_by_admin.is_(False))
            .values(email=None, email_key=None, email_verified=False)
        )
        verified = oldest["claims"].get("email_verified") is True
        await self._set_email(user_id, oldest["email"], verified=verified)

    async def _refresh_profile(self, user_id: str, login: VerifiedLogin) -> None:
        news: dict[str, object] = {}
        if login.name:
            news["name"] = login.name
        if login.image:
            news["image"] = login.image
        if news:
            await self._transaction.change(update(users).where(users.c.id == user_id).values(news))
        await self._set_email(user_id, login.email, verified=login.email_verified)

    async def _set_email(self, user_id: str, email: str | None, *, verified: bool) -> None:
        """Give the user *email*, unless it is none, another user's, or an administrator set theirs."""
        key = email_key(email) if email else None
        if key is None:
            return
        owner = await self._user_where(users.c.email_key == key)
        if owner is not None and owner.id != user_id:
            return
        await self._transaction.change(
            update(users)
            .where(users.c.id == user_id, users.c.email_by_admin.is_(False))
            .values(email=email, email_key=key, email_verified=verified)
        )


def _keyed(provider: str, issuer: str, subject: str) -> ColumnElement[bool]:
    return (accounts.c.provider == provider) & (accounts.c.issuer == issuer) & (accounts.c.subject == subject)


def _told(login: VerifiedLogin) -> dict[str, object]:
    return {
        "email": login.email,
        "scope": login.scope,
        "access_expires_at": login.access_expires_at,
        "claims": as_kept(login),
    }
