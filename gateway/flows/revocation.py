"""Revocation: when a session is over, the issuer is told to forget what its login was granted.

Laws: nobody waits for this, least of all a logout; whatever ended a session, at whatever node or by
hand, its grant is found. One node takes a grant at a time, and goes on with it if another died.
Tokens are wiped with their session; the issuer is told when it was the last of its account, because
many issuers then end every grant of that account.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from gateway.errors import IssuerUnavailable, StoreUnavailable
from gateway.flows.grants import Grant
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.grant import GrantRecord, ProviderTokens

EVERY = 60.0
"""Seconds between two looks for grants whose session is over."""

GATHERED = 0.2
"""Seconds from the word that a session ended until its end is written."""

AT_ONCE = 20
MOST = 5
"""How often an issuer is asked before its tokens are wiped all the same."""

ENDINGS = frozenset(
    {"logout", "logout.backchannel", "logout.frontchannel", "session.ended", "session.reissued"}
    | {"account.unlinked", "user.password_changed"}
)
"""Events after which sessions may be over."""


class Issuer(Protocol):
    async def revoke(self, tokens: ProviderTokens) -> bool | None:
        """Say whether the issuer took it, None where one cannot ask. Raises IssuerUnavailable."""


class Ended(Protocol):
    """A grant whose session is over. `last`: no session of its account is left. `tries` counts this one."""

    @property
    def record(self) -> GrantRecord: ...
    @property
    def last(self) -> bool: ...
    @property
    def tries(self) -> int: ...


class EndedGrants(Protocol):
    """Raises StoreUnavailable."""

    async def take_ended(self, *, begun_after: int, seen_after: int | None, most: int) -> Sequence[Ended]: ...

    async def forget(self, key: bytes) -> None: ...


class Opener(Protocol):
    def opened(self, record: GrantRecord) -> Grant | None: ...


class Counts(Protocol):
    def token_revocation(self, *, provider: str, outcome: str) -> None: ...


class Word:
    """Passes events on, and wakes whoever looks for grants of ended sessions."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._came = asyncio.Event()

    def audit(self, event: AuditEvent) -> None:
        """Take *event*, as any audit does."""
        self._audit(event)
        if event.name in ENDINGS:
            self._came.set()

    async def comes(self, *, within: float) -> None:
        """Return once a session may have ended, or after *within* seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._came.wait()
                await asyncio.sleep(GATHERED)
        self._came.clear()


class Revocations:
    """Looks for grants of ended sessions.

    *issuers* are by the id of their provider. A session that began *max_age* seconds ago is over, and one
    that was not seen for *idle* seconds, None where it may be idle for ever.
    """

    def __init__(
        self,
        grants: Opener,
        *,
        store: EndedGrants,
        issuers: Mapping[str, Issuer],
        word: Word,
        max_age: int,
        idle: int | None,
        clock: Clock,
        monotonic: Callable[[], float],
        counts: Counts,
        audit: Audit,
    ) -> None:
        self._grants = grants
        self._store = store
        self._issuers = issuers
        self._word = word
        self._max_age = max_age
        self._idle = idle
        self._clock = clock
        self._monotonic = monotonic
        self._counts = counts
        self._audit = audit
        self._spent = 0.0
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look now and from now on."""
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def close(self) -> None:
        """Stop; what was begun is gone on with by whoever looks next."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        while True:
            try:
                await self.sweep()
            except StoreUnavailable:
                pass  # the next look comes, and the store tells of its outage itself
            except Exception as fault:  # one grant that nobody foresaw must not keep all others
                reason = type(fault).__name__
                self._audit(AuditEvent(name="tokens.unswept", outcome="failure", reason=reason))
            await asyncio.sleep(self._rest())
            await self._word.comes(within=EVERY)

    def _rest(self) -> float:
        """Return for how long nothing is looked for, so that looking takes a tenth of the time at most."""
        return min(EVERY, 9 * self._spent)

    async def sweep(self) -> None:
        """Revoke and wipe what ended sessions left. Raises StoreUnavailable."""
        now = int(self._clock())
        begun_after, seen_after = now - self._max_age, None if self._idle is None else now - self._idle
        while ended := await self._taken(begun_after, seen_after):
            await asyncio.gather(*map(self._end, ended))

    async def _taken(self, begun_after: int, seen_after: int | None) -> Sequence[Ended]:
        began = self._monotonic()
        ended = await self._store.take_ended(begun_after=begun_after, seen_after=seen_after, most=AT_ONCE)
        self._spent = self._monotonic() - began
        return ended

    async def _end(self, ended: Ended) -> None:
        record = ended.record
        outcome = await self._revoked(record) if ended.last else "wiped"
        if outcome == "outage" and ended.tries < MOST:
            return
        # Told first: a stop in between has it told twice rather than never.
        self._counts.token_revocation(provider=record.provider, outcome=outcome)
        if outcome in ("revoked", "refused", "outage"):
            self._tell(record, outcome)
        with suppress(StoreUnavailable):  # it is found again
            await self._store.forget(record.key)

    async def _revoked(self, record: GrantRecord) -> str:
        grant, issuer = self._grants.opened(record), self._issuers.get(record.provider)
        if grant is None or grant.tokens is None or issuer is None:
            return "wiped"
        try:
            taken = await issuer.revoke(grant.tokens)
        except IssuerUnavailable:
            return "outage"
        if taken is None:
            return "wiped"
        return "revoked" if taken else "refused"

    def _tell(self, record: GrantRecord, outcome: str) -> None:
        self._audit(
            AuditEvent(
                name="tokens.revoked",
                outcome="success" if outcome == "revoked" else "failure",
                reason="" if outcome == "revoked" else outcome,
                user_id=record.user_id,
                session_id=record.public_id,
                provider=record.provider,
            )
        )
