"""The store as sessions and logins use it: each call timed, each outage counted, nothing else changed."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Generic, Protocol, TypeVar

from gateway.errors import StoreUnavailable
from gateway.model.identity import User
from gateway.model.password import Credentials
from gateway.model.personal import PersonalToken
from gateway.model.session import FoundSession, Session, SessionRecord, Standing, Validity

Ledger = TypeVar("Ledger")
Ledger_co = TypeVar("Ledger_co", covariant=True)


class Store(Protocol):
    def known(self, session: Session) -> Standing | None: ...
    async def standing(self, session: Session) -> Standing | None: ...
    async def deny(self, session_id: str, until: int) -> None: ...
    async def spend(self, key: bytes, until: int) -> bool: ...
    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None: ...
    async def forget_sessions(self, keys: Sequence[bytes]) -> None: ...
    async def forget_others(self, user_id: str, *, but: str) -> None: ...
    async def validities(self, records: Sequence[SessionRecord]) -> Mapping[bytes, Validity | None]: ...


class SessionStore(Protocol):
    async def find(self, key: bytes) -> FoundSession | None: ...
    async def add(self, record: SessionRecord) -> None: ...
    async def touch(self, seen: Mapping[bytes, int]) -> None: ...
    async def remove(self, key: bytes) -> None: ...
    async def remove_all(self, user_id: str, *, but: bytes | None) -> None: ...
    async def sweep(
        self, *, now: int, begun_before: int, seen_before: int | None
    ) -> tuple[SessionRecord, ...]: ...
    async def page(self) -> tuple[SessionRecord, ...] | None: ...
    async def discard(self, records: Sequence[SessionRecord]) -> tuple[SessionRecord, ...]: ...


class Books(Protocol[Ledger_co]):
    def ledger(self) -> AbstractAsyncContextManager[Ledger_co]: ...


class PasswordBook(Protocol):
    async def find(self, name: str) -> Credentials | None: ...
    async def of(self, user_id: str) -> Credentials | None: ...
    async def replace(self, user_id: str, *, old: str, new: str, but: str) -> User | None: ...
    async def rehash(self, user_id: str, *, old: str, new: str) -> None: ...


class StoreCounts(Protocol):
    def store_error(self) -> None: ...
    def store_call(self, *, op: str, duration: float) -> None: ...


class StoreWatch:
    """Tells *counts* of every call; *monotonic* is in seconds."""

    def __init__(self, counts: StoreCounts, *, monotonic: Callable[[], float]) -> None:
        self._counts = counts
        self._monotonic = monotonic

    @contextmanager
    def over(self, op: str) -> Iterator[None]:
        """Time the body as one call named *op*; an outage in it is counted and raised."""
        began = self._monotonic()
        try:
            yield
        except StoreUnavailable:
            self._counts.store_error()
            raise
        finally:
            self._counts.store_call(op=op, duration=self._monotonic() - began)


class PersonalFinder(Protocol):
    @property
    def personal_token(self) -> Callable[[bytes], Awaitable[tuple[PersonalToken, Standing] | None]]: ...


class Holders(Protocol):
    async def users_of(self, issuer: str, subject: str) -> Sequence[str]: ...


class WatchedStore:
    """What *store* answers, watched."""

    def __init__(self, store: Store, watch: StoreWatch) -> None:
        self._store = store
        self._watch = watch

    def known(self, session: Session) -> Standing | None:
        """Return what a lookup would find now, None where one is needed."""
        return self._store.known(session)

    async def standing(self, session: Session) -> Standing | None:
        """Return the standing of *session*, None where its user is gone. Raises StoreUnavailable."""
        with self._watch.over("standing"):
            return await self._store.standing(session)

    async def deny(self, session_id: str, until: int) -> None:
        """Record that a session ended. Raises StoreUnavailable."""
        with self._watch.over("deny"):
            await self._store.deny(session_id, until)

    async def spend(self, key: bytes, until: int) -> bool:
        """Record a used login; return False where it was used before. Raises StoreUnavailable."""
        with self._watch.over("spend"):
            return await self._store.spend(key, until)

    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None:
        """End the sessions of a user; return their new epoch. Raises StoreUnavailable."""
        with self._watch.over("end_sessions_of"):
            return await self._store.end_sessions_of(user_id, but=but)

    async def forget_sessions(self, keys: Sequence[bytes]) -> None:
        """List sessions no more. Raises StoreUnavailable."""
        with self._watch.over("forget_sessions"):
            await self._store.forget_sessions(keys)

    async def forget_others(self, user_id: str, *, but: str) -> None:
        """List no other session of a user any more. Raises StoreUnavailable."""
        with self._watch.over("forget_others"):
            await self._store.forget_others(user_id, but=but)

    async def validities(self, records: Sequence[SessionRecord]) -> Mapping[bytes, Validity | None]:
        """Return what may have ended sessions, by key. Raises StoreUnavailable."""
        with self._watch.over("validities"):
            return await self._store.validities(records)


class WatchedSessions:
    """What *store* keeps of stateful sessions, watched; every verb raises StoreUnavailable."""

    def __init__(self, store: SessionStore, watch: StoreWatch) -> None:
        self._store = store
        self._watch = watch

    async def find(self, key: bytes) -> FoundSession | None:
        """Return the session kept under *key* and its user's standing."""
        with self._watch.over("session_find"):
            return await self._store.find(key)

    async def add(self, record: SessionRecord) -> None:
        """Keep *record*."""
        with self._watch.over("session_add"):
            await self._store.add(record)

    async def touch(self, seen: Mapping[bytes, int]) -> None:
        """Record when sessions were last seen."""
        with self._watch.over("session_touch"):
            await self._store.touch(seen)

    async def remove(self, key: bytes) -> None:
        """End the session under *key*."""
        with self._watch.over("session_remove"):
            await self._store.remove(key)

    async def remove_all(self, user_id: str, *, but: bytes | None) -> None:
        """End every session of the user except the one under *but*."""
        with self._watch.over("session_remove_all"):
            await self._store.remove_all(user_id, but=but)

    async def sweep(
        self, *, now: int, begun_before: int, seen_before: int | None
    ) -> tuple[SessionRecord, ...]:
        """Remove sessions that are over, and return them."""
        with self._watch.over("session_sweep"):
            return await self._store.sweep(now=now, begun_before=begun_before, seen_before=seen_before)

    async def page(self) -> tuple[SessionRecord, ...] | None:
        """Return some of the sessions, others at each call; None once all have had their turn."""
        with self._watch.over("session_page"):
            return await self._store.page()

    async def discard(self, records: Sequence[SessionRecord]) -> tuple[SessionRecord, ...]:
        """Remove the sessions in *records* that still are as they were read, and return those."""
        with self._watch.over("session_discard"):
            return await self._store.discard(records)


