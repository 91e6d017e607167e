"""Tags over public values, for ourselves: HMAC-SHA256 (RFC 2104)."""

import hmac
from collections.abc import Sequence


class Mac:
    """Tags under the first key of a ring and recognises tags of all of them, for one purpose."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def tag(self, *parts: bytes) -> bytes:
        """Return the 32-byte tag over *parts*, each with its length, so that no cut can be moved."""
        return hmac.digest(self._keys[0], _framed(parts), "sha256")

    def tags(self, *parts: bytes) -> tuple[bytes, ...]:
        """Return the tags over *parts* under every key of the ring, the first one's first, to look up by."""
        framed = _framed(parts)
        return tuple(hmac.digest(key, framed, "sha256") for key in self._keys)

    def holds(self, tag: bytes, *parts: bytes) -> bool:
        """Say whether some key of the ring made *tag* over exactly *parts*, in constant time."""
        framed = _framed(parts)
        held = False
        for key in self._keys:
            held |= hmac.compare_digest(tag, hmac.digest(key, framed, "sha256"))
        return held


def _framed(parts: Sequence[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
