"""The `Date` of our own answers (RFC 9110 6.6.1); an upstream's answers keep theirs."""

from email.utils import formatdate

from gateway.model.event import Clock


class HttpDate:
    """Gives the date as an IMF-fixdate; a second is formatted once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = -1
        self._text = b""

    def __call__(self) -> bytes:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._text = formatdate(second, usegmt=True).encode("ascii")
        return self._text