class WatchedBooks(Generic[Ledger]):
    """The transactions of *books*, each watched from its beginning to its end."""

    def __init__(self, books: Books[Ledger], watch: StoreWatch) -> None:
        self._books = books
        self._watch = watch

    @asynccontextmanager
    async def ledger(self) -> AsyncIterator[Ledger]:
        """Open one write transaction. Raises StoreUnavailable."""
        with self._watch.over("ledger"):
            async with self._books.ledger() as ledger:
                yield ledger


class WatchedHolders:
    """To whom identities are linked, as *holders* answers it, watched."""

    def __init__(self, holders: Holders, watch: StoreWatch) -> None:
        self._holders = holders
        self._watch = watch

    async def users_of(self, issuer: str, subject: str) -> Sequence[str]:
        """Return the ids of the users to whom an identity is linked. Raises StoreUnavailable."""
        with self._watch.over("users_of"):
            return await self._holders.users_of(issuer, subject)


class WatchedPersonal:
    """What *finder* answers about personal tokens, watched."""

    def __init__(self, finder: PersonalFinder, watch: StoreWatch) -> None:
        self._finder = finder
        self._watch = watch

    async def personal_token(self, key: bytes) -> tuple[PersonalToken, Standing] | None:
        """Return a token with its user's standing. Raises StoreUnavailable."""
        with self._watch.over("personal_token"):
            return await self._finder.personal_token(key)


class WatchedPasswords:
    """What *book* answers about passwords, watched."""

    def __init__(self, book: PasswordBook, watch: StoreWatch) -> None:
        self._book = book
        self._watch = watch

    async def find(self, name: str) -> Credentials | None:
        """Return the user called *name* with their hash. Raises StoreUnavailable."""
        with self._watch.over("password"):
            return await self._book.find(name)

    async def of(self, user_id: str) -> Credentials | None:
        """Return the user with their hash. Raises StoreUnavailable."""
        with self._watch.over("password"):
            return await self._book.of(user_id)

    async def replace(self, user_id: str, *, old: str, new: str, but: str) -> User | None:
        """Replace a hash by another password's and end the user's other sessions."""
        with self._watch.over("new_password"):
            return await self._book.replace(user_id, old=old, new=new, but=but)

    async def rehash(self, user_id: str, *, old: str, new: str) -> None:
        """Replace a hash by another of the same password. Raises StoreUnavailable."""
        with self._watch.over("rehash"):
            await self._book.rehash(user_id, old=old, new=new)
