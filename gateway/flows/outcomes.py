"""How logins end, told to the audit trail and counted: alike, whichever way somebody signs in."""

from typing import Protocol

from gateway.errors import GatewayError
from gateway.model.event import Audit, AuditEvent
from gateway.model.session import Session
from gateway.sessions.strategy import public_id

_REFUSALS = frozenset({403, 429})
"""Statuses of logins that were whole and are not let in; every other end is a failure."""

LONGEST_CHECK = 256


class LoginCounts(Protocol):
    def login(self, *, provider: str, result: str) -> None: ...


class Outcomes:
    """Tells of each login once. Without *counts* nobody counts them."""

    def __init__(self, *, audit: Audit, counts: LoginCounts | None) -> None:
        self._audit = audit
        self._counts = counts

    def success(self, session: Session, *, detail: str) -> None:
        """Tell that *session* began; *detail* is what else came of it, in a word, or empty."""
        self._count(session.provider, "success")
        self._audit(
            AuditEvent(
                name="auth.login.success",
                user_id=session.identity.user_id,
                session_id=public_id(session.id),
                provider=session.provider,
                detail=detail,
            )
        )

    def failure(self, provider: str, error: GatewayError, *, check: str = "") -> None:
        """Tell that a login at *provider* ended with *error*; *check* says which check it did not pass."""
        refused = error.status in _REFUSALS
        outcome = "refused" if refused else "failure"
        name = "auth.login.refused" if refused else "auth.login.failure"
        self._count(provider, outcome)
        self._audit(
            AuditEvent(
                name=name,
                outcome=outcome,
                reason=error.code,
                provider=provider,
                detail=check[:LONGEST_CHECK],
            )
        )

    def _count(self, provider: str, result: str) -> None:
        if self._counts is not None:
            self._counts.login(provider=provider, result=result)
