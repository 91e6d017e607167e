"""The database as the rest of the gateway knows it."""

import asyncio
from secrets import token_bytes

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.model.event import Clock
from gateway.model.session import Session, Standing
from gateway.store import schema
from gateway.store.audit import AuditTrail
from gateway.store.endings import Endings
from gateway.store.engine import open_engine, sqlite_file
from gateway.store.ledger import Randomness
from gateway.store.passwords import Passwords
from gateway.store.sessions import Sessions
from gateway.store.sign_ins import SignIns
from gateway.store.standing import DEADLINE, Lookup
from gateway.store.users import Users
from gateway.store.watch import Remembered, Watch
from gateway.store.writer import Writer


class Database:
    """An open database of the right schema; every verb raises StoreUnavailable for an outage."""

    def __init__(
        self, engine: AsyncEngine, lookup: Lookup, watch: Watch, *, clock: Clock, randomness: Randomness
    ) -> None:
        writer = Writer(engine)
        endings = Endings(writer, clock=clock)
        self._engine = engine
        self._lookup = lookup
        self.sessions = Sessions(writer, lookup)
        self._watch = watch
        self._remembered = Remembered(watch)
        self._opening: asyncio.Future[None] | None = None
        self.audit = AuditTrail(engine)
        self.users = Users(writer, clock=clock, randomness=randomness)
        self.known = self._remembered.known
        self.passwords = Passwords(writer, clock=clock)
        self.standing_of = lookup.standing_of
        self.ping = lookup.ping
        self.deny = endings.deny
        self.spend = endings.spend
        self.end_sessions_of = endings.end_sessions_of
        self.endings = endings
        self.sign_ins = SignIns(writer, clock=clock)
        self.forget_sessions = self.sign_ins.forget_sessions
        self.forget_others = self.sign_ins.forget_others

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
        watch = Watch(path)
        await asyncio.to_thread(watch.open)
        return cls(open_engine(path), Lookup(path), watch, clock=clock, randomness=randomness)

    async def standing(self, session: Session) -> Standing | None:
        """Return the standing of *session*, None where its user is gone; raises StoreUnavailable.

        The answer is not older than the call. `known` repeats it until anything changes.
        """
        since = self._remembered.version()
        if since is None:
            self._watch_again()
        standing = await self._lookup.standing(session)
        if standing is not None:
            self._remembered.keep(session, standing, since=since)
        return standing

    def _watch_again(self) -> None:
        """Open what tells of changes anew, once at a time; no lookup waits for it."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(asyncio.to_thread(self._watch.open))

    async def close(self) -> None:
        """End every connection; a database that is not closed keeps the process alive."""
        if self._opening is not None:
            await asyncio.wait([self._opening], timeout=DEADLINE)
        self._watch.close()
        await self._lookup.close()
        await self._engine.dispose()
