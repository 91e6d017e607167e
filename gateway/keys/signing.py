"""Keys that sign for others (RFC 7518, section 3), published as a JWK set (RFC 7517).

One is made of the gateway's secret, for ES256, or given in PEM: then its type says the algorithm, and
nothing else does (RFC 8725, section 3.1).
"""

from collections.abc import Callable, Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from jwcrypto.jwk import JWK  # type: ignore[import-untyped]

SEED = 48
"""Octets that make one private key: 128 bits beyond the order, more than FIPS 186-5 asks."""

SHORTEST_RSA = 2048
"""Bits that a modulus has at least (RFC 7518, section 3.3)."""

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256, FIPS 186-5
_ECDSA = ec.ECDSA(SHA256())

Private = ec.EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey


class SigningKeyRefused(ValueError):
    """A given key is not one to sign with. The message never quotes it."""


class SigningKey:
    """One key; `kid` is the thumbprint of its public half (RFC 7638), `alg` what it signs by.

    *private* is P-256 (ES256), Ed25519 (EdDSA) or RSA (RS256), else SigningKeyRefused is raised.
    """

    __slots__ = ("_private", "_signature", "alg", "jwk", "kid")

    def __init__(self, private: Private) -> None:
        self._private = private
        self.alg, self._signature = _by_type(private)
        public = JWK.from_pyca(private.public_key())
        self.kid: str = public.thumbprint()
        self.jwk: dict[str, object] = {
            **public.export_public(as_dict=True),
            "kid": self.kid,
            "use": "sig",
            "alg": self.alg,
        }

    def sign(self, signed: bytes) -> bytes:
        """Return the signature over *signed* as a JWS carries it."""
        return self._signature(signed)

    def pem(self) -> str:
        """Return the public half as PEM."""
        public = self._private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def derived(seed: bytes) -> SigningKey:
    """Derive an ES256 key from *seed*, `SEED` uniformly random octets (FIPS 186-5, A.2.1)."""
    scalar = int.from_bytes(seed, "big") % (_ORDER - 1) + 1
    return SigningKey(ec.derive_private_key(scalar, ec.SECP256R1()))


def given(pem: str) -> SigningKey:
    """Return the key that *pem* holds, without a passphrase; raise SigningKeyRefused."""
    try:
        private = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise SigningKeyRefused("is under a passphrase, which nobody is there to type") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningKeyRefused("is not a private key in PEM") from None
    if not isinstance(private, Private):
        raise SigningKeyRefused(_WANTED)
    return SigningKey(private)


_WANTED = "is none of P-256 (ES256), Ed25519 (EdDSA) and RSA (RS256)"


def _by_type(private: Private) -> tuple[str, Callable[[bytes], bytes]]:
    if isinstance(private, Ed25519PrivateKey):
        return "EdDSA", private.sign
    if isinstance(private, RSAPrivateKey):
        if private.key_size < SHORTEST_RSA:
            raise SigningKeyRefused(f"has {private.key_size} bits, and RS256 needs {SHORTEST_RSA}")
        return "RS256", lambda signed: private.sign(signed, padding.PKCS1v15(), SHA256())
    if not isinstance(private.curve, ec.SECP256R1):
        raise SigningKeyRefused(_WANTED)
    return "ES256", lambda signed: _r_and_s(private.sign(signed, _ECDSA))


def _r_and_s(signature: bytes) -> bytes:
    """Return an ECDSA *signature* as r and s, 32 octets each (RFC 7518, section 3.4)."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class SigningKeys:
    """The signing keys of a gateway, of which `current` signs, the first; all are published."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._keys = tuple(keys)
        self.current = self._keys[0]

    @property
    def kids(self) -> tuple[str, ...]:
        return tuple(key.kid for key in self._keys)

    def after(self, keys: Sequence[SigningKey]) -> "SigningKeys":
        """Return these keys after *keys*, the first of which then signs."""
        return SigningKeys((*keys, *self._keys))

    def pem(self) -> str:
        """Return the same public keys, in the same order, as PEM (RFC 7468, section 13)."""
        return "".join(key.pem() for key in self._keys)

    def jwks(self) -> dict[str, object]:
        """Return the public keys, the current one first."""
        return {"keys": self.public()}

    def public(self) -> list[dict[str, object]]:
        """Return the same public keys, each as a JWK."""
        return [dict(key.jwk) for key in self._keys]
