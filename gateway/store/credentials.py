"""What a login by password reads: a person and their hash, found by e-mail in one trip."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam, literal_column, select

from gateway.model.password import Credentials
from gateway.store.tables import passwords, user_roles, users
from gateway.store.user_rows import as_users

_COLUMNS = (*users.c, user_roles.c.role, passwords.c.hash)
_NAMES = tuple(column.name for column in _COLUMNS)
_ONE_ROW = select(literal_column("1").label("one")).subquery()

# Without a password a user costs no less than with one.
CREDENTIALS: Select[Any] = select(*_COLUMNS).select_from(
    _ONE_ROW.outerjoin(users, users.c.email_key == bindparam("email_key"))
    .outerjoin(passwords, passwords.c.user_id == users.c.id)
    .outerjoin(user_roles, user_roles.c.user_id == users.c.id)
)
"""The user of an e-mail's key; the rows differ in the user's roles, and there always is one."""


def credentials_in(rows: Sequence[Sequence[Any]]) -> Credentials | None:
    """Return whom *rows* of `CREDENTIALS` tell of, None where that is nobody."""
    found = [dict(zip(_NAMES, row[: len(_NAMES)], strict=True)) for row in rows]
    if found[0]["id"] is None:
        return None
    return Credentials(user=as_users(found)[0], hash=found[0]["hash"])
