"""The Host field, in one canonical spelling (RFC 9110 7.2, RFC 3986 3.2.2)."""

from ipaddress import AddressValueError, IPv6Address

from gateway.errors import RequestRejected

_LABEL = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
_DEFAULT_PORT = {"http": b"80", "https": b"443"}
_LONGEST = 255


def canonical_host(raw: bytes, scheme: str) -> str:
    """Return *raw* in lower case without a trailing dot or the scheme's default port.

    Raises RequestRejected for anything that is not a plain host with an optional port.
    """
    if not raw or len(raw) > _LONGEST:
        raise RequestRejected("host of no or too great length")
    lowered = raw.lower()
    name, port = _split_literal(lowered) if lowered.startswith(b"[") else _split(lowered)
    if port is None or port == _DEFAULT_PORT[scheme]:
        return name
    return f"{name}:{_checked_port(port)}"


def _split(raw: bytes) -> tuple[str, bytes | None]:
    name, mark, port = raw.partition(b":")
    name = name.removesuffix(b".")
    for label in name.split(b"."):
        if not label or len(label) > 63 or label.translate(None, _LABEL):
            raise RequestRejected("malformed host")
    return name.decode("ascii"), port if mark else None


def _split_literal(raw: bytes) -> tuple[str, bytes | None]:
    address, bracket, rest = raw[1:].partition(b"]")
    if not bracket or (rest and not rest.startswith(b":")) or b"%" in address:
        raise RequestRejected("malformed address literal")
    try:
        literal = IPv6Address(address.decode("ascii"))
    except (AddressValueError, UnicodeDecodeError):
        raise RequestRejected("malformed address literal") from None
    return f"[{literal.compressed}]", rest[1:] if rest else None


def _checked_port(raw: bytes) -> int:
    if not raw or len(raw) > 5 or not raw.isdigit() or raw.startswith(b"0") or int(raw) > 65535:
        raise RequestRejected("malformed port")
    return int(raw)
