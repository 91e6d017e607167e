"""Grants of issuers, each beside the session whose login it came with; tokens come sealed and stay so.

Laws: a refresh token is about to be presented only by whoever holds the grant's lock, and only after
that is written down; what came of it is written in one transaction with the end of the lock. A grant
that changed meanwhile is not overwritten.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, delete, insert, select, update

from gateway.model.event import Clock
from gateway.model.grant import GrantRecord, Lease
from gateway.store import locks
from gateway.store.session_keys import subject_key
from gateway.store.tables import provider_grants, refreshed_grants, sign_ins, users
from gateway.store.writer import Transaction, Writer

KEPT = 60
"""Seconds for which it is known what became of a refresh token."""

FIRST_PAUSE = 60
"""Seconds until somebody else takes an ended grant, doubled each time."""

_SWEEP = 100
_FIELDS = tuple(each.name for each in fields(GrantRecord))
_COLUMNS = tuple(provider_grants.c[name] for name in _FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What somebody found who wants to refresh a grant.

    `lease` is theirs or the one in their way. With `noted` it is written that the refresh token of
    `record` is about to be presented, and it is theirs to do so. `outcome` is the sealed outcome of
    that token where it was presented before. `record` is None where the grant is gone.
    """

    lease: Lease
    record: GrantRecord | None = None
    noted: bool = False
    outcome: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedGrant:
    """A grant whose session is over; `last`: no session of its account is left. `tries` counts this one."""

    record: GrantRecord
    last: bool
    tries: int


