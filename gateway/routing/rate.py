"""How often a caller may ask, by route: token buckets, of which only the moment each is full again is kept.

Law: a bucket is the route's and the caller's, who is the user where one is known and the limit goes by
users, else the address; or it is the route's alone. No decision depends on anything else that a client says.
"""

from collections.abc import Hashable

import msgspec

from gateway.model.route import Rate

MOST = 65_536
_ROUNDING = 1e-6


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a request may pass; `remaining` may follow at once, `retry_after` seconds until one may, and
    all of them in `full_in` seconds."""

    passes: bool
    remaining: int
    retry_after: float
    full_in: float


def verdict(rate: Rate, ahead: float) -> Verdict:
    """Return what becomes of a request that leaves its bucket full in *ahead* seconds; more than `per`, and
    there was nothing left to take."""
    over = ahead - rate.per
    if over > _ROUNDING:
        return Verdict(passes=False, remaining=0, retry_after=over, full_in=rate.per)
    remaining = int((rate.per - ahead) * rate.requests / rate.per + _ROUNDING)
    return Verdict(passes=True, remaining=remaining, retry_after=0.0, full_in=ahead)


class Buckets:
    """The buckets of one configuration: at most *most*; which was asked longest ago is forgotten first.

    A bucket that is forgotten is a full one: where more callers than *most* come within one period, some
    are let through more often than they should be.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._full_at: dict[Hashable, float] = {}

    def take(self, rate: Rate, bucket: Hashable, *, now: float) -> Verdict:
        """Take one request out of *bucket*, which holds *rate*'s and fills evenly; *now* is in seconds.

        A request that does not pass takes nothing.
        """
        full_at = max(self._full_at.get(bucket, now), now) + rate.per / rate.requests
        told = verdict(rate, full_at - now)
        if told.passes:
            self._keep(bucket, full_at)
        return told

    def _keep(self, bucket: Hashable, full_at: float) -> None:
        self._full_at.pop(bucket, None)
        if len(self._full_at) >= self._most:
            del self._full_at[next(iter(self._full_at))]
        self._full_at[bucket] = full_at
