"""Logout at the issuer: where the browser goes after the local end, and how it comes back.

Laws (OpenID Connect RP-Initiated Logout 1.0): nothing that a client names reaches the issuer; what
goes along is ours alone. The way on after the return lies sealed in this browser and is taken only
where `state` comes back right; otherwise the landing is a page like any other.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.errors import IssuerUnavailable, SealBroken
from gateway.flows.transactions import Seals
from gateway.model.cookies import CookieNames
from gateway.model.event import Audit, AuditEvent, Clock
from gateway.model.inbound import RawHeaders
from gateway.model.session import Session
from gateway.relying_party.end_session import LogoutDeparture
from gateway.sessions.cookies import clear_line, set_line, values
from gateway.sessions.strategy import public_id

LIFE = 15 * 60
PATIENCE = 2.0
"""Seconds that a logout waits to learn where the issuer ends sessions."""


class Party(Protocol):
    @property
    def ends_sessions(self) -> bool:
        """Whether the issuer, as far as it is known by now, lets one sign out there."""

    async def end_session_url(self, departure: LogoutDeparture) -> str | None:
        """Return where the browser signs out at the issuer. Raises IssuerUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutProvider:
    """A provider as a logout needs it."""

    id: str
    name: str
    party: Party


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """Where the browser goes next, and the Set-Cookie values that it takes along."""

    location: str
    cookies: tuple[bytes, ...] = ()


class _Record(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    state: bytes
    return_to: str
    started_at: int


class Departures:
    """Sends browsers on to their issuer's logout. *landing* is our own page, registered there."""

    def __init__(
        self,
        *,
        providers: Sequence[LogoutProvider],
        landing: str,
        sealer: Seals,
        names: CookieNames,
        audit: Audit,
        clock: Clock,
        secret: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._providers = {provider.id: provider for provider in providers}
        self._landing = landing
        self._sealer = sealer
        self._names = names
        self._audit = audit
        self._clock = clock
        self._secret = secret

    def offered(self, session: Session) -> str:
        """Return the name of the issuer at which *session* can be ended too, empty where none is known."""
        provider = self._providers.get(session.provider)
        return provider.name if provider is not None and provider.party.ends_sessions else ""

    async def leave(self, session: Session, *, hint: str | None, return_to: str | None) -> Onward | None:
        """Return the way to the issuer of *session*, which has ended here; None where there is none.

        *return_to* is a checked target, for after the way back; None where it could not be kept.
        """
        provider = self._providers.get(session.provider)
        if provider is None:
            return None
        state = self._secret()
        departure = LogoutDeparture(return_uri=self._landing, state=state, hint=hint)
        try:
            async with asyncio.timeout(PATIENCE):
                location = await provider.party.end_session_url(departure)
        except (IssuerUnavailable, TimeoutError):
            self._tell_unreachable(session)
            return None
        if location is None:
            return None
        return Onward(location=location, cookies=() if return_to is None else (self._kept(state, return_to),))

    def arrive(self, state: str, headers: RawHeaders) -> Onward | None:
        """Return the way on for a browser that comes back with *state*; None where it is not its own."""
        for value in values(headers, self._names.logout):
            record = self._opened(value)
            if record is None or not hmac.compare_digest(record.state, _digest(state)):
                continue
            if not -60 <= self._clock() - record.started_at <= LIFE:
                continue
            cleared = clear_line(self._names.logout, secure=self._names.secure)
            return Onward(location=record.return_to, cookies=(cleared,))
        return None

    def _kept(self, state: str, return_to: str) -> bytes:
        record = _Record(_digest(state), return_to, int(self._clock()))
        value = self._sealer.seal(msgspec.msgpack.encode(record))
        secure = self._names.secure
        return set_line(self._names.logout, value, max_age=LIFE, secure=secure, same_site="Lax")

    def _opened(self, value: str) -> _Record | None:
        try:
            return msgspec.msgpack.decode(self._sealer.open(value), type=_Record)
        except (SealBroken, msgspec.MsgspecError):
            return None

    def _tell_unreachable(self, session: Session) -> None:
        self._audit(
            AuditEvent(
                name="logout.federated",
                outcome="failure",
                reason=IssuerUnavailable.code,
                user_id=session.identity.user_id,
                session_id=public_id(session.id),
                provider=session.provider,
            )
        )


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()
