"""The cookie of a stateful session: an id that means nothing, and a tag that only we can make.

The tag lets forged and foreign values be refused without asking any store. It is made over the
cookie's audience too, so that a value moved to another gateway or name is foreign.
"""

import re

from gateway.keys import base64url
from gateway.keys.mac import Mac
from gateway.model.session import Session, session_key
from gateway.sessions.recent import Recent
from gateway.sessions.strategy import Loaded, public_id

_VALUE = re.compile(rb"([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})")


class Presented:
    """A session that a browser presents under a tag of ours, with what can be said of it unasked."""

    __slots__ = ("due", "id", "key")

    def __init__(self, session: Session) -> None:
        self.id = session.id
        self.key = session_key(session.id)
        self.due = Loaded(session=session, due=True, presented=True)


class OpaqueCookies:
    """Writes and reads cookie values of at most 87 bytes; *audience* is what they are for."""

    def __init__(self, mac: Mac, *, audience: str) -> None:
        self._mac = mac
        self._audience = audience.encode()

    def value(self, session_id: str) -> str:
        """Return the cookie value that presents the session."""
        tag = self._mac.tag(self._audience, session_id.encode())
        return f"{session_id}.{base64url.encode(tag).decode()}"

    def read(self, value: bytes) -> str | None:
        """Return the id that *value* presents, None for everything that we did not make."""
        found = _VALUE.fullmatch(value)
        if found is None:
            return None
        try:
            tag = base64url.decode(found[2])
        except ValueError:
            return None
        return found[1].decode() if self._mac.holds(tag, self._audience, found[1]) else None


PresentedLines = Recent[Presented]
"""The last `Cookie` lines that held exactly one good value of ours, so read only once."""


def token_id(session_id: str) -> str:
    """Return the one token id that a stateful session ever has: its cookie never changes."""
    return public_id(session_id)
