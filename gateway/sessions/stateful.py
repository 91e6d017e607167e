"""The stateful strategy: the cookie names a session, and the store says what there is to say of it.

The law of this file: the tag comes before the store, the store before anything else; what the store
holds counts only where it opens for exactly this id and this user; and the idle and the absolute
end are ours to judge, by the gateway's clock.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.errors import SealBroken, SessionRejected, StoreUnavailable
from gateway.keys.mac import Mac
from gateway.keys.seal import Sealer
from gateway.model.cookies import CookieNames
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.identity import User, VerifiedLogin
from gateway.model.inbound import RawHeaders
from gateway.model.session import FoundSession, Session, SessionRecord, Visitor, public_name, session_key
from gateway.sessions.cache import Held, SessionCache, Ticket
from gateway.sessions.cookies import cookie_lines
from gateway.sessions.endings import Endings
from gateway.sessions.lookups import Lookups
from gateway.sessions.opaque import OpaqueCookies, Presented, PresentedLines, token_id
from gateway.sessions.pieces import SessionCookie, Shown
from gateway.sessions.records import Records, unread
from gateway.sessions.strategy import (
    Loaded,
    Policy,
    Seen,
    SessionBook,
    SessionStore,
    Tally,
    public_id,
    unseen,
)
from gateway.sessions.sweep import Sweep
from gateway.sessions.touches import Touches
from gateway.sessions.verdicts import as_read, identity_of, refusal

_ABSENT = Loaded()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    found: FoundSession | None
    ticket: Ticket


class Stateful:
    """Keeps sessions in *store* and, where *cache* is fed, for moments in process.

    *patience* is how many seconds a lookup may take before it counts as an outage. `policy.lease` and
    `policy.strict` mean nothing here: every session ends the moment its row does. *seen* hears, by its
    id, when a session's use is written. *endings* are what this node ended, recorded by a `Removal`;
    whoever lends closes them.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        mac: Mac,
        sealer: Sealer,
        names: CookieNames,
        store: SessionStore,
        book: SessionBook,
        endings: Endings,
        cache: SessionCache,
        clock: Clock,
        audit: Audit,
        tally: Tally,
        seen: Seen = unseen,
        patience: float = 0.28,
    ) -> None:
        self._policy = policy
        self._names = names
        self._store = store
        self._book = book
        self._endings = endings
        self._seen = seen
        self._cache = cache
        self._clock = clock
        self._audit = audit
        self._tally = tally
        self._cookie = SessionCookie(names)
        self._values = OpaqueCookies(mac, audience=policy.audience)
        self._lines = PresentedLines()
        self._records = Records(sealer, audience=policy.audience)
        self._lookups = Lookups(self._read, clock=clock, tally=tally, patience=patience)
        self._touches = Touches(store.touch, every=_touch_every(policy))
        self._sweep = Sweep(
            policy, store=store, book=book, records=self._records, cache=cache, clock=clock, audit=audit
        )
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Sweep from now on, until `close`."""
        self._sweeping = asyncio.get_running_loop().create_task(self._sweep.run())

    def load(self, headers: RawHeaders) -> Loaded:
        """Return what the cookies present; trusted where the cache holds it, else due to be asked for."""
        lines = cookie_lines(headers)
        if not lines:
            return _ABSENT
        presented = self._lines.find(lines[0]) if len(lines) == 1 else None
        if presented is not None and presented.id not in self._endings:
            return self._answer(presented)
        shown = self._cookie.shown(headers)
        return self._load_shown(shown, lines) if shown else _ABSENT

    def warm(self, lines: Sequence[bytes]) -> Loaded | None:
        """Return the trusted session of a `Cookie` line that was read before; no cookie: nobody."""
        if not lines:
            return _ABSENT
        presented = self._lines.find(lines[0]) if len(lines) == 1 else None
        if presented is None or presented.id in self._endings:
            return None
        answer = self._answer(presented)
        return None if answer.due else answer

    async def renew(self, session: Session, *, fresh: bool = False) -> Session:
        """Return the session as the store has it at this call; that counts as its use."""
        return await self._ask(session, used=True)

    async def confirm(self, session: Session) -> Session:
        """Return the session as the store has it at this call; that keeps nobody from idling."""
        return await self._ask(session, used=False)

    async def recheck(self, session: Session, *, asks_for_roles: bool) -> Session:
        """Return the session as the cache holds it, else as the store has it; that is no use of it."""
        key = session_key(session.id)
        held = None if session.id in self._endings else self._cache.find(key)
        if held is None or self._ended_by_now(held, key):
            return await self._ask(session, used=False)
        return held.session

    def issue(self, login: VerifiedLogin, user: User, *, persistent: bool) -> Session:
        """Return a new session of *user*, which holds once it has begun."""
        now = int(self._clock())
        session_id = secrets.token_urlsafe(32)
        return Session(
            id=session_id,
            token_id=token_id(session_id),
            identity=identity_of(login, user),
            issued_at=now,
            lease_until=now + self._policy.max_age,
            authenticated_at=now,
            ends_at=now + self._policy.max_age,
            epoch=user.epoch,
            provider=login.provider,
            issuer=login.issuer,
            subject=login.subject,
            issuer_sid=login.issuer_sid,
            acr=login.acr,
            amr=login.amr,
            persistent=persistent,
            proved_at=login.authenticated_at,
        )

    async def begin(self, session: Session, visitor: Visitor) -> None:
        """Keep *session* in the store."""
        record = self._records.record(session, visitor)
        await self._store.add(record)
        self._tell("session.created", user_id=record.user_id, public=record.public_id)

    async def reissue(self, session: Session, user: User) -> Session:
        """Keep *session*, alone of its user's, under the epoch that *user* has now; the cookie stays."""
        found = await self._store.find(session_key(session.id))
        visitor = Visitor(
            address=found.record.address if found else "", browser=found.record.browser if found else ""
        )
        reissued = replace(session, epoch=user.epoch, identity=as_read(session.identity, user))
        record = replace(self._records.record(reissued, visitor), seen_at=int(self._clock()))
        await self._store.add(record)
        with suppress(StoreUnavailable):  # the epoch refuses what is left
            await self._store.remove_all(record.user_id, but=record.key)
        self._cache.drop_all()
        self._tell("session.reissued", user_id=record.user_id, public=record.public_id)
        return reissued

    def cookies(self, session: Session, headers: RawHeaders) -> tuple[bytes, ...]:
        """Return the Set-Cookie values that leave *session*; their expiry is its absolute end."""
        max_age = max(0, self._policy.ends_at(session) - int(self._clock())) if session.persistent else None
        lines = self._cookie.written(self._values.value(session.id), pieces=1, max_age=max_age)
        self._tally.cookie_left(1)
        return (*self._cookie.cleared(self._cookie.shown(headers), kept=1), *lines)

    def clear(self, headers: RawHeaders) -> tuple[bytes, ...]:
        """Return the Set-Cookie values that clear today's cookie and every variant in *headers*."""
        shown = [(self._cookie.name, b""), *self._cookie.shown(headers)]
        return tuple(self._cookie.cleared(shown, kept=0))

    async def identified(self, session: Session) -> Session:
        """Return *session* with whose it is: from the store, where it was not asked before."""
        return session if session.identity.user_id else await self.confirm(session)

    async def end(self, session: Session) -> None:
        """End *session*: here at once, in the store now or, where that raises StoreUnavailable, later."""
        key = session_key(session.id)
        self._cache.drop(key)  # what is being read at this moment is known to have ended from here on
        await self._endings.record(session.id, until=int(self._clock()) + self._policy.max_age)
        self._tell("session.ended", user_id=session.identity.user_id, public=public_name(key))

    async def end_all(self, session: Session) -> None:
        """End every session of the user: by their epoch at once, and what the store keeps of them."""
        user_id = session.identity.user_id
        self._endings.note(session.id, until=int(self._clock()) + self._policy.max_age)
        await self._book.end_sessions_of(user_id)
        with suppress(StoreUnavailable):  # the epoch refuses what is left
            await self._store.remove_all(user_id, but=None)
        self._cache.drop_all()
        self._tell("session.ended", user_id=user_id, public=public_id(session.id), reason="all")

    async def end_others(self, session: Session) -> Session:
        """End every other session of the user; this one goes on as it is, in the same cookie."""
        kept = await self.confirm(session)
        user_id = kept.identity.user_id
        try:
            await self._store.remove_all(user_id, but=session_key(kept.id))
        finally:
            self._cache.drop_all()
        await self._book.forget_others(user_id, but=kept.id)
        self._tell("session.ended", user_id=user_id, public=public_id(kept.id), reason="others")
        return kept

    async def let_go(self, keys: Sequence[bytes]) -> None:
        """Remove the sessions under *keys*, here at once; those that the store misses are refused as they
        are, and swept."""
        for key in keys:
            self._cache.drop(key)
        with suppress(StoreUnavailable):
            for key in keys:
                await self._store.remove(key)

    def distrust(self) -> None:
        """Ask the store about every session anew, without waiting for its news."""
        self._cache.drop_all()

    async def sweep(self) -> None:
        """Remove, and tell, what ended and was not presented since: see `Sweep`."""
        await self._sweep.once()

    async def close(self) -> None:
        """Write what is not written yet, if the store answers, and stop."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        await self._touches.close()

    def _load_shown(self, shown: Shown, lines: list[bytes]) -> Loaded:
        if not self._cookie.is_in(shown):
            return Loaded(presented=True, clear=tuple(self._cookie.cleared(shown, kept=0)))
        values = {value for name, value in shown if name == self._cookie.name}
        found = {session_id for value in values if (session_id := self._values.read(value)) is not None}
        if len(found) != 1:
            return self._refused(shown, "ambiguous" if found else "invalid")
        presented = Presented(unread(found.pop()))
        if presented.id in self._endings:
            return self._refused(shown, "revoked", presented.key)
        if sum(name == self._cookie.name for name, _ in shown) > 1:
            return Loaded(session=_to_be_left_anew(presented), due=True, presented=True)
        clear = tuple(self._cookie.cleared(shown, kept=1))
        if clear:
            return replace(self._answer(presented), clear=clear)
        if len(lines) == 1:
            self._lines.keep(lines[0], presented)
        return self._answer(presented)

    def _answer(self, presented: Presented) -> Loaded:
        held = self._cache.find(presented.key)
        if held is None:
            return presented.due
        now = self._clock()
        # Where its use is to be written, the store is asked, which also tells whether it still is there.
        if self._policy.fault(held.session, now=now) or self._touches.due(held.seen_at, now):
            return presented.due
        return held.loaded

    async def _read(self, session: Session) -> _Reading:
        ticket = self._cache.ticket()
        return _Reading(found=await self._store.find(session_key(session.id)), ticket=ticket)

    async def _ask(self, session: Session, *, used: bool) -> Session:
        if session.id in self._endings:
            raise self._rejection("revoked", session_key(session.id))
        answer = await self._lookups.ask(session, fresh=True)
        reading = answer.said
        if session.id in self._endings:  # ended here while the lookup was under way
            raise self._rejection("revoked", session_key(session.id))
        if reading.found is None:
            raise self._rejection("unknown", session_key(session.id))
        judged = await self._judged(session.id, reading.found)
        record = reading.found.record
        now = self._clock()
        if used and self._touches.note(record.key, seen_at=record.seen_at, now=now):
            self._seen(session.id, int(now))
        seen_at = self._seen_at(record)
        self._cache.keep(record.key, Held(judged, seen_at=seen_at, names=reading.found.names), reading.ticket)
        return judged

    async def _judged(self, session_id: str, found: FoundSession) -> Session:
        record, standing = found.record, found.standing
        try:
            session = self._records.session(session_id, record)
        except (SealBroken, SessionRejected):  # another row's content, or another release's
            raise self._rejection("invalid", session_key(session_id)) from None
        reason = refusal(session, standing) or self._over(session, record)
        if standing is None or reason:
            if reason != "invalid":  # which is for the clock to mend, where it is wrong
                await self._forget(record)
            raise self._rejection(reason, record.key, user_id=record.user_id)
        identity = as_read(session.identity, standing)
        return session if identity is session.identity else replace(session, identity=identity)

    async def _forget(self, record: SessionRecord) -> None:
        """Remove the session as it was found: it may go on under its user's new epoch by now."""
        self._cache.drop(record.key)
        with suppress(StoreUnavailable):  # it is refused whether or not it goes now
            if await self._store.discard([record]):
                await self._book.forget_sessions([record.key])

    def _seen_at(self, record: SessionRecord) -> int:
        return max(record.seen_at, self._touches.noted(record.key))

    def _over(self, session: Session, record: SessionRecord) -> str:
        now = self._clock()
        if reason := self._policy.fault(session, now=now):
            return reason
        return "idle" if self._idles(self._seen_at(record), now) else ""

    def _ended_by_now(self, held: Held, key: bytes) -> bool:
        now = self._clock()
        seen_at = max(held.seen_at, self._touches.noted(key))
        return bool(self._policy.fault(held.session, now=now)) or self._idles(seen_at, now)

    def _idles(self, seen_at: int, now: float) -> bool:
        idle = self._policy.idle_timeout
        return idle is not None and now - seen_at > idle

    def _refused(self, shown: Shown, reason: str, key: bytes = b"") -> Loaded:
        self._reject(reason, key)
        return Loaded(rejected=reason, presented=True, clear=tuple(self._cookie.cleared(shown, kept=0)))

    def _rejection(self, reason: str, key: bytes, *, user_id: str = "") -> SessionRejected:
        self._reject(reason, key, user_id=user_id)
        return SessionRejected(reason)

    def _reject(self, reason: str, key: bytes, *, user_id: str = "") -> None:
        self._tally.rejected(reason)
        self._tell(
            "session.rejected",
            user_id=user_id,
            public=public_name(key) if key else "",
            outcome="refused",
            reason=reason,
        )

    def _tell(
        self, name: str, *, user_id: str, public: str, outcome: str = "success", reason: str = ""
    ) -> None:
        self._audit(AuditEvent(name=name, outcome=outcome, reason=reason, user_id=user_id, session_id=public))


class Removal:
    """The store as `Endings` sees it: what is denied is removed, and listed no more."""

    def __init__(self, store: SessionStore, book: SessionBook) -> None:
        self._store = store
        self._book = book

    async def deny(self, session_id: str, until: int) -> None:
        """Remove the session, and refuse it should it come back. Raises StoreUnavailable."""
        await self._store.remove(session_key(session_id))
        await self._book.deny(session_id, until)


def _to_be_left_anew(presented: Presented) -> Session:
    """Return the session of a name that came twice: no domain tells which cookie is which.

    With a token id that no session has, whoever finds the session leaves its cookie anew.
    """
    return replace(unread(presented.id), token_id="")


def _touch_every(policy: Policy) -> float:
    """Return how many seconds lie between two writes of `last_seen`, by which an idle end may come early."""
    idle = policy.idle_timeout
    return 60.0 if idle is None else min(60.0, idle / 10)
