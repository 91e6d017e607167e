"""A new password, chosen by its owner: who knows the old one takes it, and every other session ends.

Laws: a session alone is not enough, the present password proves who sits there; a wrong one counts as
one at the sign-in does, in the same buckets; what was changed meanwhile is not overwritten.
"""

from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import CredentialsRefused, GatewayError, PasswordRefused, TooManyAttempts, Unavailable
from gateway.flows.password_policy import PasswordPolicy
from gateway.flows.throttle import Attempt, Throttle
from gateway.keys.password import Passwords, prepared
from gateway.model.event import Audit, AuditEvent
from gateway.model.identity import User
from gateway.model.password import Credentials
from gateway.model.session import Session
from gateway.sessions.strategy import public_id


class Book(Protocol):
    """The passwords that there are; every verb raises StoreUnavailable."""

    async def of(self, user_id: str) -> Credentials | None:
        """Return the user with their hash."""
        ...

    async def replace(self, user_id: str, *, old: str, new: str, but: str) -> User | None:
        """Replace the hash *old* by *new* and end the user's sessions, except the one whose id is *but*,
        which is to be issued anew; return the user as they are then, None where *old* is not theirs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was typed: the password that there is, and the one that is to be."""

    current: str = field(repr=False)
    new: str = field(repr=False)


class PasswordChange:
    """Changes passwords on the word of whoever knows them."""

    def __init__(
        self, *, book: Book, passwords: Passwords, policy: PasswordPolicy, throttle: Throttle, audit: Audit
    ) -> None:
        self._book = book
        self._passwords = passwords
        self._policy = policy
        self._throttle = throttle
        self._audit = audit

    async def change(self, session: Session, choice: Choice, *, address: str) -> User:
        """Return the user of *session*, as they are under the new password.

        *session* is to be issued anew; all others have ended. Raises PasswordRefused,
        CredentialsRefused, TooManyAttempts, Unavailable, with nothing changed.
        """
        try:
            user = await self._change(session, choice, address)
        except GatewayError as error:
            self._tell(session, "refused" if isinstance(error, TooManyAttempts) else "failure", error.code)
            raise
        self._tell(session, "success")
        return user

    async def _change(self, session: Session, choice: Choice, address: str) -> User:
        user_id = session.identity.user_id
        attempt = self._throttle.attempt(user_id, address)
        stored = await self._proven(user_id, choice.current, attempt)
        new = self._taken(session, choice)
        hashed = await self._passwords.hash(new)
        user = await self._book.replace(user_id, old=stored, new=hashed, but=session.id)
        if user is None:
            raise CredentialsRefused("the password was changed meanwhile")
        return user

    async def _proven(self, user_id: str, current: str, attempt: Attempt) -> str:
        """Return the user's hash if *current* is its password."""
        try:
            found = await self._book.of(user_id)
            stored = found.hash if found else None
            right = await self._passwords.matches(stored, prepared(current))
        except Unavailable:
            self._throttle.forgive(attempt)
            raise
        if not right or stored is None:
            raise CredentialsRefused("wrong password")
        self._throttle.clear(attempt)
        return stored

    def _taken(self, session: Session, choice: Choice) -> bytes:
        identity = session.identity
        names = [each for each in (identity.email, identity.name) if each]
        fault = self._policy.fault(choice.new, names=names)
        new = prepared(choice.new)
        if fault or new is None:
            raise PasswordRefused(fault)
        if new == prepared(choice.current):
            raise PasswordRefused("is the one that you have")
        return new

    def _tell(self, session: Session, outcome: str, reason: str = "") -> None:
        self._audit(
            AuditEvent(
                name="user.password_changed" if outcome == "success" else "user.password_kept",
                outcome=outcome,
                reason=reason,
                user_id=session.identity.user_id,
                session_id=public_id(session.id),
            )
        )
