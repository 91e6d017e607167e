"""Our own keys at an issuer: what signs for us, what opens for us, and the public halves it is told.

Law: a key is for one use and one algorithm, both from the configuration (RFC 8725 3.1, 3.5); an
algorithm is taken from the key's type where none is written, never from an issuer.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from warnings import catch_warnings

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode

Use = Literal["sig", "enc"]

LIFETIME = 60
"""Seconds for which what we sign is good: it is made for one request."""

_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}
_KEY_AGREEMENT = ("ECDH-ES+A256KW", "ECDH-ES+A128KW", "ECDH-ES")
_RSA = ("PS256", "PS384", "PS512", "RS256", "RS384", "RS512")


class ClientKeyRefused(ValueError):
    """A configured key is not one to use. The message never quotes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """A private key of ours in PEM. Raises ClientKeyRefused.

    Left out, `algorithm` is the usual one for the key's type, and `kid` its thumbprint (RFC 7638).
    """

    pem: str = field(repr=False)
    use: Use = "sig"
    algorithm: str = ""
    kid: str = ""
    key: Key = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = _imported(self.pem)
        possible = _algorithms(key) if self.use == "sig" else _key_algorithms(key)
        algorithm = self.algorithm or possible[0]
        if algorithm not in possible:
            raise ClientKeyRefused(f"is no key for {algorithm}: its type allows {', '.join(possible)}")
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "kid", self.kid or key.thumbprint())

    def sign(self, claims: Mapping[str, object], *, kind: str = "JWT") -> str:
        """Return *claims* as a compact JWS of this key, `typ` being *kind*."""
        header = {"alg": self.algorithm, "kid": self.kid, "typ": kind}
        return signed(header, claims, self.key)

    def public(self) -> dict[str, object]:
        """Return the public half as a JWK (RFC 7517)."""
        members = self.key.as_dict(private=False)
        return {**members, "kid": self.kid, "use": self.use, "alg": self.algorithm}


def public_set(keys: Iterable[ClientKey]) -> dict[str, object]:
    """Return the JWK set to give to an issuer (RFC 7517 5)."""
    return {"keys": [key.public() for key in keys]}


def signed(header: Mapping[str, object], claims: Mapping[str, object], key: Key) -> str:
    """Return *claims* as a compact JWS under exactly *header* (RFC 7515 7.1)."""
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)]
    signing_input = b".".join(urlsafe_b64encode(part) for part in parts)
    # The algorithm is asked for by itself: joserfc's own serialisation warns of the name `EdDSA`.
    signature = JWSRegistry.algorithms[str(header["alg"])].sign(signing_input, key)
    return b".".join((signing_input, urlsafe_b64encode(signature))).decode("ascii")


def secret_key(secret: str) -> OctKey:
    """Return a client secret as a key for HMAC."""
    return OctKey.import_key(secret.encode())


def fresh_id() -> str:
    """Return a `jti` that no other token has."""
    return secrets.token_urlsafe(24)


def _imported(pem: str) -> Key:
    if "PRIVATE KEY-----" not in pem or "ENCRYPTED" in pem:
        raise ClientKeyRefused("is not an unencrypted private key in PEM")
    for kind in (ECKey, RSAKey, OKPKey):
        try:
            # A short RSA key only earns a warning there; we refuse it.
            with catch_warnings(action="ignore"):
                key = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        if key.is_private:
            return key
    raise ClientKeyRefused("is not a private RSA, EC or Ed25519 key in PEM")


def _algorithms(key: Key) -> tuple[str, ...]:
    """Return what *key* can sign with, the usual one first."""
    if isinstance(key, RSAKey):
        _check_length(key)
        return _RSA
    usual = _BY_CURVE.get(_curve(key))
    if usual is None:
        raise ClientKeyRefused("is of a curve that signs nothing here: P-256, P-384, P-521 or Ed25519")
    return (usual, "Ed25519") if usual == "EdDSA" else (usual,)


def _key_algorithms(key: Key) -> tuple[str, ...]:
    """Return how a token can be encrypted to *key* (RFC 7518 4.1), the usual one first."""
    if isinstance(key, RSAKey):
        _check_length(key)
        return ("RSA-OAEP-256",)
    if _curve(key) not in ("P-256", "P-384", "P-521", "X25519"):
        raise ClientKeyRefused("is of a curve that opens nothing here: P-256, P-384, P-521 or X25519")
    return _KEY_AGREEMENT


def _check_length(key: RSAKey) -> None:
    if key.raw_value.key_size < 2048:
        raise ClientKeyRefused("is an RSA key of less than 2048 bits")


def _curve(key: Key) -> str:
    return str(key.as_dict(private=False).get("crv"))
