"""Responses that an issuer's page posted (OAuth 2.0 Form Post Response Mode), led on to where they count.

A browser sends no `Lax` cookie with a form from another site: whoever posts seems to have no session,
and could neither link an account nor leave an old session behind. So a response is read once, sealed
into the callback's own address, and counts there, where the browser brings all its cookies. The code
is in no address and in no log of a proxy.
"""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from gateway.errors import LoginFailed, SealBroken
from gateway.relying_party.authorization import CallbackResponse

_FIELD = "posted"
_LONGEST = 7 * 1024
"""Characters of an address that every browser and proxy, and our own front, takes."""


class Seals(Protocol):
    def seal(self, payload: bytes) -> str: ...

    def open(self, sealed: str) -> bytes: ...


class PostedResponses:
    """Seals responses into a query, and opens them again."""

    def __init__(self, sealer: Seals) -> None:
        self._sealer = sealer

    def query(self, response: CallbackResponse) -> str:
        """Return the query that carries *response*. Raises LoginFailed where it is too long."""
        query = urlencode({_FIELD: self._sealer.seal(msgspec.msgpack.encode(response))})
        if len(query) > _LONGEST:
            raise LoginFailed("the posted response is too long to be led on")
        return query

    def state(self, pairs: Sequence[tuple[str, str]]) -> str:
        """Return the state of the response that *pairs* carry, empty where they carry none."""
        try:
            return self.opened(pairs).state or ""
        except LoginFailed:
            return ""

    def opened(self, pairs: Sequence[tuple[str, str]]) -> CallbackResponse:
        """Return the response that *pairs* carry. Raises LoginFailed for everything else."""
        found = [value for name, value in pairs if name == _FIELD]
        if len(found) != 1:
            raise LoginFailed("the response was not posted, as was asked for")
        try:
            return msgspec.msgpack.decode(self._sealer.open(found[0]), type=CallbackResponse)
        except (SealBroken, msgspec.MsgspecError):
            raise LoginFailed("the posted response does not open") from None
