"""A compact JWS read in the one way in which it can be read (RFC 7515 7.1, RFC 8725 3)."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

LONGEST = 16 * 1024
LONGEST_HEADER = 512
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_HEADER_MEMBERS = {"alg", "kid", "typ"}


class Invalid(ValueError):
    """The text is not what it has to be."""


def compact(assertion: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return header and claims of an assertion whose signature is still to be checked; raise `Invalid`."""
    found = _COMPACT.fullmatch(assertion) if len(assertion) <= LONGEST else None
    if found is None:
        raise Invalid("not a compact JWS of at most 16 KiB")
    head, payload, signature = found.groups()
    if len(head) > LONGEST_HEADER:
        raise Invalid("the header is too long")
    octets(signature)
    header = members(octets(head))
    if header.keys() != _HEADER_MEMBERS:
        raise Invalid("the header has other members than alg, kid and typ")
    return header, members(octets(payload))


def octets(text: str) -> bytes:
    """Decode base64url in its one canonical spelling: no padding, no spare bits."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as exc:
        raise Invalid("not base64url") from exc
    if urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") != text:
        raise Invalid("not canonical base64url")
    return raw


def members(raw: bytes) -> dict[str, object]:
    """Read a JSON object without repeated members, NaN, Infinity or lone surrogates."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_once)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")  # 1e999 is Infinity
    except (ValueError, RecursionError) as exc:
        raise Invalid("not strict JSON") from exc
    if not isinstance(value, dict):
        raise Invalid("not a JSON object")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    known = dict(pairs)
    if len(known) != len(pairs):
        raise Invalid("a member is repeated")
    return known
