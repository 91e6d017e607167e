"""Users and accounts as their rows have them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, select

from gateway.model.identity import Account, User
from gateway.store.tables import accounts, user_roles, users

_WITH_ROLES = users.outerjoin(user_roles, user_roles.c.user_id == users.c.id)


def users_where(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query of users, a row for each of their roles, in a stable order."""
    return (
        select(users, user_roles.c.role)
        .select_from(_WITH_ROLES)
        .where(*conditions)
        .order_by(users.c.created_at, users.c.id, user_roles.c.role)
    )


def as_users(rows: Sequence[RowMapping | Mapping[str, Any]]) -> tuple[User, ...]:
    """Fold rows of `users_where` into users."""
    found: dict[str, RowMapping | Mapping[str, Any]] = {}
    roles: dict[str, set[str]] = {}
    for row in rows:
        found[row["id"]] = row
        roles.setdefault(row["id"], set())
        if row["role"] is not None:
            roles[row["id"]].add(row["role"])
    return tuple(_as_user(row, roles=roles[user_id]) for user_id, row in found.items())


def accounts_where_user(user_id: str) -> Select[Any]:
    """Return the query of a user's accounts, the oldest first."""
    query = select(accounts).where(accounts.c.user_id == user_id)
    return query.order_by(accounts.c.linked_at, accounts.c.provider, accounts.c.subject)


def as_account(row: RowMapping) -> Account:
    return Account(
        provider=row["provider"],
        issuer=row["issuer"],
        subject=row["subject"],
        user_id=row["user_id"],
        email=row["email"],
        linked_at=row["linked_at"],
        last_login_at=row["last_login_at"],
        scope=row["scope"],
    )


def _as_user(row: RowMapping | Mapping[str, Any], *, roles: set[str]) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        email_verified=bool(row["email_verified"]),
        name=row["name"],
        image=row["image"],
        enabled=bool(row["enabled"]),
        epoch=row["epoch"],
        roles=tuple(sorted(roles)),
        created_at=row["created_at"],
    )
