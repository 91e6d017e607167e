"""The stateless strategy: the cookie is the session, trusted for one lease at a time.

The law of this file is the order of the checks: integrity, then times, then what this node knows,
then the directory. The clock is read once, before anything is asked, so that a token minted from an
answer is good for one lease after the question at most.
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from gateway.errors import SealBroken, SessionRejected, SessionTooLarge, StoreUnavailable
from gateway.keys.seal import Sealer
from gateway.model.cookies import CookieNames
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.identity import User, VerifiedLogin
from gateway.model.inbound import RawHeaders
from gateway.model.session import Session, Standing, Visitor
from gateway.sessions import claims
from gateway.sessions.cookies import cookie_lines
from gateway.sessions.endings import Endings
from gateway.sessions.lookups import Answer, Lookups
from gateway.sessions.opened import Opened, OpenedCookies
from gateway.sessions.pieces import MOST_PIECES, SessionCookie, Shown, Whole
from gateway.sessions.strategy import (
    Directory,
    Loaded,
    Policy,
    Reissued,
    Seen,
    Tally,
    public_id,
    unheard,
    unseen,
)
from gateway.sessions.verdicts import as_read, identity_of, refusal

MOST_PAYLOAD = 8 * 1024
"""Bytes of claims beyond which nothing is sealed: they never fit three pieces."""

_ABSENT = Loaded()


class Stateless:
    """Keeps sessions in sealed cookies and asks *directory* at the end of each lease.

    *seen* hears of each renewal, by the session's id, *reissued* of each session that goes on where its
    user's others ended. *patience* is how many seconds a lookup may
    take before it counts as an outage. *endings*, where they are lent, are shared with whatever
    serves the same sessions, and closed by their owner.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        sealer: Sealer,
        names: CookieNames,
        directory: Directory,
        clock: Clock,
        audit: Audit,
        tally: Tally,
        seen: Seen = unseen,
        reissued: Reissued = unheard,
        patience: float = 1.0,
        endings: Endings | None = None,
    ) -> None:
        self._policy = policy
        self._sealer = sealer
        self._clock = clock
        self._audit = audit
        self._tally = tally
        self._directory = directory
        self._seen = seen
        self._reissued = reissued
        self._cookie = SessionCookie(names)
        self._opened = OpenedCookies()
        self._lookups = Lookups(directory.standing, clock=clock, tally=tally, patience=patience)
        self._lent = endings is not None
        self._endings = Endings(directory, clock=clock, audit=audit) if endings is None else endings

    def load(self, headers: RawHeaders) -> Loaded:
        """Return what the cookies say; a cookie that opened before costs a look-up, not a decryption."""
        lines = cookie_lines(headers)
        if not lines:
            return _ABSENT
        now = self._clock()
        opened = self._opened.in_line(lines[0]) if len(lines) == 1 else None
        if opened is not None and not self._fault(opened.session, now):
            return self._answer(opened, now)
        shown = self._cookie.shown(headers)
        return self._load_shown(shown, lines, now) if shown else _ABSENT

    def warm(self, lines: Sequence[bytes]) -> Loaded | None:
        """Return the trusted session of a `Cookie` line that was read before; no cookie: nobody."""
        if not lines:
            return _ABSENT
        opened = self._opened.in_line(lines[0]) if len(lines) == 1 else None
        if opened is None or not opened.trusted_from <= self._clock() < opened.trusted_until:
            return None
        return None if opened.session.id in self._endings else opened.trusted

    async def renew(self, session: Session, *, fresh: bool = False) -> Session:
        """Return *session* while its lease runs, else the same session on a new lease.

        Under `strict` a running lease is confirmed too, and nothing minted. Nor is a token that no
        longer fits a cookie, because roles or groups were added: the old one stays, confirmed at each
        request.
        """
        now = self._clock()
        self._hold(session, now)
        running = now < session.lease_until
        if running and not self._policy.strict:
            return session
        answer = await self._lookups.ask(session, fresh=fresh or self._policy.strict)
        confirmed = self._confirmed(session, answer)
        return confirmed if running else self._renewed(confirmed, answer)

    async def confirm(self, session: Session) -> Session:
        """Return *session* with roles, profile and claims as they are now: from a lookup sent after this
        call, or, unless `strict` has every request ask, from an earlier one that would find the same."""
        now = self._clock()
        self._hold(session, now)
        if self._policy.strict:
            return self._confirmed(session, await self._lookups.ask(session, fresh=True))
        return await self._looked_up(session, now)

    async def recheck(self, session: Session, *, asks_for_roles: bool) -> Session:
        """Return *session* while its lease runs, unless this node ended it; afterwards, and under `strict`
        or where roles are asked for, as the directory has it now."""
        now = self._clock()
        self._hold(session, now)
        if now < session.lease_until and not asks_for_roles and not self._policy.strict:
            return session
        return await self._looked_up(session, now)

    def issue(self, login: VerifiedLogin, user: User, *, persistent: bool) -> Session:
        """Return a new session of *user*: roles and profile are the user's, groups the login's."""
        now = int(self._clock())
        ends_at = now + self._policy.max_age
        return Session(
            id=secrets.token_urlsafe(32),
            token_id=_token_id(),
            identity=identity_of(login, user),
            issued_at=now,
            lease_until=min(now + self._policy.lease, ends_at),
            authenticated_at=now,
            ends_at=ends_at,
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

    async def identified(self, session: Session) -> Session:
        """Return *session*: the cookie says it all."""
        return session

    async def begin(self, session: Session, visitor: Visitor) -> None:
        """Tell that *session* began: what the cookie says is all there is."""
        self._tell("session.created", session)

    async def reissue(self, session: Session, user: User) -> Session:
        """Return *session* under a new token and the epoch that *user* has now; copies of it end."""
        now = int(self._clock())
        reissued = replace(
            session,
            token_id=_token_id(),
            issued_at=now,
            lease_until=min(now + self._policy.lease, self._policy.ends_at(session)),
            epoch=user.epoch,
            identity=as_read(session.identity, user),
        )
        self._tell("session.reissued", reissued)
        self._reissued(reissued)
        return reissued

    def cookies(self, session: Session, headers: RawHeaders) -> tuple[bytes, ...]:
        """Return the Set-Cookie values that leave *session*; their expiry is its absolute end."""
        return self._left(session, self._cookie.shown(headers))

    def clear(self, headers: RawHeaders) -> tuple[bytes, ...]:
        """Return the Set-Cookie values that clear today's cookie and every variant in *headers*."""
        shown = [(self._cookie.name, b""), *self._cookie.shown(headers)]
        return tuple(self._cookie.cleared(shown, kept=0))

    async def end(self, session: Session) -> None:
        """End *session*; without `strict`, an ending that the store misses is retried, not raised."""
        self._tell("session.ended", session)
        try:
            await self._endings.record(session.id, until=session.ends_at)
        except StoreUnavailable:
            if self._policy.strict:
                raise

    async def end_all(self, session: Session) -> None:
        """End *session* here at once, and with it every session under its user's epoch."""
        self._endings.note(session.id, until=session.ends_at)
        await self._directory.end_sessions_of(session.identity.user_id)
        self._tell("session.ended", session, reason="all")

    async def end_others(self, session: Session) -> Session:
        """Raise the epoch and return the same session under it, on a new token with the same ends."""
        epoch = await self._directory.end_sessions_of(session.identity.user_id, but=session.id)
        if epoch is None:
            raise self._rejection(session, "user_missing")
        self._tell("session.ended", session, reason="others")
        kept = replace(session, token_id=_token_id(), epoch=epoch)
        self._reissued(kept)
        return kept

    async def let_go(self, keys: Sequence[bytes]) -> None:
        """Do nothing: nothing is kept."""

    def distrust(self) -> None:
        """Do nothing: of a session nothing is kept here but its cookie, which its lease ends."""

    async def close(self) -> None:
        """Record what is not recorded yet, if the store answers, and stop."""
        if not self._lent:
            await self._endings.close()

    def _load_shown(self, shown: Shown, lines: list[bytes], now: float) -> Loaded:
        loaded = self._load(shown, now)
        if len(lines) == len(shown) == 1 and loaded.session is not None and not loaded.clear:
            opened = self._opened.find(shown[0][1])
            if opened is not None:
                self._opened.keep_line(lines[0], opened)
        return loaded

    def _load(self, shown: Shown, now: float) -> Loaded:
        if not self._cookie.is_in(shown):
            return Loaded(presented=True, clear=tuple(self._cookie.cleared(shown, kept=0)))
        found = [opened for whole in self._cookie.wholes(shown) if (opened := self._open(whole, now))]
        if not found:
            return self._rejected(shown, "invalid")
        newest = max(found, key=lambda opened: opened.session.issued_at)
        if any(opened.session.id != newest.session.id for opened in found):
            return self._rejected(shown, "ambiguous")
        reason = self._fault(newest.session, now)
        if reason:
            return self._rejected(shown, reason, newest.session)
        answer = self._answer(newest, now)
        clear = self._tidied(newest, shown)
        return replace(answer, clear=clear) if clear else answer

    def _open(self, whole: Whole, now: float) -> Opened | None:
        opened = self._opened.find(whole.value)
        if opened is None:
            try:
                payload = self._sealer.open(whole.sealed)
                session = claims.decode(payload, audience=self._policy.audience, pieces=whole.pieces)
            except (SealBroken, SessionRejected):
                return None
            trusted = self._policy.trusted(session)
            opened = self._opened.keep(whole.value, session, pieces=whole.pieces, trusted=trusted)
        return None if self._policy.fault(opened.session, now=now) == "invalid" else opened

    def _answer(self, opened: Opened, now: float) -> Loaded:
        due = self._policy.strict or now >= opened.session.lease_until
        return opened.due if due else opened.trusted

    def _fault(self, session: Session, now: float) -> str:
        return self._policy.fault(session, now=now) or ("revoked" if session.id in self._endings else "")

    def _tidied(self, opened: Opened, shown: Shown) -> tuple[bytes, ...]:
        """Return what clears the cookies beside the one that was used.

        Where its name came twice, no domain tells which one is which: the session is written anew.
        """
        if sum(name == self._cookie.name for name, _ in shown) > 1:
            return self._left(opened.session, shown)
        return tuple(self._cookie.cleared(shown, kept=opened.pieces))

    def _left(self, session: Session, shown: Shown) -> tuple[bytes, ...]:
        max_age = self._max_age(session)
        sealed, pieces = self._sealed(session, max_age)
        lines = self._cookie.written(sealed, pieces=pieces, max_age=max_age)
        self._tally.cookie_left(pieces)
        return (*self._cookie.cleared(shown, kept=pieces), *lines)

    def _max_age(self, session: Session) -> int | None:
        left = max(0, self._policy.ends_at(session) - int(self._clock()))
        return left if session.persistent else None

    def _sealed(self, session: Session, max_age: int | None) -> tuple[str, int]:
        payload = self._payload(session, 1)
        if len(payload) > MOST_PAYLOAD:
            raise SessionTooLarge(f"{len(payload)} B of claims; largest: {claims.largest(session)}")
        sealed = self._sealer.seal(payload)
        pieces = self._cookie.pieces_for(len(sealed), max_age=max_age)
        if pieces > MOST_PIECES:
            raise SessionTooLarge(f"{len(sealed)} B sealed; largest: {claims.largest(session)}")
        return (sealed if pieces == 1 else self._sealer.seal(self._payload(session, pieces))), pieces

    def _payload(self, session: Session, pieces: int) -> bytes:
        return claims.encode(session, audience=self._policy.audience, pieces=pieces)

    async def _looked_up(self, session: Session, now: float) -> Session:
        known = self._directory.known(session)
        if known is not None:
            return self._confirmed(session, Answer(asked_at=now, said=known))
        return self._confirmed(session, await self._lookups.ask(session, fresh=True))

    def _hold(self, session: Session, now: float) -> None:
        reason = self._fault(session, now)
        if reason:
            raise self._rejection(session, reason)

    def _confirmed(self, session: Session, answer: Answer[Standing | None]) -> Session:
        standing = answer.said
        reason = refusal(session, standing)
        if reason == "revoked":
            self._endings.note(session.id, until=session.ends_at)
        if not reason and session.id in self._endings:  # ended here while the lookup was under way
            reason = "revoked"
        if standing is None or reason:
            raise self._rejection(session, reason)
        return replace(session, identity=as_read(session.identity, standing))

    def _renewed(self, session: Session, answer: Answer[Standing | None]) -> Session:
        renewed = self._minted(session, answer)
        try:
            self._sealed(renewed, self._max_age(renewed))
        except SessionTooLarge as too_large:
            # Who is signed in stays so: the next login tells them why it cannot go on for ever.
            self._tell(
                "session.unrenewed", session, outcome="failure", reason=too_large.code, detail=str(too_large)
            )
            return session
        self._tally.renewed()
        self._seen(renewed.id, renewed.issued_at)
        self._tell("session.renewed", renewed)
        return renewed

    def _minted(self, session: Session, answer: Answer[Standing | None]) -> Session:
        now = int(answer.asked_at)
        lease_until = min(now + self._policy.lease, self._policy.ends_at(session))
        return replace(session, token_id=_token_id(), issued_at=now, lease_until=lease_until)

    def _rejected(self, shown: Shown, reason: str, session: Session | None = None) -> Loaded:
        self._reject(session, reason)
        clear = tuple(self._cookie.cleared(shown, kept=0))
        return Loaded(rejected=reason, presented=True, clear=clear)

    def _rejection(self, session: Session, reason: str) -> SessionRejected:
        self._reject(session, reason)
        return SessionRejected(reason)

    def _reject(self, session: Session | None, reason: str) -> None:
        self._tally.rejected(reason)
        self._tell("session.rejected", session, outcome="refused", reason=reason)

    def _tell(
        self,
        name: str,
        session: Session | None,
        *,
        outcome: str = "success",
        reason: str = "",
        detail: str = "",
    ) -> None:
        self._audit(
            AuditEvent(
                name=name,
                outcome=outcome,
                reason=reason,
                user_id=session.identity.user_id if session else "",
                session_id=public_id(session.id) if session else "",
                provider=session.provider if session else "",
                detail=detail,
            )
        )


def _token_id() -> str:
    return secrets.token_urlsafe(16)
