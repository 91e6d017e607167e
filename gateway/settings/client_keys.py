"""`[[providers.keys]]`: our private keys at one issuer."""

from typing import Literal

from pydantic import Field

from gateway.settings.fields import Word
from gateway.settings.references import PrivateKey
from gateway.settings.table import Table

SigningAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
]


class ClientKeySettings(Table):
    """A private key of ours that one issuer knows by its public half."""

    key: PrivateKey = Field(
        description="A reference to the private key in PEM: RSA, P-256, P-384, P-521 or Ed25519.",
        examples=[{"file": "keys/company.pem"}],
    )
    alg: SigningAlgorithm | None = Field(
        default=None,
        description="What it signs with. Default: the usual one for its type (PS256, ES256, EdDSA, …).",
        examples=["ES256"],
    )
    kid: Word | None = Field(
        default=None, description="Its id. Default: its thumbprint (RFC 7638).", examples=["2026-11"]
    )
