"""Our cookies cut out of a `Cookie` line, and not one other byte of it touched.

Nothing here knows what a cookie means; which names are ours is `CookieNames`' to say. Pairs are
split at `;` alone and names trimmed of SP and HTAB alone: a cookie that merely looks like ours to a
laxer parser is not ours (rule F1), and passes.
"""

from gateway.model.cookies import CookieNames


class CookieKnife:
    """Cuts the cookies that *names* owns."""

    def __init__(self, names: CookieNames) -> None:
        self._owns = names.owns
        self._base = names.base.lower().encode()

    def cut(self, value: bytes) -> bytes:
        """Return *value* without our pairs: itself if there are none, empty if there are no others."""
        if self._base not in value.lower():
            return value
        pairs = value.split(b";")
        kept = [pair for pair in pairs if self._base not in pair.lower() or not self._is_ours(pair)]
        if len(kept) == len(pairs):
            return value
        return b";".join(kept).strip(b" \t")

    def _is_ours(self, pair: bytes) -> bool:
        return self._owns(pair.partition(b"=")[0].strip(b" \t"))
