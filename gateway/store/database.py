"""The database as the rest of the gateway knows it."""

import asyncio
from secrets import token_bytes

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.model.event import Clock
from gateway.store import schema
from gateway.store.audit import AuditTrail
from gateway.store.endings import Endings
from gateway.store.engine import open_engine, sqlite_file
from gateway.store.ledger import Randomness
from gateway.store.standing import Lookup
from gateway.store.users import Users
from gateway.store.writer import Writer


class Database:
    """An open database of the right schema; every verb raises StoreUnavailable for an outage."""

    def __init__(self, engine: AsyncEngine, lookup: Lookup, *, clock: Clock, randomness: Randomness) -> None:
        writer = Writer(engine)
        endings = Endings(writer, clock=clock)
        self._engine = engine
        self._lookup = lookup
        self.audit = AuditTrail(engine)
        self.users = Users(writer, clock=clock, randomness=randomness)
        self.standing = lookup.standing
        self.ping = lookup.ping
        self.deny = endings.deny
        self.spend = endings.spend

    @classmethod
    async def open(
        cls, url: str, *, clock: Clock, create: bool = False, randomness: Randomness = token_bytes
    ) -> "Database":
        """Open the database at *url* (`sqlite:////absolute/path`).

        *create* makes one where there is none. Raises SchemaMismatch, with a sentence that says
        what to do, where it is missing, older, newer, damaged or not ours; StoreUnavailable where
        it cannot be reached.
        """
        path = sqlite_file(url)
        if create and not schema.is_there(path):
            await asyncio.to_thread(schema.upgrade, url)
        await asyncio.to_thread(schema.check, url)
        return cls(open_engine(path), Lookup(path), clock=clock, randomness=randomness)

    async def close(self) -> None:
        """End every connection; a database that is not closed keeps the process alive."""
        await self._lookup.close()
        await self._engine.dispose()
