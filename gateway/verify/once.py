"""Nonces that were seen: a signed request counts once, for as long as it could count at all."""

from threading import Lock

from gateway.verify.caller import MemoryFull

MOST = 100_000


class Once:
    """Remembers nonces in this process until they are worth nothing. Safe for use by several threads."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._seen: dict[str, float] = {}

    def first(self, nonce: str, *, now: float, until: float) -> bool:
        """Say whether *nonce* is new, and remember it until *until*.

        Raises `MemoryFull` where as many as are remembered are all still of use: none is forgotten early.
        """
        with self._lock:
            if nonce in self._seen:
                return False
            if len(self._seen) >= self._most:
                self._forget(now)
            self._seen[nonce] = until
            return True

    def _forget(self, now: float) -> None:
        self._seen = {nonce: until for nonce, until in self._seen.items() if until > now}
        if len(self._seen) >= self._most:
            raise MemoryFull("more requests are remembered than there is room for")
