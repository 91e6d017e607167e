"""Passwords, joined: who signs in by one, who changes theirs, and what both share."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.flows.arrival import Arrivals
from gateway.flows.password import PasswordLogins, PasswordProvider
from gateway.flows.password_change import PasswordChange
from gateway.flows.password_policy import PasswordPolicy
from gateway.flows.throttle import Limits, Throttle
from gateway.keys.password import Passwords
from gateway.lasting import Tenure
from gateway.model.cores import usable_cores
from gateway.model.event import Audit, Clock
from gateway.observe.metrics import Metrics
from gateway.observe.store_watch import StoreWatch, WatchedPasswords
from gateway.settings.providers import ProviderSettings
from gateway.settings.schema import Settings
from gateway.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordTrade:
    """What the rooms of passwords work with. *workers* is how many processes share the cores."""

    settings: Settings
    database: Database
    watch: StoreWatch
    tenure: Tenure
    arrivals: Arrivals
    audit: Audit
    clock: Clock
    monotonic: Callable[[], float]
    counts: Metrics
    workers: int


class PasswordRooms:
    """What there is where passwords are configured, and nothing elsewhere: then no thread hashes."""

    def __init__(self, trade: PasswordTrade) -> None:
        self._trade = trade
        providers = trade.settings.providers
        self._provider: ProviderSettings | None = next(
            (each for each in providers if each.type == "password"), None
        )

    def logins(self) -> PasswordLogins | None:
        """Return the logins by password."""
        found, trade = self._provider, self._trade
        if found is None:
            return None
        return PasswordLogins(
            provider=PasswordProvider(id=found.id, name=found.name, issuer=trade.settings.public_url),
            book=self._book(),
            passwords=self._hashing(),
            throttle=self._throttle(),
            arrivals=trade.arrivals,
            audit=trade.audit,
            clock=trade.clock,
            counts=trade.counts,
        )

    def change(self) -> PasswordChange | None:
        """Return how people give themselves another one."""
        found = self._provider
        if found is None:
            return None
        return PasswordChange(
            book=self._book(),
            passwords=self._hashing(),
            policy=PasswordPolicy(shortest=found.min_length),
            throttle=self._throttle(),
            audit=self._trade.audit,
        )

    def _book(self) -> WatchedPasswords:
        return WatchedPasswords(self._trade.database.passwords, self._trade.watch)

    # A reload must not forgive failures, nor double the threads that hash.

    def _hashing(self) -> Passwords:
        workers = max(1, (usable_cores() - 1) // self._trade.workers)
        return self._trade.tenure.claim(
            "passwords", lambda: Passwords(workers=workers), close=Passwords.close
        )

    def _throttle(self) -> Throttle:
        limits = Limits().shared(self._trade.workers)
        return self._trade.tenure.claim(
            "throttle", lambda: Throttle(monotonic=self._trade.monotonic, limits=limits)
        )
