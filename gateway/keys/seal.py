"""Values sealed for ourselves: a nested JWT, one JWS (HS256) inside one JWE (`dir`, A256GCM).

The law of this file: nothing is negotiated. A value's protected header must equal, byte for byte,
one of the headers this ring writes, and that choice alone picks the keys; so there is no `alg`, no
`zip`, no `crit` and no key address to believe (RFC 8725, section 3.1). Whatever does not open does
so with one error and one text.
"""

import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import SealBroken
from gateway.keys import base64url

MAX_SEALED = 16 * 1024
"""The most characters a sealed value has, written or opened, unless a sealer allows more."""

_NONCE = 12
_TAG = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SealKey:
    """The two derived keys of one secret for one purpose: 256 bits each, and the id that names both."""

    kid: str
    encryption: bytes
    signature: bytes


class _Pair:
    """One key pair with everything that can be made before the first value comes."""

    __slots__ = ("aead", "inner", "outer", "signature")

    def __init__(self, key: SealKey) -> None:
        self.outer = _header(alg="dir", enc="A256GCM", cty="JWT", kid=key.kid)
        self.inner = _header(alg="HS256") + b"."
        self.aead = AESGCM(key.encryption)
        self.signature = key.signature


class Sealer:
    """Seals under the first key of a ring and opens under all of them, for one purpose.

    The purpose is in the keys and in their id, not in a `typ`: cookies have no room to say it twice.
    *longest* is in characters.
    """

    def __init__(self, keys: Sequence[SealKey], *, longest: int = MAX_SEALED) -> None:
        self._longest = longest
        pairs = [_Pair(key) for key in keys]
        self._first = pairs[0]
        self._by_header = {pair.outer.decode(): pair for pair in pairs}

    def seal(self, payload: bytes, *, bound: bytes = b"") -> str:
        """Return *payload* signed, then encrypted, in compact form (RFC 7516, section 7.1).

        It opens only where the same *bound* is said again, such as the key of the row that it is
        kept in: that enters as additional authenticated data does in section 5.1, step 14. Raises
        ValueError where the result would be longer than this sealer's values may be.
        """
        pair = self._first
        signed = pair.inner + base64url.encode(payload)
        token = signed + b"." + base64url.encode(hmac.digest(pair.signature, signed, "sha256"))
        nonce = secrets.token_bytes(_NONCE)
        locked = pair.aead.encrypt(nonce, token, _authenticated(pair, bound))
        parts = (pair.outer, b"", *map(base64url.encode, (nonce, locked[:-_TAG], locked[-_TAG:])))
        sealed = b".".join(parts)
        if len(sealed) > self._longest:
            raise ValueError("too much to seal")
        return sealed.decode()

    def open(self, sealed: str, *, bound: bytes = b"") -> bytes:
        """Return the payload of *sealed*; raise SealBroken for every other text or *bound*."""
        if len(sealed) > self._longest:
            raise SealBroken("does not open")
        try:
            return self._open(sealed, bound)
        except Exception:  # whatever a decoder raises means the same, and its text may hold the value
            raise SealBroken("does not open") from None

    def _open(self, sealed: str, bound: bytes) -> bytes:
        header, wrapped_key, *parts = sealed.split(".")
        pair = self._by_header[header]
        nonce, ciphertext, tag = (base64url.decode(part.encode("ascii")) for part in parts)
        if wrapped_key or len(nonce) != _NONCE or len(tag) != _TAG:
            raise SealBroken
        token = pair.aead.decrypt(nonce, ciphertext + tag, _authenticated(pair, bound))
        signed, _, signature = token.rpartition(b".")
        expected = base64url.encode(hmac.digest(pair.signature, signed, "sha256"))
        if not hmac.compare_digest(signature, expected) or not signed.startswith(pair.inner):
            raise SealBroken
        return base64url.decode(signed[len(pair.inner) :])


def _authenticated(pair: _Pair, bound: bytes) -> bytes:
    return pair.outer + b"." + base64url.encode(bound) if bound else pair.outer


def _header(**members: str) -> bytes:
    return base64url.encode(json.dumps(members, separators=(",", ":")).encode())
