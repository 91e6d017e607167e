"""A breaker: while a store does not answer, nobody waits for it but one try a second."""

from collections.abc import Callable

from gateway.errors import StoreUnavailable

FAILURES = 3
PROBE_EVERY = 1.0  # seconds


class Breaker:
    """Opens after `FAILURES` failures with no success between them; the first success closes it.

    *monotonic* is in seconds.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._next_probe = 0.0

    def admit(self) -> None:
        """Let a call through; raise StoreUnavailable where it is open and no probe is due."""
        if self._failures < FAILURES:
            return
        now = self._monotonic()
        if now < self._next_probe:
            raise StoreUnavailable("the store failed moments ago, and is asked again in a second")
        self._next_probe = now + PROBE_EVERY

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._next_probe = self._monotonic() + PROBE_EVERY
