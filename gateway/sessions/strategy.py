"""Where the truth about a session lives: the Protocol that every strategy keeps, and its terms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.model.identity import User, VerifiedLogin
from gateway.model.inbound import RawHeaders
from gateway.model.session import (
    FoundSession,
    Session,
    SessionRecord,
    Standing,
    Validity,
    Visitor,
    public_name,
    session_key,
)

SKEW = 60
"""Seconds that another node's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the cookies of a request say, without asking anybody.

    `session` opened and holds, None otherwise; where `due`, it must be renewed before it is
    trusted, and until then says no more than which session it is. `presented` says that a session
    cookie came at all, `rejected` why it does not hold (a word of `SessionRejected.REASONS`),
    `clear` what any answer must leave in the browser.
    """

    session: Session | None = None
    due: bool = False
    rejected: str = ""
    presented: bool = False
    clear: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long sessions are trusted and how long they live; all durations in seconds.

    `strict` asks the directory at every request. `audience` names this gateway and cookie: a
    session made for another does not open.
    """

    lease: int
    max_age: int
    idle_timeout: int | None
    strict: bool
    audience: str

    def ends_at(self, session: Session) -> int:
        """Return the absolute end: lowering `max_age` acts at once, raising it lengthens nothing."""
        return min(session.ends_at, session.authenticated_at + self.max_age)

    def trusted(self, session: Session) -> tuple[float, float]:
        """Return from when, and until when, nothing has to be asked about *session*: `fault` finds none
        then, and its lease runs. Never under `strict`."""
        if self.strict:
            return 0.0, 0.0
        begins = max(session.issued_at, session.authenticated_at) - SKEW
        return begins, min(session.lease_until, self.ends_at(session))

    def fault(self, session: Session, *, now: float) -> str:
        """Return why *session* does not hold at *now*, whatever anybody says, or an empty string."""
        if session.issued_at > now + SKEW or session.authenticated_at > now + SKEW:
            return "invalid"
        if now >= self.ends_at(session):
            return "absolute"
        if self.idle_timeout is not None and now - session.lease_until > self.idle_timeout:
            return "idle"
        return ""


class Directory(Protocol):
    """The user database, as sessions see it; what awaits raises StoreUnavailable for an outage."""

    def known(self, session: Session) -> Standing | None:
        """Return what `standing` would answer now, None where it has to be asked."""

    async def standing(self, session: Session) -> Standing | None:
        """Return what is true of *session* now, None where its user is gone."""

    async def deny(self, session_id: str, until: int) -> None:
        """Refuse the session from now on, at least until Unix time *until*."""

    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None:
        """End every session of the user and return the epoch of those to come, None where they are gone.

        The session whose id is *but* goes on where it is issued anew under that epoch.
        """


class SessionBook(Protocol):
    """What the database says of sessions wherever they are kept; raises StoreUnavailable for an outage."""

    async def deny(self, session_id: str, until: int) -> None:
        """Refuse the session from now on, and list it no more."""

    async def end_sessions_of(self, user_id: str, *, but: str | None = None) -> int | None:
        """End every session of the user by their epoch, and list none of them."""

    async def forget_sessions(self, keys: Sequence[bytes]) -> None:
        """List the sessions under *keys* no more."""

    async def forget_others(self, user_id: str, *, but: str) -> None:
        """List no session of the user any more, except the one whose id is *but*."""

    async def validities(self, records: Sequence[SessionRecord]) -> Mapping[bytes, Validity | None]:
        """Return, by key, what may have ended the sessions in *records*; None where their user is gone."""


class SessionStore(Protocol):
    """Where stateful sessions are kept. Every verb raises StoreUnavailable for an outage."""

    async def find(self, key: bytes) -> FoundSession | None:
        """Return the session kept under *key* and its user's standing, not older than the call."""

    async def add(self, record: SessionRecord) -> None:
        """Keep *record*, also in the place of an earlier one under its key."""

    async def touch(self, seen: Mapping[bytes, int]) -> None:
        """Record when the sessions were last seen; one that is gone stays gone."""

    async def remove(self, key: bytes) -> None:
        """End the session under *key*, which need not be there."""

    async def remove_all(self, user_id: str, *, but: bytes | None) -> None:
        """End every session of the user except the one under *but*."""

    async def sweep(
        self, *, now: int, begun_before: int, seen_before: int | None
    ) -> tuple[SessionRecord, ...]:
        """Remove a bounded number of sessions that are over, and return them; none: all are removed."""

    async def page(self) -> tuple[SessionRecord, ...] | None:
        """Return some of the sessions, others at each call; None once all have had their turn, after
        which the first come again."""

    async def discard(self, records: Sequence[SessionRecord]) -> tuple[SessionRecord, ...]:
        """Remove the sessions in *records*, and return those that this removed: one that was kept anew
        since it was read, or is gone, is passed over."""


