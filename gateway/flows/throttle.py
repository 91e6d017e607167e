"""How many wrong passwords are borne: by user, by address, by both together, and in all.

Laws: an attempt counts before its password is looked at, so that neither attempts side by side nor a
client that hangs up go uncounted; whoever is turned away adds nothing. An attempt adds to three
buckets and to that of everybody, whose limit therefore bounds the memory of all. It is kept in
memory: each process counts for itself, and those of one gateway share the limits.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from gateway.errors import TooManyAttempts

WINDOW = 15 * 60.0  # seconds that a failure counts
_LEAST = 5  # failures that somebody may always have: a person's, whose connections may all be one process's
_SWEEP = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Failures within `WINDOW` after which attempts are refused."""

    both: int = 10
    user: int = 100
    address: int = 100
    everybody: int = 5_000

    def shared(self, processes: int) -> "Limits":
        """Return the limits of one of so many, among which the system spreads connections evenly."""
        limits = (self.both, self.user, self.address, self.everybody)
        both, user, address, everybody = (max(_LEAST, -(-limit // processes)) for limit in limits)
        return Limits(both=both, user=user, address=address, everybody=everybody)


Bucket = tuple[str, str, str]
"""What is counted (`both`, `user`, `address`, `all`), and of whom and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt that counts as failed until it is `forgiven` or `cleared`."""

    at: float
    buckets: tuple[Bucket, ...]


class Throttle:
    """Counts failures in sliding windows. *monotonic* is in seconds and never runs back."""

    def __init__(self, *, monotonic: Callable[[], float], limits: Limits | None = None) -> None:
        self._monotonic = monotonic
        self._limits = limits or Limits()
        self._failures: dict[Bucket, deque[float]] = {}
        self._swept = monotonic()

    def __len__(self) -> int:
        return len(self._failures)

    def attempt(self, user: str, address: str) -> Attempt:
        """Count an attempt of *address* to be *user*, a name as resolved. Raises TooManyAttempts."""
        now = self._monotonic()
        self._sweep(now)
        limits = self._buckets(user, network(address))
        wait = max(self._wait(bucket, limit, now) for bucket, limit in limits.items())
        if wait > 0:
            raise TooManyAttempts("too many wrong passwords", retry_after=math.ceil(wait))
        for bucket in limits:
            self._failures.setdefault(bucket, deque()).append(now)
        return Attempt(at=now, buckets=tuple(limits))

    def forgive(self, attempt: Attempt) -> None:
        """Count *attempt* no longer: no password was judged."""
        for bucket in attempt.buckets:
            failures = self._failures.get(bucket, deque())
            if attempt.at in failures:
                failures.remove(attempt.at)
            if not failures:
                self._failures.pop(bucket, None)

    def clear(self, attempt: Attempt) -> None:
        """Forgive *attempt*, whose password was right, and what this user failed at this address."""
        self.forgive(attempt)
        self._failures.pop(attempt.buckets[0], None)

    def _buckets(self, user: str, address: str) -> dict[Bucket, int]:
        return {
            ("both", user, address): self._limits.both,
            ("user", user, ""): self._limits.user,
            ("address", "", address): self._limits.address,
            ("all", "", ""): self._limits.everybody,
        }

    def _wait(self, bucket: Bucket, limit: int, now: float) -> float:
        """Return the seconds until *bucket* has room again, none left where it has."""
        failures = self._failures.get(bucket, ())
        return failures[-limit] + WINDOW - now if len(failures) >= limit else 0.0

    def _sweep(self, now: float) -> None:
        """Drop what no longer counts; once a minute, since it walks over everything."""
        if now - self._swept < _SWEEP:
            return
        self._swept = now
        for bucket, failures in list(self._failures.items()):
            while failures and failures[0] <= now - WINDOW:
                failures.popleft()
            if not failures:
                del self._failures[bucket]


def network(address: str) -> str:
    """Return what one client can change at will as one: an IPv4 address, an IPv6 /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
