"""The head of an answer as it was judged, and the heads that are likely to come again.

Servers repeat themselves: within a second, and from one static file or small JSON to the next, whole
heads come again byte for byte. What was read from such bytes is taken over instead of parsed anew.
"""

import msgspec

from gateway.model.inbound import RawHeaders
from gateway.upstream.reserved import Fates

_KEPT = 1024
_LONGEST = 1024


class AnswerHead(msgspec.Struct, kw_only=True, eq=False):
    """The head of one final answer (RFC 9112 4 to 6).

    `headers` are raw, in order, without hop-by-hop and withheld fields; `Content-Length` is among them
    exactly where `length` is not None. `lasting` says that the connection outlives the answer as far as
    its head goes. `laid_out` is for whoever writes it to clients: what follows from the head alone.
    """

    status: int
    reason: bytes
    headers: RawHeaders
    length: int | None
    lasting: bool
    laid_out: bytes | None = None


class AnswerHeads:
    """What the answers to one configuration's requests may carry, and heads that came before.

    Remembers at most 1,024 heads of at most 1 KiB. One that sets cookies is not remembered: it is
    somebody's own, and will not come again.
    """

    def __init__(self, fates: Fates) -> None:
        self.fates = fates
        self._known: dict[bytes, AnswerHead] = {}
        self.recall = self._known.get

    def remember(self, raw: bytes, head: AnswerHead) -> None:
        """Keep what *raw*, a whole head, was judged to be, where it may come again."""
        if len(raw) > _LONGEST or any(name.lower() == b"set-cookie" for name, _ in head.headers):
            return
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[raw] = head