Seen = Callable[[str, int], None]
"""Hears the id of a session and when it was seen, in Unix seconds."""


Reissued = Callable[[Session], None]
"""Hears of a session as it goes on, under another epoch."""


def unheard(_session: Session) -> None:
    """Nobody goes by sessions beside the requests."""


def unseen(_session_id: str, _moment: int) -> None:
    """Nobody wants to know when sessions were seen."""


class Tally(Protocol):
    """Who counts what happens to sessions."""

    def renewed(self) -> None: ...

    def rejected(self, reason: str) -> None: ...

    def lookup_shared(self) -> None: ...

    def cookie_left(self, pieces: int) -> None: ...


class Strategy(Protocol):
    """Loads, renews, issues and ends sessions."""

    def load(self, headers: RawHeaders) -> Loaded:
        """Return what the cookies say; no I/O."""

    def warm(self, lines: Sequence[bytes]) -> Loaded | None:
        """Return what `load` would of a request with these `Cookie` *lines*, where it says nothing new: no
        cookie, or a trusted session that was loaded before from the same line. None otherwise; nothing
        is told or counted."""

    async def renew(self, session: Session, *, fresh: bool = False) -> Session:
        """Return *session* while it is trusted, else the same session on a new lease.

        `token_id` differs from the old one exactly where the browser must be left a new cookie.
        *fresh* refuses to share a lookup that was sent before this call. Raises SessionRejected,
        StoreUnavailable.
        """

    async def confirm(self, session: Session) -> Session:
        """Return *session* with roles and profile as read now; raises as `renew` does."""

    async def recheck(self, session: Session, *, asks_for_roles: bool) -> Session:
        """Return *session* if what was admitted with it may still go on; that counts as no use of it.

        Asks the store only where it may say something new: cheap enough to be called every moment.
        Raises as `renew` does.
        """

    def issue(self, login: VerifiedLogin, user: User, *, persistent: bool) -> Session:
        """Return a new session of *user*, begun now."""

    async def begin(self, session: Session, visitor: Visitor) -> None:
        """Make a session that was issued one that holds; before this its cookie is worth nothing.

        Raises SessionTooLarge, StoreUnavailable.
        """

    async def reissue(self, session: Session, user: User) -> Session:
        """Return *session* under the epoch that *user* has now, to be left in the browser: the one that
        outlives a raised epoch. Raises SessionTooLarge, StoreUnavailable."""

    def cookies(self, session: Session, headers: RawHeaders) -> tuple[bytes, ...]:
        """Return the Set-Cookie values that leave exactly *session* in a browser that sent *headers*.

        Raises SessionTooLarge.
        """

    def clear(self, headers: RawHeaders) -> tuple[bytes, ...]:
        """Return the Set-Cookie values that leave no session in a browser that sent *headers*."""

    async def identified(self, session: Session) -> Session:
        """Return *session* with whose it is, which the cookie need not say; raises as `renew` does.

        Asks nobody where that is known.
        """

    async def end(self, session: Session) -> None:
        """End *session*: this node refuses it at once, and goes on to record that until it is.

        Raises StoreUnavailable where it is not recorded yet, unless the strategy can do without.
        """

    async def end_all(self, session: Session) -> None:
        """End every session of its user, *session* first; raises StoreUnavailable."""

    async def end_others(self, session: Session) -> Session:
        """End every other session of its user; return *session* as it has to be left in the browser.

        Raises SessionRejected, and nothing ended then; StoreUnavailable, where some may have.
        """

    async def let_go(self, keys: Sequence[bytes]) -> None:
        """Keep nothing of the sessions under *keys*, which the database refuses already; never raises for
        an outage."""

    def distrust(self) -> None:
        """Use nothing that was read of sessions before this call: somebody else ended some just now."""

    async def close(self) -> None:
        """Record what is not recorded yet, if the store answers, and stop."""


def public_id(session_id: str) -> str:
    """Return the name by which a session is told to people and logs: of no use as a cookie."""
    return public_name(session_key(session_id))
