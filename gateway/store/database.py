"""The database as the rest of the gateway knows it."""

import asyncio
from collections.abc import Callable
from functools import partial
from secrets import token_bytes

from gateway.errors import StoreUnavailable
from gateway.model.event import Clock
from gateway.store import schema
from gateway.store.absence import Absence
from gateway.store.audit import AuditTrail
from gateway.store.endings import Endings
from gateway.store.ledger import Randomness
from gateway.store.locks import Locks
from gateway.store.news import Bus
from gateway.store.passwords import Passwords
from gateway.store.personal_tokens import PersonalTokens
from gateway.store.place import Place, Standings, place_at
from gateway.store.provider_grants import ProviderGrants
from gateway.store.sessions import Sessions
from gateway.store.sign_ins import SignIns
from gateway.store.standing import Lookup
from gateway.store.user_pages import UserPages
from gateway.store.users import Users
from gateway.store.validity import Validities
from gateway.store.writer import Writer


class Database:
    """An open database of the right schema; every verb raises StoreUnavailable for an outage."""

    def __init__(
        self,
        place: Place,
        absence: Absence,
        lookup: Lookup,
        standings: Standings,
        *,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        engine = place.engine()
        self._errands = place.errands(engine), place.errands(engine)
        mine, of_audit = self._errands
        writer = Writer(engine, mine)
        endings = Endings(writer, clock=clock)
        self._place = place
        self._absence = absence
        self.first = absence.first
        self._engine = engine
        self._lookup = lookup
        self._standings = standings
        self.sessions = Sessions(writer, lookup)
        self.audit = AuditTrail(engine, of_audit)
        self.users = Users(writer, clock=clock, randomness=randomness)
        self.user_pages = UserPages(writer)
        self.known = standings.known
        self.version = standings.version
        self.standing = standings.standing
        self.provider_grants = ProviderGrants(writer, clock=clock)
        self.locks = Locks(writer, clock=clock)
        self.passwords = Passwords(writer, lookup, clock=clock)
        self.standing_of = lookup.standing_of
        self.personal_token = lookup.personal_token
        self.personal_tokens = PersonalTokens(writer)
        self.ping = lookup.ping
        self.deny = endings.deny
        self.spend = endings.spend
        self.end_sessions_of = endings.end_sessions_of
        self.endings = endings
        self.sign_ins = SignIns(writer, clock=clock)
        self.forget_sessions = self.sign_ins.forget_sessions
        self.forget_others = self.sign_ins.forget_others
        self.validities = Validities(writer).of

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Clock,
        create: bool = False,
        awaited: Callable[[str], None] | None = None,
        randomness: Randomness = token_bytes,
    ) -> "Database":
        """Open the database at *url*: `sqlite:////absolute/path` or `postgresql://user@host/name`.

        *create* makes one where there is none. Raises SchemaMismatch, with a sentence that says
        what to do, where it is missing, older, newer, damaged or not ours; StoreUnavailable where
        it cannot be reached; but with *awaited*, a server that is away is waited for: what is asked
        meanwhile raises StoreUnavailable, and *awaited* hears why it goes on.
        """
        place = place_at(url)
        absence = Absence(place)
        fitness = partial(schema.make_fit, url, create=create)
        try:
            await absence.first(fitness)
        except StoreUnavailable:
            if awaited is None or not place.may_be_away:
                raise
            absence.begin(fitness, told=awaited)
        lookup = Lookup(place.reader())
        standings = await asyncio.to_thread(place.standings, lookup)
        return cls(place, absence, lookup, standings, clock=clock, randomness=randomness)

    def bus(self, *, monotonic: Callable[[], float]) -> Bus:
        """Return what follows the database's commits; *monotonic* is in seconds."""
        return self._place.bus(monotonic=monotonic)

    async def close(self) -> None:
        """End every connection; a database that is not closed keeps the process alive."""
        await self._absence.close()
        await self._standings.close()
        await self._lookup.close()
        for errands in self._errands:
            await errands.close()
        await self._engine.dispose()
