"""Where a database is, and the one door to all that its kind decides.

Law: whoever works on the database says what is to be done in portable SQL; how a connection is made,
locked, watched and copied is said by its place, and nowhere else.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.model.session import Session, Standing
from gateway.store.errands import Errands
from gateway.store.news import Bus
from gateway.store.standing import Lookup, Reader

POSTGRESQL = "postgresql://"

T = TypeVar("T")


class Standings(Protocol):
    """Answers what the database says of a session and its user."""

    def known(self, session: Session) -> Standing | None:
        """Return what `standing` would answer now, None where it has to be asked."""

    def version(self) -> int | None:
        """Return a number that every commit changes, None where that is not known; at once, off any disk."""

    async def standing(self, session: Session) -> Standing | None:
        """Return the standing of *session*, None where its user is gone. Raises StoreUnavailable."""

    async def close(self) -> None: ...


class Place(Protocol):
    """One database; `str` of it is how sentences call it, never with a password.

    `run`, `is_empty`, `prepare`, `settle` and `copy` block: they are for a start and for commands.
    """

    @property
    def may_be_away(self) -> bool:
        """Whether it is a server, which a gateway may be started before."""

    def hold(self) -> None:
        """Let nothing be asked by a running gateway until `release`."""

    def release(self) -> None:
        """Let everything be asked again."""

    @property
    def emptiness(self) -> str:
        """What sentences say of a place that is empty."""

    def is_empty(self) -> bool:
        """Say whether nothing was ever made there. Raises StoreUnavailable."""

    def prepare(self) -> None:
        """Make what a schema can be put into, where the gateway may."""

    def run(self, work: Callable[[Connection], T], *, writes: bool = False) -> T:
        """Return what *work* returns, in one transaction that waits patiently for its turn.

        Raises SchemaMismatch where there is no such database or it is damaged.
        """

    def is_sound(self, connection: Connection) -> bool:
        """Say whether every page can be read, as far as the database tells."""

    def has_orphans(self, connection: Connection) -> bool:
        """Say whether rows lack what they refer to."""

    def settle(self) -> None:
        """Set what is set once, outside any transaction, when the schema is there."""

    def copy(self, target: Path) -> int:
        """Write a copy to *target*, which is not there yet; return its size in bytes.

        Raises SchemaMismatch, also where copies are another program's work; StoreUnavailable.
        """

    def engine(self) -> AsyncEngine:
        """Return the engine of a running gateway; `writes=True` makes its transactions write at once."""

    def errands(self, engine: AsyncEngine) -> Errands:
        """Return who carries out writes that are known beforehand, on *engine* or beside it."""

    def reader(self) -> Reader:
        """Return who answers while a request waits."""

    def standings(self, lookup: Lookup) -> Standings:
        """Return what repeats the answers of *lookup* for as long as the database lets it know that."""

    def bus(self, *, monotonic: Callable[[], float]) -> Bus:
        """Return what follows the database's commits."""


def place_at(url: str) -> Place:
    """Return the place that *url* names. Raises SchemaMismatch for what is none."""
    if url.startswith(POSTGRESQL):
        from gateway.store.postgres import PostgresPlace  # noqa: PLC0415 - its driver is an extra

        return PostgresPlace(url)
    from gateway.store.sqlite import SqlitePlace  # noqa: PLC0415 - which knows this file's names

    return SqlitePlace(url)
