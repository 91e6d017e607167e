"""A store of stateful sessions in memory that can be slow, and down; and a node over it."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.errors import StoreUnavailable
from gateway.keys.keyring import KeyRing
from gateway.model.event import AuditEvent
from gateway.model.session import FoundSession, Session, SessionRecord, Standing, Validity, Visitor
from gateway.sessions.cache import SessionCache
from gateway.sessions.endings import Endings
from gateway.sessions.stateful import Removal, Stateful
from gateway.sessions.strategy import Loaded, Policy
from gateway.store.session_keys import names_of
from tests.fakes.clock import FakeClock
from tests.fakes.jar import Jar
from tests.fakes.sessions import ALICE, LOGIN, NAMES, POLICY, SECRET, SITE, Tallied

VISITOR = Visitor(address="192.0.2.1", browser="Firefox/1")


class FakeSessionStore:
    """Keeps records of Alice; counts what it is asked.

    While `down`, everything raises StoreUnavailable. While `gate` is closed, a `find` waits with
    its answer: `asked` is set once one has.
    """

    def __init__(self) -> None:
        self.records: dict[bytes, SessionRecord] = {}
        self.standing: Standing | None = Standing(
            enabled=True,
            epoch=ALICE.epoch,
            denied=False,
            email=ALICE.email,
            email_verified=True,
            name=ALICE.name,
            image=None,
            roles=ALICE.roles,
        )
        self.pages: list[tuple[SessionRecord, ...] | None] = []
        self.calls: Counter[str] = Counter()
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    def _called(self, verb: str) -> None:
        self.calls[verb] += 1
        if self.down:
            raise StoreUnavailable("down")

    async def find(self, key: bytes) -> FoundSession | None:
        self._called("find")
        record = self.records.get(key)
        answer = (
            FoundSession(record=record, standing=self.standing, names=names_of(record)) if record else None
        )
        self.asked.set()
        await self.gate.wait()
        return answer

    async def add(self, record: SessionRecord) -> None:
        self._called("add")
        self.records[record.key] = record

    async def touch(self, seen: Mapping[bytes, int]) -> None:
        self._called("touch")
        for key, moment in seen.items():
            self.records[key] = replace(self.records[key], seen_at=moment)

    async def remove(self, key: bytes) -> None:
        self._called("remove")
        self.records.pop(key, None)

    async def remove_all(self, user_id: str, *, but: bytes | None) -> None:
        self._called("remove_all")
        kept = [key for key, each in self.records.items() if each.user_id != user_id or key == but]
        self.records = {key: self.records[key] for key in kept}

    async def sweep(
        self, *, now: int, begun_before: int, seen_before: int | None
    ) -> tuple[SessionRecord, ...]:
        self._called("sweep")
        gone = tuple(
            record
            for record in self.records.values()
            if record.ends_at <= now
            or record.created_at <= begun_before
            or (seen_before is not None and record.seen_at < seen_before)
        )
        for record in gone:
            del self.records[record.key]
        return gone

    async def page(self) -> tuple[SessionRecord, ...] | None:
        self._called("page")
        self.pages = self.pages or [tuple(self.records.values()), None]
        return self.pages.pop(0)

    async def discard(self, records: Sequence[SessionRecord]) -> tuple[SessionRecord, ...]:
        self._called("discard")
        gone = tuple(each for each in records if self.records.get(each.key) == each)
        for record in gone:
            del self.records[record.key]
        return gone


class FakeBook:
    """The database's book of sessions, written down as it comes; `validity` holds of each session.

    While `down`, that cannot be asked.
    """

    def __init__(self) -> None:
        self.validity: Validity | None = Validity(enabled=True, epoch=ALICE.epoch, denied=False)
        self.down = False
        self.denied: dict[str, int] = {}
        self.forgotten: list[bytes] = []
        self.ended: list[str] = []
        self.others: list[tuple[str, str]] = []

    async def deny(self, session_id: str, until: int) -> None:
        self.denied[session_id] = until

    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None:
        self.ended.append(user_id)
        return 1

    async def forget_sessions(self, keys: Sequence[bytes]) -> None:
        self.forgotten += keys

    async def forget_others(self, user_id: str, *, but: str) -> None:
        self.others.append((user_id, but))

    async def validities(self, records: Sequence[SessionRecord]) -> Mapping[bytes, Validity | None]:
        if self.down:
            raise StoreUnavailable("down")
        return dict.fromkeys((record.key for record in records), self.validity)


@dataclass
class StatefulNode:
    """A node with stateful sessions; where `pushed`, its one channel proves itself when told to."""

    policy: Policy = POLICY
    pushed: bool = False
    clock: FakeClock = field(default_factory=FakeClock)
    monotonic: FakeClock = field(default_factory=lambda: FakeClock(100.0))
    store: FakeSessionStore = field(default_factory=FakeSessionStore)
    book: FakeBook = field(default_factory=FakeBook)
    browser: Jar = field(default_factory=Jar)

    def __post_init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.sightings: list[tuple[str, int]] = []
        removal = Removal(self.store, self.book)
        self.endings = Endings(removal, clock=self.clock, audit=self.events.append)
        self.tally = Tallied()
        self.cache = SessionCache(int(self.pushed), monotonic=self.monotonic)
        ring = KeyRing((SECRET,), scope=SITE)
        self.sessions = Stateful(
            self.policy,
            mac=ring.mac("session-id"),
            sealer=ring.sealer("session-record"),
            names=NAMES,
            store=self.store,
            book=self.book,
            endings=self.endings,
            cache=self.cache,
            clock=self.clock,
            audit=self.events.append,
            tally=self.tally,
            seen=lambda session_id, moment: self.sightings.append((session_id, moment)),
            patience=5.0,
        )

    def prove(self) -> None:
        for channel in self.cache.channels:
            channel.proved(self.monotonic())

    async def sign_in(self, *, persistent: bool = True) -> Session:
        session = self.sessions.issue(LOGIN, ALICE, persistent=persistent)
        await self.sessions.begin(session, VISITOR)
        self.browser.take(self.sessions.cookies(session, self.browser.headers()))
        return session

    async def close(self) -> None:
        await self.sessions.close()
        await self.endings.close()

    def load(self) -> Loaded:
        return self.sessions.load(self.browser.headers())

    async def request(self) -> Session:
        loaded = self.load()
        if loaded.session is None:
            raise LookupError(loaded.rejected)
        return await self.sessions.renew(loaded.session) if loaded.due else loaded.session
