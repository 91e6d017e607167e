"""Logins and sessions of people called ann and bob, for tests."""

from dataclasses import replace
from typing import Any

from gateway.model.identity import Identity, User, VerifiedLogin
from gateway.model.role import EarnedRole
from gateway.model.session import Session

ANN = VerifiedLogin(
    provider="corp",
    issuer="https://issuer.example",
    subject="ann-1",
    email="ann@example.com",
    email_verified=True,
    name="Ann",
    scope="openid email",
)
BOB = replace(ANN, subject="bob-1", email="bob@example.com", name="Bob")


def earned(*roles: str, rule: str = "r") -> tuple[EarnedRole, ...]:
    """Return the roles that a login earned by one rule."""
    return tuple(EarnedRole(role=role, rule=rule) for role in roles)


def at_other_provider(login: VerifiedLogin, **changes: Any) -> VerifiedLogin:
    """Return the login of the same person at another provider."""
    other = replace(login, provider="other", issuer="https://other.example", subject=login.subject + "-other")
    return replace(other, **changes)


def session_of(
    user: User | str, *, authenticated_at: int, session_id: str = "sid-1", epoch: int = 0
) -> Session:
    user_id = user if isinstance(user, str) else user.id
    return Session(
        id=session_id,
        token_id="jti-1",
        identity=Identity(user_id=user_id),
        issued_at=authenticated_at,
        lease_until=authenticated_at + 600,
        authenticated_at=authenticated_at,
        ends_at=authenticated_at + 2_592_000,
        epoch=epoch,
        provider="corp",
        issuer="https://issuer.example",
        subject="ann-1",
    )
