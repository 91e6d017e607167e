"""Calls of the store are timed and outages counted; answers and errors pass as they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.errors import AccountNotLinked, StoreUnavailable
from gateway.model.password import Credentials
from gateway.model.session import Session, Standing
from gateway.observe.store_watch import (
    StoreWatch,
    WatchedBooks,
    WatchedPasswords,
    WatchedSessions,
    WatchedStore,
)
from tests.fakes.clock import FakeClock
from tests.fakes.records import NOW, record
from tests.fakes.session_store import FakeSessionStore
from tests.fakes.sessions import Node


@dataclass
class Counts:
    errors: int = 0
    calls: list[tuple[str, float]] = field(default_factory=list)

    def store_error(self) -> None:
        self.errors += 1

    def store_call(self, *, op: str, duration: float) -> None:
        self.calls.append((op, duration))


class Slow:
    """A store that takes a quarter of a second for everything, and may be down."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.down = False

    def _work(self) -> None:
        self.clock.advance(0.25)
        if self.down:
            raise StoreUnavailable("down")

    def known(self, _session: Session) -> Standing | None:
        return None

    async def standing(self, session: Session) -> Standing | None:
        self._work()
        return None

    async def deny(self, session_id: str, until: int) -> None:
        self._work()

    async def spend(self, key: bytes, until: int) -> bool:
        self._work()
        return True

    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None:
        self._work()
        return 7 if but == "sid" else None

    async def find(self, name: str) -> Credentials | None:
        self._work()
        return None

    async def rehash(self, user_id: str, *, old: str, new: str) -> None:
        self._work()

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[str]:
        self._work()
        yield "the ledger"


async def test_every_call_is_timed_and_its_answer_passes() -> None:
    clock, counts = FakeClock(), Counts()
    watch = StoreWatch(counts, monotonic=clock)
    store, books = WatchedStore(Slow(clock), watch), WatchedBooks(Slow(clock), watch)
    session = Node().sign_in()
    assert store.known(session) is None
    assert await store.standing(session) is None
    await store.deny("sid", 1)
    assert await store.spend(b"key", 1) is True
    assert await store.end_sessions_of("u", but="sid") == 7
    async with books.ledger() as ledger:
        assert ledger == "the ledger"
    verbs = ["standing", "deny", "spend", "end_sessions_of", "ledger"]
    assert counts.calls == [(verb, 0.25) for verb in verbs]
    assert counts.errors == 0


async def test_B149_an_outage_is_counted_and_raised_and_a_refusal_is_no_outage() -> None:
    clock, counts = FakeClock(), Counts()
    watch, slow = StoreWatch(counts, monotonic=clock), Slow(clock)
    slow.down = True
    with pytest.raises(StoreUnavailable):
        await WatchedStore(slow, watch).deny("sid", 1)
    with pytest.raises(StoreUnavailable):
        async with WatchedBooks(slow, watch).ledger():
            pass
    slow.down = False
    with pytest.raises(AccountNotLinked):
        async with WatchedBooks(slow, watch).ledger():
            raise AccountNotLinked("taken")
    assert counts.errors == 2
    assert len(counts.calls) == 3


async def test_B149_calls_of_the_session_store_are_watched_like_the_others() -> None:
    counts, store = Counts(), FakeSessionStore()
    watched = WatchedSessions(store, StoreWatch(counts, monotonic=FakeClock()))
    mine = record("one", "u-alice")
    await watched.add(mine)
    found = await watched.find(mine.key)
    assert found is not None
    assert found.record == mine
    await watched.touch({mine.key: NOW + 1})
    await watched.remove(mine.key)
    await watched.remove_all(mine.user_id, but=None)
    assert await watched.sweep(now=NOW, begun_before=0, seen_before=None) == ()
    assert await watched.page() == ()
    assert await watched.discard([mine]) == ()
    store.down = True
    with pytest.raises(StoreUnavailable):
        await watched.find(mine.key)
    assert counts.errors == 1
    ops = [op for op, _ in counts.calls]
    assert ops == [
        f"session_{op}"
        for op in ("add", "find", "touch", "remove", "remove_all", "sweep", "page", "discard", "find")
    ]


async def test_passwords_are_watched_too() -> None:
    clock, counts = FakeClock(), Counts()
    slow = Slow(clock)
    book = WatchedPasswords(slow, StoreWatch(counts, monotonic=clock))
    assert await book.find("ann@example.com") is None
    slow.down = True
    with pytest.raises(StoreUnavailable):
        await book.rehash("u_ann", old="h1", new="h2")
    assert counts.calls == [("password", 0.25), ("rehash", 0.25)]
    assert counts.errors == 1
