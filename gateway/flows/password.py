"""Login by password: a name and a password become a session, or an answer that tells nothing.

Laws (rules B20, O38): a name that nobody has, a user without a password, a disabled user and a wrong
password are one case, in words, status and work; every attempt costs one hash. Failures count
against the user as resolved, so that another spelling is no other bucket. That a user is disabled is
told only to whoever knows the password.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol
from unicodedata import normalize

from gateway.errors import (
    CredentialsRefused,
    GatewayError,
    ProofByAnother,
    Unavailable,
    UserRefused,
)
from gateway.flows.arrival import Arrivals
from gateway.flows.login import Departure
from gateway.flows.outcomes import LoginCounts, Outcomes
from gateway.flows.throttle import Attempt, Throttle
from gateway.keys.password import Passwords, prepared
from gateway.model.email import email_key
from gateway.model.event import Audit, Clock
from gateway.model.identity import User, VerifiedLogin
from gateway.model.inbound import Inbound
from gateway.model.login import StepUp
from gateway.model.password import Credentials
from gateway.model.session import Session

LONGEST_NAME = 254


class Book(Protocol):
    """The passwords that there are; every verb raises StoreUnavailable."""

    async def find(self, name: str) -> Credentials | None:
        """Return the user whose name *name* is, in whatever spelling, with their hash."""
        ...

    async def rehash(self, user_id: str, *, old: str, new: str) -> None:
        """Replace the hash *old* by *new*, of the same password, unless it was changed since."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordProvider:
    """The provider as it is configured; *issuer* is who vouches: we do, as `public_url`."""

    id: str
    name: str
    issuer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Who somebody says they are, as typed."""

    name: str
    password: str = field(repr=False)


class PasswordLogins:
    """Signs people in by name and password."""

    def __init__(
        self,
        *,
        provider: PasswordProvider,
        book: Book,
        passwords: Passwords,
        throttle: Throttle,
        arrivals: Arrivals,
        audit: Audit,
        clock: Clock,
        counts: LoginCounts | None = None,
    ) -> None:
        self.provider = provider
        self._clock = clock
        self._book = book
        self._passwords = passwords
        self._throttle = throttle
        self._arrivals = arrivals
        self._outcomes = Outcomes(audit=audit, counts=counts)

    def check_room(self) -> None:
        """Raise Unavailable where too many logins wait already, before anything is read of one more."""
        try:
            self._passwords.check_room()
        except Unavailable as error:
            self._outcomes.failure(self.provider.id, error)
            raise

    async def sign_in(
        self,
        claimed: Claimed,
        *,
        inbound: Inbound,
        return_to: str,
        persistent: bool,
        step_up: StepUp | None = None,
    ) -> Departure:
        """Return the way to *return_to*, a checked target, signed in; with *step_up* as its user alone.

        Raises CredentialsRefused, TooManyAttempts, UserRefused for somebody disabled who knows the
        password, ProofByAnother for another user who does, LoginLoop, SessionTooLarge, Unavailable.
        """
        try:
            return await self._sign_in(claimed, inbound, return_to, persistent=persistent, step_up=step_up)
        except GatewayError as error:
            self._outcomes.failure(self.provider.id, error)
            raise

    async def _sign_in(
        self,
        claimed: Claimed,
        inbound: Inbound,
        return_to: str,
        *,
        persistent: bool,
        step_up: StepUp | None,
    ) -> Departure:
        self._passwords.check_room()
        found = await self._book.find(claimed.name)
        attempt = self._throttle.attempt(_resolved(found, claimed.name), inbound.client_ip)
        user = await self._proven(found, claimed, attempt)
        if step_up is not None and user.id != step_up.user_id:
            raise ProofByAnother("the password is another user's")

        async def settle(_: Session | None) -> User:
            return await self._present(claimed.name, user)

        arrival = await self._arrivals.arrive(
            self._login(user), settle, inbound=inbound, persistent=persistent
        )
        self._outcomes.success(arrival.session, detail="step_up" if step_up else "")
        return Departure(location=return_to, cookies=arrival.cookies)

    async def _proven(self, found: Credentials | None, claimed: Claimed, attempt: Attempt) -> User:
        """Return the user of *found* if the password is theirs; its hash is renewed where it is due."""
        password = prepared(claimed.password)
        stored = found.hash if found else None
        try:
            right = await self._passwords.matches(stored, password)
        except Unavailable:
            self._throttle.forgive(attempt)
            raise
        if not right or found is None or stored is None or password is None:
            raise CredentialsRefused("wrong name or password")
        self._throttle.clear(attempt)
        if not found.user.enabled:
            raise UserRefused("the user is disabled")
        if self._passwords.is_outdated(stored):
            await self._rehash(found.user.id, stored, password)
        return found.user

    async def _rehash(self, user_id: str, stored: str, password: bytes) -> None:
        with suppress(Unavailable):  # it is due again at the next login
            new = await self._passwords.hash(password)
            await self._book.rehash(user_id, old=stored, new=new)

    async def _present(self, name: str, proven: User) -> User:
        """Return the user as they are now: a password may change while it waits to be compared."""
        now = await self._book.find(name)
        if now is None or (now.user.id, now.user.epoch) != (proven.id, proven.epoch):
            raise CredentialsRefused("the password was changed, or the user shut out, meanwhile")
        if not now.user.enabled:
            raise UserRefused("the user is disabled")
        return now.user

    def _login(self, user: User) -> VerifiedLogin:
        return VerifiedLogin(
            provider=self.provider.id,
            issuer=self.provider.issuer,
            subject=user.id,
            amr=("pwd",),
            authenticated_at=int(self._clock()),
        )


def _resolved(found: Credentials | None, name: str) -> str:
    """Return under which name failures count: the user's id, else the one spelling of what was typed."""
    if found is not None:
        return found.user.id
    return email_key(name) or normalize("NFKC", name[:LONGEST_NAME]).casefold()[:LONGEST_NAME]
