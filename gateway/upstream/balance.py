"""Which member of an upstream a request goes to.

A policy only chooses among the members that may be asked: it neither finds out nor decides which are
well (`health.py`). None depends on what a client can choose freely.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Protocol, TypeVar

from gateway.model.upstream import Balance

_FULL = 1.0


class Choosable(Protocol):
    """A member as a policy sees it."""

    @property
    def name(self) -> str: ...
    @property
    def busy(self) -> int:
        """How many requests it has under way."""
        ...

    @property
    def share(self) -> float:
        """How much of its full share it is to be given: above 0, 1 once it is warm."""
        ...


M = TypeVar("M", bound=Choosable)


class Policy(Protocol):
    """Chooses one of *members*, of which there is at least one, for requests of one *affinity*."""

    def __call__(self, members: Sequence[M], affinity: str, /) -> M: ...


class RoundRobin:
    """One after the other. A member that is given less than its full share misses turns."""

    def __init__(self) -> None:
        self._turn = 0
        self._credit: dict[str, float] = {}

    def __call__(self, members: Sequence[M], _affinity: str) -> M:
        for _ in range(len(members)):
            self._turn += 1
            member = members[self._turn % len(members)]
            if member.share >= _FULL or self._saved(member.name, member.share):
                return member
        return max(members, key=lambda each: each.share)

    def _saved(self, name: str, share: float) -> bool:
        """Say whether *name* has saved up for a turn: one in as many as its *share* asks."""
        credit = self._credit.get(name, 0.0) + share
        self._credit[name] = credit - _FULL if credit >= _FULL else credit
        return credit >= _FULL


class LeastRequests:
    """Where the fewest requests are under way for the member's share; between equals, in turn."""

    def __init__(self) -> None:
        self._turn = 0

    def __call__(self, members: Sequence[M], _affinity: str) -> M:
        self._turn += 1
        start = self._turn % len(members)
        best = members[start]
        least = (best.busy + 1) / best.share
        for member in (*members[start + 1 :], *members[:start]):
            load = (member.busy + 1) / member.share
            if load < least:
                best, least = member, load
        return best


class Rendezvous:
    """The same member for the same affinity, as long as it is there (highest random weight).

    When a member goes, only what it had moves; when it comes back, exactly that returns.
    """

    def __call__(self, members: Sequence[M], affinity: str) -> M:
        return max(members, key=lambda member: _weight(member.name, affinity))


def _weight(name: str, affinity: str) -> bytes:
    return blake2b(affinity.encode("utf-8", "surrogateescape"), key=blake2b(name.encode()).digest()).digest()


_POLICIES: Mapping[Balance, Callable[[], Policy]] = {
    Balance.ROUND_ROBIN: RoundRobin,
    Balance.LEAST_REQUESTS: LeastRequests,
    Balance.HASH_USER: Rendezvous,
    Balance.HASH_IP: Rendezvous,
}


def policy_for(balance: Balance) -> Policy:
    """Return a new policy of that name."""
    return _POLICIES[balance]()
