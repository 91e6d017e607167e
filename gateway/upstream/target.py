"""The request target as the upstream gets it."""

from urllib.parse import unquote_to_bytes

from gateway.errors import RequestRejected


def strip_prefix(target: bytes, prefix: str) -> bytes:
    """Return *target* without *prefix*, the raw bytes of the rest and of the query untouched.

    *prefix* is a decoded path that ends at a segment; *target* an origin-form whose decoded path it
    covers. The result begins with `/`. Raises RequestRejected where no raw `/` ends the prefix (as
    in `/app%2fx`): what is left would be no path.
    """
    wanted = prefix.rstrip("/").encode()
    if not wanted:
        return target
    path, mark, query = target.partition(b"?")
    rest = _after(path, wanted)
    return (rest or b"/") + mark + query


def _after(path: bytes, wanted: bytes) -> bytes:
    if path.startswith(wanted) and path[len(wanted) : len(wanted) + 1] in (b"", b"/"):
        return path[len(wanted) :]
    end = path.find(b"/", 1)
    while end != -1:
        if unquote_to_bytes(path[:end]) == wanted:
            return path[end:]
        end = path.find(b"/", end + 1)
    if unquote_to_bytes(path) != wanted:
        raise RequestRejected("the route's prefix does not end at a segment of the raw path")
    return b""
