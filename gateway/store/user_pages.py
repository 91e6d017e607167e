"""Users as an administrator looks through them: a page at a time, and why each has their roles."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from gateway.model.cursor import Cursor
from gateway.model.identity import User
from gateway.model.role import HeldRole
from gateway.store.keyset import following
from gateway.store.tables import user_roles, users
from gateway.store.user_rows import as_users, users_where
from gateway.store.writer import Writer


class UserPages:
    """Reads only; every verb is one transaction and raises StoreUnavailable for an outage."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def page(self, *, search: str = "", after: Cursor | None = None, limit: int) -> tuple[User, ...]:
        """Return *limit* users, the newest first, those that follow *after*.

        With *search* those whose e-mail or name holds it, in capital letters or small ones, or whose id
        begins with it. A cursor names a user by when they came and their id.
        """
        query = select(users.c.id).order_by(users.c.created_at.desc(), users.c.id).limit(limit)
        if search:
            query = query.where(_found_by(search))
        if after is not None:
            query = query.where(following(after, users.c.created_at, users.c.id))
        async with self._writer.read() as transaction:
            ids = [row["id"] for row in await transaction.rows(query)]
            found = {user.id: user for user in as_users(await transaction.rows(_with_ids(ids)))}
        return tuple(found[each] for each in ids)

    async def named(self, ids: Sequence[str]) -> Mapping[str, User]:
        """Return those users of *ids* that there are, by their id."""
        if not ids:
            return {}
        async with self._writer.read() as transaction:
            return {user.id: user for user in as_users(await transaction.rows(_with_ids(ids)))}

    async def roles_of(self, user_id: str) -> tuple[HeldRole, ...]:
        """Return each role of the user, once for each reason why they have it."""
        query = select(user_roles.c.role, user_roles.c.source, user_roles.c.rule)
        async with self._writer.read() as transaction:
            rows = await transaction.rows(query.where(user_roles.c.user_id == user_id))
        return tuple(sorted(HeldRole(**row) for row in rows))


def _with_ids(ids: Sequence[str]) -> Select[Any]:
    return users_where(users.c.id.in_(ids))


def _found_by(search: str) -> ColumnElement[bool]:
    return or_(
        users.c.email.icontains(search, autoescape=True),
        users.c.name.icontains(search, autoescape=True),
        users.c.id.startswith(search, autoescape=True),
    )
