"""Recent logins: the sign of a browser that signs in again and again and keeps no session."""

import msgspec

from gateway.errors import LoginLoop, SealBroken
from gateway.flows.transactions import Seals
from gateway.model.cookies import CookieNames
from gateway.model.event import Clock
from gateway.model.inbound import RawHeaders
from gateway.sessions.cookies import clear_line, named, set_line, values

WINDOW = 60
TOLERATED = 2


class RecentLogins:
    """Counts completed logins in a sealed cookie that lives as long as they matter."""

    def __init__(self, *, sealer: Seals, names: CookieNames, clock: Clock) -> None:
        self._sealer = sealer
        self._names = names
        self._clock = clock

    def note(self, headers: RawHeaders) -> bytes:
        """Return the Set-Cookie value that remembers a login completed now without a session.

        Raises LoginLoop where it is the third within `WINDOW` seconds.
        """
        now = int(self._clock())
        times = [time for time in self._times(headers) if 0 <= now - time < WINDOW]
        if len(times) >= TOLERATED:
            raise LoginLoop(f"{len(times) + 1} logins in {WINDOW} s without a session")
        value = self._sealer.seal(msgspec.msgpack.encode([*times, now]))
        return set_line(
            self._names.recent_logins,
            value,
            max_age=WINDOW,
            secure=self._names.secure,
            same_site="Lax",
        )

    def forget(self, headers: RawHeaders) -> tuple[bytes, ...]:
        """Return the Set-Cookie values that end the count: a session was presented after all."""
        if not named(headers, self._names.recent_logins):
            return ()
        return (clear_line(self._names.recent_logins, secure=self._names.secure),)

    def _times(self, headers: RawHeaders) -> list[int]:
        for value in values(headers, self._names.recent_logins):
            try:
                return msgspec.msgpack.decode(self._sealer.open(value), type=list[int])
            except (SealBroken, msgspec.MsgspecError):
                continue
        return []
