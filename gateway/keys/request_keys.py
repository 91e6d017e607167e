"""Keys that sign requests for upstreams (RFC 9421): shared ones, and one whose public half is published.

A key's id follows from the key alone, so whoever holds the same key calls it by the same name.
"""

import hmac

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto.jwk import JWK  # type: ignore[import-untyped]

from gateway.keys import base64url

ED25519_SEED = 32
"""Octets that are one private key (RFC 8032, section 5.1.5)."""

_KEY_ID = 9
_NAMED = b"vestibule/1 request key id"


class SharedKey:
    """A key that the gateway and one upstream hold: HMAC-SHA256 (RFC 9421, section 3.3.3)."""

    __slots__ = ("_secret", "alg", "keyid")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.alg = "hmac-sha256"
        self.keyid = base64url.encode(hmac.digest(secret, _NAMED, "sha256")[:_KEY_ID]).decode("ascii")

    def sign(self, signed: bytes) -> bytes:
        """Return the 32-octet tag over *signed*."""
        return hmac.digest(self._secret, signed, "sha256")

    def secret_jwk(self) -> dict[str, object]:
        """Return the key itself as a JWK (RFC 7518, section 6.4): whoever reads it can sign."""
        secret = base64url.encode(self._secret).decode("ascii")
        return {"kty": "oct", "kid": self.keyid, "use": "sig", "alg": "HS256", "k": secret}


class Ed25519Key:
    """One Ed25519 key (RFC 9421, section 3.3.6); `keyid` is the thumbprint of its public half (RFC 7638)."""

    __slots__ = ("_private", "alg", "jwk", "keyid")

    def __init__(self, seed: bytes) -> None:
        """Take the private key from *seed*, `ED25519_SEED` uniformly random octets."""
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = JWK.from_pyca(self._private.public_key())
        self.alg = "ed25519"
        self.keyid: str = public.thumbprint()
        # RFC 9864 names it Ed25519, but most readers of key sets know it as EdDSA alone.
        self.jwk: dict[str, object] = {
            **public.export_public(as_dict=True),
            "kid": self.keyid,
            "use": "sig",
            "alg": "EdDSA",
        }

    def sign(self, signed: bytes) -> bytes:
        """Return the 64-octet signature over *signed*."""
        return self._private.sign(signed)

    def pem(self) -> str:
        """Return the public half as PEM."""
        public = self._private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
