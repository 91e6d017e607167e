"""Locks between nodes: leases that their holder keeps renewing while it works.

Law: clocks of nodes differ, so a lease is overtaken not because of what a clock says but because
whoever waits saw no beat of its holder for `LIFE` seconds; only one that ended `SKEW` seconds ago
by anybody's clock is taken at once. Whoever overtakes says which beat it saw last, so that of two
one wins.
"""

from sqlalchemy import delete, insert, select, update

from gateway.model.event import Clock
from gateway.model.grant import Lease
from gateway.store.tables import locks
from gateway.store.writer import Transaction, Writer

LIFE = 5
"""Seconds without a beat after which a holder is dead."""

BEAT = 1.5
"""Seconds between two beats."""

SKEW = 60
_SWEEP = 100


class Locks:
    """Who works on what; every verb raises StoreUnavailable for an outage."""

    def __init__(self, writer: Writer, *, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    async def take(self, name: bytes, *, holder: str, dead: Lease | None = None) -> Lease:
        """Return the lease on *name*: the caller's own where `holder` is theirs, else the one in its way.

        *dead* is a lease of which the caller saw no beat for `LIFE`.
        """
        async with self._writer.write() as transaction:
            return await take(transaction, name, holder=holder, now=int(self._clock()), dead=dead)

    async def extend(self, lease: Lease) -> Lease | None:
        """Return *lease* with one more beat, None where somebody took it over."""
        async with self._writer.write() as transaction:
            return await extend(transaction, lease, now=int(self._clock()))

    async def release(self, lease: Lease) -> None:
        """Let others work; a lease that was taken over stays theirs."""
        async with self._writer.write() as transaction:
            await release(transaction, lease)


async def take(
    transaction: Transaction, name: bytes, *, holder: str, now: int, dead: Lease | None = None
) -> Lease:
    """Do what `Locks.take` does, inside *transaction*."""
    await _sweep(transaction, now)
    found = await transaction.row(select(locks).where(locks.c.name == name))
    mine = Lease(name=name, holder=holder, beat=0, until=now + LIFE)
    values = {"name": name, "holder": holder, "beat": mine.beat, "until": mine.until}
    if found is None:
        await transaction.change(insert(locks).values(values))
        return mine
    theirs = Lease(name=name, holder=found["holder"], beat=found["beat"], until=found["until"])
    over = theirs.until + SKEW < now or (
        dead is not None and (dead.holder, dead.beat) == (theirs.holder, theirs.beat)
    )
    if not over:
        return theirs
    await transaction.change(update(locks).where(locks.c.name == name).values(values))
    return mine


async def extend(transaction: Transaction, lease: Lease, *, now: int) -> Lease | None:
    """Do what `Locks.extend` does, inside *transaction*."""
    longer = Lease(name=lease.name, holder=lease.holder, beat=lease.beat + 1, until=now + LIFE)
    mine = (locks.c.name == lease.name) & (locks.c.holder == lease.holder)
    changed = await transaction.change(update(locks).where(mine).values(beat=longer.beat, until=longer.until))
    return longer if changed else None


async def release(transaction: Transaction, lease: Lease) -> None:
    """Do what `Locks.release` does, inside *transaction*."""
    mine = (locks.c.name == lease.name) & (locks.c.holder == lease.holder)
    await transaction.change(delete(locks).where(mine))


async def _sweep(transaction: Transaction, now: int) -> None:
    over = select(locks.c.name).where(locks.c.until + SKEW < now).limit(_SWEEP)
    await transaction.change(delete(locks).where(locks.c.name.in_(over)))
