"""Where WebSocket frames begin and end in what one side sends (RFC 6455 5.2), and the frames that we say.

Law: lengths are counted and nothing else is looked at; no byte is changed or held back. Only between two
frames can a word of our own be said without being taken for the app's.
"""

GOING_AWAY = 1001
POLICY = 1008
TOO_BIG = 1009
TRY_AGAIN = 1013
PING = b"\x89\x00"
"""The whole frame by which a server asks whether the client is there (RFC 6455 5.5.2)."""

_CLOSE = 0x8
_MASKED = 0x80
_MASK = 4
_LONG = {126: 2, 127: 8}


class Frames:
    """Follows the frames of one direction."""

    __slots__ = ("_closing", "_head", "_left")

    def __init__(self) -> None:
        self._left = 0
        self._head = b""
        self._closing = False

    @property
    def between(self) -> bool:
        """Whether no frame is under way, and none has announced the end."""
        return not self._left and not self._head and not self._closing

    def follow(self, data: bytes, at: int = 0) -> int:
        """Take the bytes of *data* from *at* on; return where they were not taken any more, by default its
        end."""
        end = len(data)
        while at < end:
            if self._left:
                taken = min(self._left, end - at)
                self._left -= taken
                at += taken
            elif self._head or self._may_begin():
                self._head += data[at : at + 1]
                at += 1
                self._read_head()
            else:
                break
        return at

    def _may_begin(self) -> bool:
        """Say whether one more frame may begin."""
        return True

    def _begun(self, *, first: int, length: int) -> None:
        """Hear of a frame that begins with the byte *first* and holds *length* bytes."""

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
        self._begun(first=head[0], length=length)
        self._left = length + (_MASK if head[1] & _MASKED else 0)
        self._closing = self._closing or head[0] & 0xF == _CLOSE
        self._head = b""


def closing(code: int) -> bytes:
    """Return the whole frame by which a server closes with *code* (RFC 6455 5.5.1)."""
    return b"\x88\x02" + code.to_bytes(2)
