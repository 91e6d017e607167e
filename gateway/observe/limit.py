"""How many lines about trouble a second may bring: a storm is counted, not copied to the disk."""

PER_SECOND = 50


class Limit:
    """At most *per_second* lines in each second of the clock; the rest is counted."""

    def __init__(self, per_second: int = PER_SECOND) -> None:
        self._per_second = per_second
        self._second = 0
        self._admitted = 0
        self._suppressed = 0

    def admits(self, now: float) -> bool:
        """Say whether one more line may leave at *now* (Unix seconds)."""
        self._turn(now)
        if self._admitted < self._per_second:
            self._admitted += 1
            return True
        self._suppressed += 1
        return False

    def owes(self, now: float) -> bool:
        """Say whether lines of a second that is over were suppressed and not yet told of."""
        return self._suppressed > 0 and int(now) != self._second

    def settle(self) -> int:
        """Return how many lines were suppressed since this was last asked."""
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed

    def _turn(self, now: float) -> None:
        if int(now) != self._second:
            self._second = int(now)
            self._admitted = 0
