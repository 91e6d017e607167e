"""People and sessions as the rows of the console show them."""

from collections.abc import Mapping
from typing import Protocol

from gateway.model.identity import Account, User
from gateway.model.role import HeldRole
from gateway.model.session import SignIn
from gateway.web.browsers import described
from gateway.web.moments import moment_told
from gateway.web.shown import shown


class Named(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def email(self) -> str | None: ...

    @property
    def name(self) -> str | None: ...


def called(user: Named) -> str:
    """Return what to call *user*: by name, else by e-mail, else by id; never empty."""
    return shown(user.name or user.email or user.id)


class People:
    """Makes rows. *providers* are the names of providers by their ids, *rules* what `[[roles]]` says of each
    rule, by provider and `rule_of`."""

    def __init__(self, *, providers: Mapping[str, str], rules: Mapping[tuple[str, str], str]) -> None:
        self._providers = providers
        self._rules = rules

    def user(self, user: User) -> dict[str, object]:
        """Return what every page says of *user*."""
        email = shown(user.email) if user.email else ""
        title = called(user)
        return {
            "id": user.id,
            "title": title,
            "email": "" if email == title else email,
            "verified": user.email_verified,
            "roles": [shown(role) for role in user.roles],
            "enabled": user.enabled,
            "came": moment_told(user.created_at),
        }

    def account(self, account: Account) -> dict[str, object]:
        """Return how somebody signs in."""
        return {
            "provider": self._provider(account.provider),
            "email": shown(account.email) if account.email else "",
            "subject": shown(account.subject),
            "linked": moment_told(account.linked_at),
            "used": moment_told(account.last_login_at),
        }

    def role(self, held: HeldRole) -> dict[str, object]:
        """Return a role and who granted it; `revocable` where it was an administrator."""
        rule = self._rules.get((held.source, held.rule), "")
        return {
            "role": held.role,
            "shown": shown(held.role),
            "provider": self._provider(held.source) if held.source else "",
            "rule": rule,
            "revocable": not held.source,
        }

    def session(self, sign_in: SignIn, *, current: str, whose: User | None = None) -> dict[str, object]:
        """Return a session; *current* is the public id of whoever looks, *whose* it is where that is told."""
        return {
            "id": sign_in.public_id,
            "browser": described(sign_in.browser),
            "address": shown(sign_in.address),
            "provider": self._provider(sign_in.provider),
            "started": moment_told(sign_in.started_at),
            "seen": moment_told(sign_in.last_seen_at),
            "current": sign_in.public_id == current,
            "user_id": sign_in.user_id,
            "user": called(whose) if whose else sign_in.user_id,
        }

    def _provider(self, provider: str) -> str:
        return shown(self._providers.get(provider, provider))
