"""One write at a time in this process, each whole or not at all.

Laws: a statement that was begun is awaited to its end even when the caller is cancelled, since a
connection left in the middle of one is unusable; a transaction that was not committed leaves
nothing; whoever waited for a turn while the database failed fails with it instead of queueing up.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import Executable, RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.errors import StoreUnavailable
from gateway.store.errands import EngineErrands, Errands, Step, Values
from gateway.store.outage import outages_told
from gateway.uninterrupted import uninterrupted

TURN = 5.0  # seconds that a write waits for those before it


class Transaction:
    """The statements of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def rows(self, statement: Executable) -> Sequence[RowMapping]:
        result = await uninterrupted(self._connection.execute(statement))
        return result.mappings().all()

    async def row(self, statement: Executable) -> RowMapping | None:
        """Return the first row, or None."""
        found = await self.rows(statement)
        return found[0] if found else None

    async def change(self, statement: Executable, values: Values | None = None) -> int:
        """Return how many rows *statement*, with *values* if it was made beforehand, changed."""
        result = await uninterrupted(self._connection.execute(statement, values))
        return int(result.rowcount)


class Writer:
    """Transactions on one database. Raises StoreUnavailable for every outage."""

    def __init__(self, engine: AsyncEngine, errands: Errands | None = None) -> None:
        """Without *errands* those of *engine* are run."""
        self._errands = errands or EngineErrands(engine)
        self._reading = engine
        self._writing = engine.execution_options(writes=True)
        self._lock = asyncio.Lock()
        self._outages = 0

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Run the body as one write transaction, committed at its end, rolled back if it raises."""
        async with self._turn(), transaction(self._writing) as writing:
            yield writing

    async def run(self, *steps: Step) -> None:
        """Carry out *steps* as one write transaction in one trip: what is known beforehand."""
        async with self._turn():
            await self._errands.run(steps)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Run the body on one unchanging view of the database, beside any writer."""
        with outages_told("the database cannot be read"):
            async with transaction(self._reading) as reading:
                yield reading

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Let the body write alone, its outages told and counted."""
        outages = self._outages
        with outages_told("the database is busy"):
            async with asyncio.timeout(TURN):
                await self._lock.acquire()
        try:
            if self._outages != outages:
                raise StoreUnavailable("the database failed while this write waited for its turn")
            with self._outages_counted():
                yield
        finally:
            self._lock.release()

    @contextmanager
    def _outages_counted(self) -> Iterator[None]:
        try:
            with outages_told("the database cannot be written"):
                yield
        except StoreUnavailable:
            self._outages += 1
            raise


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[Transaction]:
    """Run the body as one transaction; the driver's errors are the caller's to translate."""
    connection = engine.connect()
    try:
        await uninterrupted(_begin(connection))
        yield Transaction(connection)
        await uninterrupted(connection.commit())
    finally:
        if connection.sync_connection is not None:
            await uninterrupted(connection.close())


async def _begin(connection: AsyncConnection) -> None:
    await connection.start()
    await connection.begin()
