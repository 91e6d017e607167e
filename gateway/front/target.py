"""The request target: what is matched is what is forwarded, or the request is refused.

The path is decoded exactly once, for matching; the raw bytes go upstream. Whatever a second parser
could resolve to another path (dot segments, doubled or encoded slashes, backslashes, controls,
broken percent signs) is refused, never repaired.
"""

from typing import NamedTuple

from gateway.errors import RequestRejected

_VISIBLE = bytes(range(0x21, 0x7F))
_PLAIN_PATH = bytes(byte for byte in _VISIBLE if byte not in b'%;\\#?"<>')
_QUERY = bytes(byte for byte in _VISIBLE if byte != ord("#"))
_RAW_PATH = bytes(byte for byte in _VISIBLE if byte not in b"#\\")
_HEX = b"0123456789abcdefABCDEF"
_NOTHING: frozenset[str] = frozenset()


class Target(NamedTuple):
    """The decoded path, the raw query (None: no `?`), and the relaxable spellings in the path."""

    path: str
    query: bytes | None
    spellings: frozenset[str]


def read_target(raw: bytes) -> Target:
    """Return what an origin-form target says, or raise RequestRejected (RFC 9112 3.2.1)."""
    if not raw.startswith(b"/"):
        raise RequestRejected("only the origin-form is served")
    path, mark, query = raw.partition(b"?")
    if query.translate(None, _QUERY):
        raise RequestRejected("byte not allowed in a query")
    spelled, spellings = read_path(path)
    return Target(spelled, query if mark else None, spellings)


def read_path(raw: bytes) -> tuple[str, frozenset[str]]:
    """Return the path decoded once and the spellings that a route must allow, or raise."""
    if not raw.translate(None, _PLAIN_PATH) and b"//" not in raw and b"/." not in raw:
        return raw.decode("ascii"), _NOTHING
    if raw.translate(None, _RAW_PATH):
        raise RequestRejected("byte not allowed in a path")
    path = _decode(raw)
    _refuse_dot_segments(path)
    return path, _spellings(raw, path)


def _decode(raw: bytes) -> str:
    first, *rest = raw.split(b"%")
    decoded = bytearray(first)
    for piece in rest:
        if len(piece) < 2 or piece[0] not in _HEX or piece[1] not in _HEX:
            raise RequestRejected("broken percent sign")
        byte = int(piece[:2], 16)
        if byte < 0x20 or byte in b"\x7f\\":
            raise RequestRejected("control or backslash in a path")
        decoded.append(byte)
        decoded += piece[2:]
    try:
        path = decoded.decode("utf-8")
    except UnicodeDecodeError:
        raise RequestRejected("path is not UTF-8") from None
    if any("\x80" <= letter <= "\x9f" for letter in path):
        raise RequestRejected("control in a path")
    return path


def _refuse_dot_segments(path: str) -> None:
    # Some servers cut ";…" from a segment before they resolve dots, so `..;x` is a dot segment too.
    if any(segment.partition(";")[0] in (".", "..") for segment in path.split("/")):
        raise RequestRejected("dot segment")


def _spellings(raw: bytes, path: str) -> frozenset[str]:
    found = {
        "%2f": b"%2f" in raw.lower(),
        "//": "//" in path,
        ";": ";" in path,
    }
    return frozenset(spelling for spelling, there in found.items() if there)