class ProviderGrants:
    """Keeps grants; every verb raises StoreUnavailable for an outage."""

    def __init__(self, writer: Writer, *, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def keep(self, record: GrantRecord) -> None:
        """Keep the grant of a session that began."""
        values = {
            **asdict(record),
            "sub_key": subject_key(record.issuer, record.subject),
            "revoke_at": 0,
            "revocations": 0,
        }
        async with self._writer.write() as transaction:
            await transaction.change(insert(provider_grants).values(values))

    async def find(self, key: bytes) -> GrantRecord | None:
        """Return the grant of the session under *key*, None where there is none or its session ended."""
        async with self._writer.read() as transaction:
            return await _found(transaction, key)

    async def begin(
        self, record: GrantRecord, *, spent: bytes, holder: str, dead: Lease | None = None
    ) -> Turn:
        """Take the lock of *record*, and note that its refresh token is about to be presented.

        Nothing is noted where another holds the lock, where the grant is not as in *record* any more,
        or where it is known what became of the token, whose keyed hash is *spent*. Without a note the
        lock is not kept. *dead* is a lease of which the caller saw no beat for its life.
        """
        now = int(self._clock())
        async with self._writer.write() as transaction:
            lease = await locks.take(transaction, record.key, holder=holder, now=now, dead=dead)
            found = await _found(transaction, record.key)
            if lease.holder != holder:
                return Turn(lease=lease, record=found)
            outcome = await self._outcome(transaction, spent, now)
            if found is None or found.version != record.version or outcome is not None:
                await locks.release(transaction, lease)
                return Turn(lease=lease, record=found, outcome=outcome)
            await transaction.change(
                update(provider_grants)
                .where(provider_grants.c.key == record.key)
                .values(presented=found.presented + 1)
            )
            return Turn(lease=lease, record=found, noted=True)

    async def finish(
        self, record: GrantRecord, lease: Lease, *, spent: bytes | None = None, outcome: str = ""
    ) -> bool:
        """Write what came of a refresh and end its lock; False where the grant had changed or gone.

        *record* is the grant as it is now; its `version` is that of the grant which it replaces.
        *outcome*, sealed, is remembered for whoever still comes with the refresh token whose keyed
        hash is *spent*.
        """
        async with self._writer.write() as transaction:
            unchanged = (provider_grants.c.version == record.version) & _held(record.key)
            values = {
                "sealed": record.sealed,
                "version": record.version + 1,
                "presented": 0,
                "retry_at": record.retry_at,
                "dead": record.dead,
            }
            changed = await transaction.change(update(provider_grants).where(unchanged).values(values))
            if changed and spent is not None:
                await self._remember(transaction, spent, outcome)
            await locks.release(transaction, lease)
            return changed > 0

    async def take_ended(
        self, *, begun_after: int, seen_after: int | None = None, most: int
    ) -> tuple[EndedGrant, ...]:
        """Return up to *most* grants whose session is over, the caller's for a while, longer each time.

        Sessions that began at *begun_after* or before are over, and those last seen at *seen_after* or
        before.
        """
        now = int(self._clock())
        ended = _ended(now=now, begun_after=begun_after, seen_after=seen_after or 0).limit(most)
        async with self._writer.read() as transaction:
            if not await transaction.rows(ended):
                return ()
        async with self._writer.write() as transaction:
            await self._sweep(transaction, now)
            found = await transaction.rows(ended)
            for row in found:
                later = now + FIRST_PAUSE * 2 ** row["revocations"]
                await transaction.change(
                    update(provider_grants)
                    .where(provider_grants.c.key == row["key"])
                    .values(revocations=row["revocations"] + 1, revoke_at=later)
                )
        return tuple(
            EndedGrant(record=_as_record(row), last=bool(row["last"]), tries=row["revocations"] + 1)
            for row in found
        )

    async def forget(self, key: bytes) -> None:
        """Keep nothing any more of the grant under *key*."""
        async with self._writer.write() as transaction:
            await transaction.change(delete(provider_grants).where(provider_grants.c.key == key))

    async def _sweep(self, transaction: Transaction, now: int) -> None:
        over = select(refreshed_grants.c.spent).where(refreshed_grants.c.until <= now).limit(_SWEEP)
        await transaction.change(delete(refreshed_grants).where(refreshed_grants.c.spent.in_(over)))

    async def _outcome(self, transaction: Transaction, tag: bytes, now: int) -> str | None:
        known = (refreshed_grants.c.spent == tag) & (refreshed_grants.c.until > now)
        row = await transaction.row(select(refreshed_grants.c.sealed).where(known))
        return row["sealed"] if row else None

    async def _remember(self, transaction: Transaction, spent: bytes, outcome: str) -> None:
        now = int(self._clock())
        await self._sweep(transaction, now)
        await transaction.change(delete(refreshed_grants).where(refreshed_grants.c.spent == spent))
        row = {"spent": spent, "sealed": outcome, "until": now + KEPT}
        await transaction.change(insert(refreshed_grants).values(row))


def _ended(*, now: int, begun_after: int, seen_after: int) -> Select[Any]:
    """Return the query of the grants whose session neither is listed nor holds, whoever ended it."""
    holding = (
        select(sign_ins.c.session)
        .join(users, users.c.id == sign_ins.c.user_id)
        .where(
            users.c.enabled,
            users.c.epoch == sign_ins.c.epoch,
            sign_ins.c.ends_at > now,
            sign_ins.c.started_at > begun_after,
            sign_ins.c.last_seen_at > seen_after,
        )
    )
    own = holding.where(sign_ins.c.session == provider_grants.c.key)
    of_account = holding.where(sign_ins.c.sub_key == provider_grants.c.sub_key)
    return (
        select(*_COLUMNS, provider_grants.c.revocations, (~of_account.exists()).label("last"))
        .where(~own.exists(), provider_grants.c.revoke_at <= now)
        .order_by(provider_grants.c.key)
    )


def _held(key: bytes) -> ColumnElement[bool]:
    """Return the condition that it is the grant under *key*, and its session is not known to have ended."""
    return (provider_grants.c.key == key) & (provider_grants.c.revocations == 0)


async def _found(transaction: Transaction, key: bytes) -> GrantRecord | None:
    row = await transaction.row(select(*_COLUMNS).where(_held(key)))
    return _as_record(row) if row else None


def _as_record(row: RowMapping) -> GrantRecord:
    return GrantRecord(**{name: row[name] for name in _FIELDS})
