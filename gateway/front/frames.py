"""Where WebSocket frames end in what an upstream sends (RFC 6455 5.2), and the frame that ends them all.

Law: lengths are counted and nothing else is looked at; no byte is changed or held back. Only between two
frames can a word of our own be said without being taken for the app's.
"""

GOING_AWAY = 1001
POLICY = 1008
TRY_AGAIN = 1013

_CLOSE = 0x8
_MASKED = 0x80
_MASK = 4
_LONG = {126: 2, 127: 8}


class Frames:
    """Follows the frames of one direction."""

    def __init__(self) -> None:
        self._left = 0
        self._head = b""
        self._closing = False

    @property
    def between(self) -> bool:
        """Whether no frame is under way, and none has announced the end."""
        return not self._left and not self._head and not self._closing

    def follow(self, data: bytes) -> None:
        """Take the next bytes."""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                taken = min(self._left, end - at)
                self._left -= taken
                at += taken
            else:
                self._head += data[at : at + 1]
                at += 1
                self._read_head()

    def _read_head(self) -> None:
        head = self._head
        if len(head) < 2:
            return
        length = head[1] & ~_MASKED
        more = _LONG.get(length, 0)
        if len(head) < 2 + more:
            return
        if more:
            length = int.from_bytes(head[2:])
        self._left = length + (_MASK if head[1] & _MASKED else 0)
        self._closing = self._closing or head[0] & 0xF == _CLOSE
        self._head = b""


def closing(code: int) -> bytes:
    """Return the whole frame by which a server closes with *code* (RFC 6455 5.5.1)."""
    return b"\x88\x02" + code.to_bytes(2)
