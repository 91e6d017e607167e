"""Keys that sign for others: ES256 (RFC 7518, section 3.4), published as a JWK set (RFC 7517)."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto.jwk import JWK  # type: ignore[import-untyped]

SEED = 48
"""Octets that make one private key: 128 bits beyond the order, more than FIPS 186-5 asks."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, FIPS 186-5
_ECDSA = ec.ECDSA(SHA256())


class SigningKey:
    """One ES256 key; `kid` is the thumbprint of its public half (RFC 7638)."""

    __slots__ = ("_private", "alg", "jwk", "kid")

    def __init__(self, seed: bytes) -> None:
        """Derive the key from *seed*, `SEED` uniformly random octets (FIPS 186-5, A.2.1)."""
        scalar = int.from_bytes(seed, "big") % (_ORDER - 1) + 1
        self._private = ec.derive_private_key(scalar, ec.SECP256R1())
        public = JWK.from_pyca(self._private.public_key())
        self.alg = "ES256"
        self.kid: str = public.thumbprint()
        self.jwk: dict[str, object] = {
            **public.export_public(as_dict=True),
            "kid": self.kid,
            "use": "sig",
            "alg": self.alg,
        }

    def sign(self, signed: bytes) -> bytes:
        """Return the signature over *signed*: r and s, 32 octets each."""
        r, s = decode_dss_signature(self._private.sign(signed, _ECDSA))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def pem(self) -> str:
        """Return the public half as PEM."""
        public = self._private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


class SigningKeys:
    """The signing keys of a ring: the first signs, all are published."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._keys = tuple(keys)

    @property
    def current(self) -> SigningKey:
        return self._keys[0]

    @property
    def kids(self) -> tuple[str, ...]:
        return tuple(key.kid for key in self._keys)

    def pem(self) -> str:
        """Return the same public keys, in the same order, as PEM (RFC 7468, section 13)."""
        return "".join(key.pem() for key in self._keys)

    def jwks(self) -> dict[str, object]:
        """Return the public keys of the whole ring, the current one first."""
        return {"keys": self.public()}

    def public(self) -> list[dict[str, object]]:
        """Return the same public keys, each as a JWK."""
        return [dict(key.jwk) for key in self._keys]
