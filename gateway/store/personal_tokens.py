"""Personal access tokens: their keyed hashes, whose they are, and what they are for."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, insert, or_, select, update

from gateway.errors import AccessDenied
from gateway.model.personal import PersonalToken
from gateway.store.tables import personal_tokens, users
from gateway.store.writer import Transaction, Writer

MOST = 100
"""Tokens of one user that have not expired; with those that have, too, for they give way."""

USED_EVERY = 60
"""Seconds between two notes of when a token was used."""


class PersonalTokens:
    """Keeps tokens; every verb is one transaction and raises StoreUnavailable for an outage."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def add(self, token: PersonalToken, *, key: bytes) -> bool:
        """Keep *token* under *key*, the hash of what its owner was shown.

        False where they have `MOST` that have not expired when it is made. Of those that have, the ones
        that ended first give way to it. Raises AccessDenied for a user who is disabled or gone: their
        tokens went then, and none comes after.
        """
        async with self._writer.write() as transaction:
            await _check_enabled(transaction, token.user_id)
            if not await _room_made(transaction, token.user_id, now=token.created_at):
                return False
            await transaction.change(
                insert(personal_tokens).values(
                    key=key,
                    public_id=token.public_id,
                    user_id=token.user_id,
                    name=token.name,
                    routes="\n".join(token.routes),
                    created_at=token.created_at,
                    expires_at=token.expires_at,
                    used_at=token.used_at,
                )
            )
            return True

    async def listed(self, user_id: str | None = None) -> Sequence[PersonalToken]:
        """Return the tokens of one user or of all, expired ones too, the newest first."""
        query = select(personal_tokens)
        if user_id is not None:
            query = query.where(personal_tokens.c.user_id == user_id)
        query = query.order_by(personal_tokens.c.created_at.desc(), personal_tokens.c.public_id)
        async with self._writer.read() as transaction:
            return tuple(map(as_personal_token, await transaction.rows(query)))

    async def revoke(self, public_id: str, *, user_id: str | None = None) -> PersonalToken | None:
        """Remove a token, with *user_id* only one of theirs; None where there is none of that name."""
        named: ColumnElement[bool] = personal_tokens.c.public_id == public_id
        if user_id is not None:
            named &= personal_tokens.c.user_id == user_id
        async with self._writer.write() as transaction:
            row = await transaction.row(select(personal_tokens).where(named))
            if row is None:
                return None
            await transaction.change(delete(personal_tokens).where(named))
            return as_personal_token(row)

    async def seen(self, sightings: Mapping[str, int]) -> None:
        """Write down when tokens (by public id) were used, where that is a minute later than noted."""
        async with self._writer.write() as transaction:
            for public_id, moment in sightings.items():
                used = personal_tokens.c.used_at
                due = or_(used.is_(None), used <= moment - USED_EVERY)
                mine = (personal_tokens.c.public_id == public_id) & due
                await transaction.change(update(personal_tokens).where(mine).values(used_at=moment))


async def _check_enabled(transaction: Transaction, user_id: str) -> None:
    """Raise AccessDenied unless the user is enabled, and stays so until the transaction ends."""
    theirs = select(users.c.id).where(users.c.id == user_id, users.c.enabled)
    if not await transaction.rows(theirs.with_for_update(read=True)):
        raise AccessDenied("a token for a user who is disabled or gone")


async def _room_made(transaction: Transaction, user_id: str, *, now: int) -> bool:
    """Remove expired tokens of a user that one more leaves no room for; say whether there is room for it."""
    table = personal_tokens.c
    mine = select(table.public_id, table.expires_at).where(table.user_id == user_id)
    latest = await transaction.rows(mine.order_by(table.expires_at.desc(), table.public_id))
    if len(latest) < MOST:
        return True
    if latest[MOST - 1]["expires_at"] > now:
        return False
    surplus = [row["public_id"] for row in latest[MOST - 1 :]]
    await transaction.change(delete(personal_tokens).where(table.public_id.in_(surplus)))
    return True


def as_personal_token(row: RowMapping | Mapping[str, Any]) -> PersonalToken:
    return PersonalToken(
        public_id=row["public_id"],
        user_id=row["user_id"],
        name=row["name"],
        routes=tuple(row["routes"].split("\n")),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )
