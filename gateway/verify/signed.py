"""The two signature fields read in the one way in which the gateway writes them (RFC 9421 4).

A general reader of structured fields would accept many spellings of one signature; this one accepts
exactly what the gateway's template makes, and any other is not the gateway's.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass

from gateway.verify.received import Received
from gateway.verify.strict import Invalid

LONGEST = 8 * 1024
DERIVED = ("@method", "@authority", "@path", "@query")
_INPUT = re.compile(
    r'gateway=(?P<parameters>\((?P<components>"[^" ]+"(?: "[^" ]+")*)\)'
    r";created=(?P<created>[1-9][0-9]{0,14});expires=(?P<expires>[1-9][0-9]{0,14})"
    r';nonce="(?P<nonce>[A-Za-z0-9_-]{16,128})";keyid="(?P<keyid>[A-Za-z0-9_-]{1,256})"'
    r';alg="(?P<alg>[a-z0-9-]{1,32})";tag="(?P<tag>[\x20\x21\x23-\x5b\x5d-\x7e]*)")'
)
_SIGNATURE = re.compile(r"gateway=:([A-Za-z0-9+/]{2,128}={0,2}):")
_FIELD = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a signature says of itself, and the bytes it is over. Nothing is proved yet."""

    fields: tuple[str, ...]
    created: int
    expires: int
    nonce: str
    keyid: str
    alg: str
    tag: str
    base: bytes
    signature: bytes


def read(received: Received) -> Signed:
    """Return the request's only signature; raise `Invalid` for any other number or spelling."""
    told = _INPUT.fullmatch(_bounded(received.one("signature-input")))
    signature = _SIGNATURE.fullmatch(_bounded(received.one("signature")))
    if told is None or signature is None:
        raise Invalid("not one signature of the gateway's form")
    components = tuple(name.strip('"') for name in told["components"].split(" "))
    fields = components[len(DERIVED) :]
    if components[: len(DERIVED)] != DERIVED or len(set(components)) != len(components):
        raise Invalid("the signature does not cover method, authority, path and query, each name once")
    return Signed(
        fields=fields,
        created=int(told["created"]),
        expires=int(told["expires"]),
        nonce=told["nonce"],
        keyid=told["keyid"],
        alg=told["alg"],
        tag=told["tag"],
        base=_base(received, fields, told["parameters"]),
        signature=_octets(signature[1]),
    )


def _bounded(value: str) -> str:
    if len(value) > LONGEST:
        raise Invalid("longer than any signature of the gateway")
    return value


def _base(received: Received, fields: tuple[str, ...], parameters: str) -> bytes:
    """Return the signature base (RFC 9421 2.5)."""
    values = {
        "@method": received.method,
        "@authority": received.authority,
        "@path": received.path or "/",
        "@query": f"?{received.query}",
        **{name: _value(received, name) for name in fields},
    }
    if not all(_VALUE.fullmatch(value) for value in values.values()):
        raise Invalid("a covered value is not printable ASCII")
    lines = [f'"{name}": {value}' for name, value in values.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode("ascii")


def _value(received: Received, name: str) -> str:
    if not _FIELD.fullmatch(name):
        raise Invalid("a covered name is not one of a field")
    return received.one(name).strip(" \t")


def _octets(text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except Error:
        raise Invalid("the signature is not base64") from None
    if b64encode(raw).decode("ascii") != text:
        raise Invalid("the signature is not canonical base64")
    return raw
