"""`[[providers.keys]]`: our private keys at one issuer."""

from typing import Literal, get_args

from pydantic import Field

from gateway.settings.fields import Word
from gateway.settings.files import ReadableFile
from gateway.settings.references import PrivateKey
from gateway.settings.table import Table

KeyAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
    "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW",
]  # fmt: skip

ContentEncryption = Literal["A256GCM", "A128GCM", "A256CBC-HS512", "A128CBC-HS256"]
CIPHERS = get_args(ContentEncryption)


class ProviderTlsSettings(Table):
    """TLS towards an issuer."""

    ca: ReadableFile | None = Field(
        default=None,
        description="PEM file of the authorities that vouch for it. Default: the system's.",
        examples=["certs/internal-ca.pem"],
    )
    client_cert: ReadableFile | None = Field(
        default=None,
        description="PEM file of the certificate that we show: tokens are then bound to it (RFC 8705).",
        examples=["certs/gateway.pem"],
    )
    client_key: ReadableFile | None = Field(
        default=None,
        description="PEM file of its key, where the certificate's own file does not hold it.",
        examples=["certs/gateway.key"],
    )


class ClientKeySettings(Table):
    """A private key of ours that one issuer knows by its public half."""

    key: PrivateKey = Field(
        description="A reference to the private key in PEM: RSA, P-256, P-384, P-521, Ed25519 or X25519.",
        examples=[{"file": "keys/company.pem"}],
    )
    use: Literal["sig", "enc"] = Field(
        default="sig", description='Whether it signs for us ("sig") or opens what is encrypted to us ("enc").'
    )
    alg: KeyAlgorithm | None = Field(
        default=None,
        description="How it is used. Default: the usual one for its type (PS256, ES256, EdDSA; RSA-OAEP-256, "
        "ECDH-ES+A256KW).",
        examples=["ES256"],
    )
    kid: Word | None = Field(
        default=None, description="Its id. Default: its thumbprint (RFC 7638).", examples=["2026-11"]
    )
